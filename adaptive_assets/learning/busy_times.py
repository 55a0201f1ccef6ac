"""When all cores of a machine were busy."""

from collections import deque
from typing import Final

BUSY: Final = 0.95
"""The share of all cores that is in use while they count as busy: readings are smoothed."""

KEPT_S: Final = 7 * 86400.0
"""For how long it is remembered: of a run that took longer, the last week says it."""


class BusyTimes:
    """The times, as readings tell them one after the other, in POSIX seconds.

    What is between two readings was as the first of them.
    """

    def __init__(self) -> None:
        self._spans: deque[list[float]] = deque()
        """From when until when, the earliest first."""
        self._is_busy = False
        self._read_at: float | None = None

    def read(self, at: float, used: float, capacity: float) -> None:
        """``used`` of ``capacity`` cores are in use at ``at``; readings may be told twice."""
        if self._read_at is not None and at <= self._read_at:
            return
        if self._is_busy and self._spans:
            self._spans[-1][1] = at
        is_busy = capacity > 0 and used >= BUSY * capacity
        if is_busy and not self._is_busy:
            self._spans.append([at, at])
        while self._spans and self._spans[0][1] < at - KEPT_S:
            self._spans.popleft()
        self._is_busy, self._read_at = is_busy, at

    def share(self, since: float, until: float) -> float:
        """The share of the time from ``since`` to ``until`` in which all cores were busy, from 0 to 1."""
        if until <= since or self._read_at is None:
            return 0.0
        busy = 0.0
        for start, end in reversed(self._spans):
            if end < since:
                break
            busy += max(0.0, min(end, until) - max(start, since))
        if self._is_busy:
            busy += max(0.0, until - max(since, self._read_at))
        return busy / (until - since)
