"""What each owner has used of late."""

import math
from collections.abc import Mapping, Sequence

__all__ = ["DecayedUsage"]


class DecayedUsage:
    """Core-seconds by owner that count half after each ``half_life_s``.

    Each owner has one number and the time it is as of, so that an addition costs the same however long the
    history is.  Who has used next to nothing of late (a hundredth of a core-second) is forgotten.
    """

    _NOTHING = 0.01

    def __init__(self, half_life_s: float = 3600.0) -> None:
        if not half_life_s > 0:
            raise ValueError(f"half_life_s is {half_life_s}; it must be more than zero")
        self._half_life_s = half_life_s
        self._used: dict[str, tuple[float, float]] = {}

    def add(self, owner: str, core_seconds: float, at: float) -> None:
        """``owner`` has used ``core_seconds`` up to ``at``; additions may come late and out of order."""
        if not 0 <= core_seconds < math.inf:
            raise ValueError(f"core_seconds is {core_seconds}; it must be zero or more, and finite")
        before, as_of = self._used.get(owner, (0.0, at))
        latest = max(as_of, at)
        self._used[owner] = (
            self._left(before, latest - as_of) + self._left(core_seconds, latest - at),
            latest,
        )

    def at(self, now: float) -> Mapping[str, float]:
        """What each owner has used, as it counts at ``now``, by name."""
        left = ((owner, self._left(used, now - as_of)) for owner, (used, as_of) in sorted(self._used.items()))
        return {owner: used for owner, used in left if used >= self._NOTHING}

    def snapshot(self) -> Mapping[str, Sequence[float]]:
        """What each owner has used, and as of when, as JSON has it."""
        return self._used

    def restore(self, snapshot: Mapping[str, Sequence[float]]) -> None:
        """Begin with what gave ``snapshot``."""
        self._used = {owner: (float(used), float(as_of)) for owner, (used, as_of) in snapshot.items()}

    def _left(self, used: float, elapsed_s: float) -> float:
        """What is left after ``elapsed_s``; time that runs backwards brings nothing back."""
        return used * math.exp2(-max(elapsed_s, 0.0) / self._half_life_s)
