"""What is learned from: one run that ended."""

import math
from dataclasses import dataclass
from typing import Final

from adaptive_assets.planning.snapshot import Work

__all__ = ["Observation"]

_ABSURD: Final = 1e18
"""An exabyte, or twice the age of the universe: something was measured in the wrong unit."""


@dataclass(frozen=True, slots=True)
class Observation:
    """One run that ended, and what it took; ``None`` where that could not be seen.

    ``ended_at`` is in POSIX seconds, ``duration_s`` in seconds from the start of user code to its end,
    ``cpu`` in cores at the peak (or the mean, where that is all there is; always the same of the two for a
    kind of work), ``memory`` in bytes at the peak.  ``input_size`` is in whatever unit the kind counts by.

    Raises:
        ValueError: a number is negative, not a number, or beyond anything real (10 to the 18th).
    """

    work: Work
    mode: str
    ended_at: float
    succeeded: bool
    duration_s: float | None = None
    cpu: float | None = None
    memory: int | None = None
    input_size: float | None = None
    out_of_memory: bool = False
    """Whether it was ended because memory ran out; such a run has not succeeded."""

    def __post_init__(self) -> None:
        """Refuse what nothing can be learned from, before it spoils what was learned."""
        if not math.isfinite(self.ended_at):
            raise ValueError(f"ended_at is {self.ended_at}, which is no time")
        if self.succeeded and self.out_of_memory:
            raise ValueError("a run that ran out of memory has not succeeded")
        for name in ("duration_s", "cpu", "memory", "input_size"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= _ABSURD:
                raise ValueError(f"{name} is {value}; it must be from 0 to {_ABSURD:g}")
