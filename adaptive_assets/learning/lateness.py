"""How much longer than expected runs take just now."""

import math
from collections import deque
from statistics import median
from typing import Final

__all__ = ["Lateness"]

_WINDOW_S: Final = 600.0
_ENOUGH: Final = 5
_KEPT: Final = 256


class Lateness:
    """How far off their expectation the last runs were, on the logarithmic scale, and when they ended."""

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last: deque[tuple[float, float]] = deque(maxlen=_KEPT)

    def add(self, ended_at: float, off: float) -> None:
        """A run that succeeded took ``exp(off)`` times as long as was expected of it before."""
        self._last.append((ended_at, off))

    def factor(self, now: float) -> float | None:
        """The median over the last ten minutes; ``None`` with fewer than five runs in them."""
        late = [off for ended_at, off in self._last if now - _WINDOW_S <= ended_at <= now]
        return math.exp(median(late)) if len(late) >= _ENOUGH else None
