"""The state of the adaptive concurrency limit, from one plan to the next."""

from dataclasses import dataclass

__all__ = ["Pace"]


@dataclass(frozen=True, slots=True)
class Pace:
    """How many runs at once the last plans found good for the machine.

    A plan is a pure function, so what it must remember travels in the snapshot: a world puts the pace that a
    plan gave back into its next snapshot, unchanged.
    """

    limit: float
    """Runs at once; a fraction, because it moves in small steps."""
    at: float
    """When it was last moved."""
