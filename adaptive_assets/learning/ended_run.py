"""What is learned from, and what is asked about: runs that ended, and runs that have not."""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from adaptive_assets.planning.snapshot import ActiveRun, Declaration, QueuedRun, Work

_ABSURD: Final = 1e18
"""An exabyte, or twice the age of the universe: something was measured in the wrong unit."""


@dataclass(frozen=True, slots=True)
class SubmittedRun:
    """What is known of a run before it has ended.

    ``root_run_id`` is the first of the attempts that it repeats, or its own id if it repeats none;
    ``input_size`` is in whatever unit its kind of work counts by; ``declared`` is what was said that it
    takes.
    """

    work: Work
    root_run_id: str = ""
    input_size: float | None = None
    declared: Declaration | None = None

    @classmethod
    def of(cls, run: QueuedRun | ActiveRun) -> "SubmittedRun":
        """The run, as a snapshot has it."""
        return cls(run.work, run.root_run_id or run.run_id, run.input_size, run.declared)


class Ending(StrEnum):
    """How a run ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    OUT_OF_MEMORY = "out_of_memory"
    """It was killed because memory ran out."""
    CANCELED = "canceled"
    """It was told to end: by a user, or to give way to others and be queued again."""


@dataclass(frozen=True, slots=True)
class EndedRun:
    """One run that ended, and what it took; ``None`` where that could not be seen.

    ``ended_at`` is in POSIX seconds, ``duration_s`` in seconds from the start of user code to its end,
    ``cpu`` in cores at the peak (or the mean, where that is all there is; always the same of the two for a
    kind of work), ``memory`` in bytes at the peak.

    Raises:
        ValueError: a number is negative, not a number, or beyond anything real (10 to the 18th).
    """

    run: SubmittedRun
    mode: str
    ended_at: float
    ending: Ending
    duration_s: float | None = None
    cpu: float | None = None
    memory: int | None = None
    run_id: str = ""
    """Its own id, by which it is learned from once if it is told twice; empty where none is told twice."""
    cores_busy: float = 0.0
    """The share of its time in which all cores were busy, so that it might have used more than ``cpu``."""

    @property
    def succeeded(self) -> bool:
        """Whether it took what such a run takes: the others say no more than that it takes as much."""
        return self.ending is Ending.SUCCEEDED

    def __post_init__(self) -> None:
        """Refuse what nothing can be learned from, before it spoils what was learned."""
        if not math.isfinite(self.ended_at):
            raise ValueError(f"ended_at is {self.ended_at}, which is no time")
        amounts = {"duration_s": self.duration_s, "cpu": self.cpu, "memory": self.memory}
        for name, value in {**amounts, "input_size": self.run.input_size}.items():
            if value is not None and not 0 <= value <= _ABSURD:
                raise ValueError(f"{name} is {value}; it must be from 0 to {_ABSURD:g}")
