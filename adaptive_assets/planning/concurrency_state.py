"""What a plan leaves behind for the next one."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ConcurrencyLimit:
    """How many runs at once the last plans found good for the machine, and whom they last let go ahead.

    A plan is a pure function, so what it must remember travels in the snapshot: whoever calls it puts
    the limit that a plan gave back into the next snapshot, unchanged.
    """

    limit: float
    """Runs at once; a fraction, because it moves in small steps."""
    at: float
    """When it was last moved."""
    promoted_at: float | None = None
    """When a run last went ahead of all others, because its tier had no more patience."""
