"""What is to happen, and when."""

from collections.abc import Callable
from heapq import heappop, heappush
from math import inf
from typing import Any


class Agenda:
    """Calls to be made, in the order of their time; those of one time in the order in which they were put."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._number = 0

    def put(self, at: float, act: Callable[..., None], *arguments: object) -> None:
        """``act(*arguments)`` is to be called at ``at``."""
        self._number += 1
        heappush(self._heap, (at, self._number, act, arguments))

    @property
    def next_at(self) -> float:
        """The time of the next call; infinite if there is none."""
        return self._heap[0][0] if self._heap else inf

    def do_next(self) -> None:
        """Make the next call."""
        _, _, act, arguments = heappop(self._heap)
        act(*arguments)
