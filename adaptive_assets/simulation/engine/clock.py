"""Virtual time: how far runs have come that go at one speed.

A run has a *progress*, in the seconds that it would have taken alone on an idle machine.  All runs of a
machine that go at one speed are on one clock, which shows how far a run would have come that had been there
from the start; a run's stage ends when the clock shows its *due* time.  When the speed changes, the clock
changes and no run has to be touched, so an event costs O(log runs) (Zhang's virtual clock, 1990; Parekh and
Gallager's fluid model, 1993).
"""

from dataclasses import dataclass, field
from heapq import heappop
from typing import Any, Generic, Protocol, TypeVar


class Rider(Protocol):
    """What a machine knows of a run: how it goes, and the entry of the clock that it is on."""

    cpu: float
    io: float
    memory: int
    clock: "Clock[Any] | None"
    due: float
    left: float
    ticket: int

    @property
    def weight(self) -> float:
        """What each of its threads weighs, 1024 at nice 0."""
        ...


R = TypeVar("R", bound=Rider)


@dataclass(slots=True, eq=False)
class Clock(Generic[R]):
    """Virtual time of the runs that go at one speed."""

    weight: float
    io: float
    shows: float = 0.0
    rate: float = 0.0
    """How fast it goes: 1 is as fast as a run goes alone."""
    alone: float = 1.0
    """How fast it would go if no CPU was short."""
    cpu: float = 0.0
    """The cores that its runs use together at full speed."""
    riders: int = 0
    waiting: list[tuple[float, int, R]] = field(default_factory=list)
    """A heap by due time; entries whose ticket is no longer the run's are void."""

    def next_due(self) -> float | None:
        """When, on this clock, the next stage ends; drops void entries."""
        waiting = self.waiting
        while waiting:
            due, ticket, rider = waiting[0]
            if rider.ticket == ticket:
                return due
            heappop(waiting)
        return None
