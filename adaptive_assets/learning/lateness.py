"""How much longer than expected runs take just now."""

import math
from collections import deque
from collections.abc import Sequence
from statistics import median

from adaptive_assets.learning.tuning import LearningTuning

__all__ = ["Lateness"]


class Lateness:
    """How far off their expectation the last runs were, on the logarithmic scale, and when they ended."""

    __slots__ = ("_last", "_tuning")

    def __init__(self, tuning: LearningTuning) -> None:
        self._last: deque[tuple[float, float]] = deque(maxlen=tuning.slow_kept)
        self._tuning = tuning

    def add(self, ended_at: float, off: float) -> None:
        """A run that succeeded took ``exp(off)`` times as long as was expected of it before."""
        self._last.append((ended_at, off))

    def factor(self, now: float) -> float | None:
        """The median over the last ten minutes; ``None`` with fewer than five runs in them."""
        since = now - self._tuning.slow_window_s
        late = [off for ended_at, off in self._last if since <= ended_at <= now]
        return math.exp(median(late)) if len(late) >= self._tuning.slow_runs else None

    def snapshot(self) -> Sequence[Sequence[float]]:
        """All that is remembered, plain."""
        return [*self._last]

    def restore(self, plain: Sequence[Sequence[float]]) -> None:
        """Become what ``plain`` was made of."""
        self._last.extend((ended_at, off) for ended_at, off in plain)
