"""EASY backfilling on requests, as a planner for the same world.

Lifka, *The ANL/IBM SP scheduling system*, 1995: the head of the line gets a reservation at the earliest time
at which, by what was requested, there is room for it; others may start before it if they fit now, and either
end before that time or leave the head its room. Here room is cores and memory, on several machines.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import nsmallest

from typing_extensions import override

from adaptive_assets.planning.decisions import Decision, Plan
from adaptive_assets.planning.resource_request import ResourceRequest
from adaptive_assets.planning.snapshot import QueuedRun, Snapshot
from adaptive_assets.policy import PolicyBook
from adaptive_assets.simulation.baselines.placement import FreeCapacity, Placement
from adaptive_assets.simulation.baselines.requests import DEPTH
from adaptive_assets.simulation.baselines.stock import priority
from adaptive_assets.simulation.engine.cluster import Cluster


@dataclass(frozen=True, slots=True)
class Easy:
    """EASY on ``cluster``; ``cpu_share`` of its cores may be requested, more than one to overcommit them.

    Cores, memory and duration of a run are what it ``requested``.
    """

    cluster: Cluster
    cpu_share: float = 1.0
    by_tier: bool = True
    startup_s: float = 4.0
    name: str = field(init=False, default="")

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", f"EASY backfill, {self.cpu_share:.0%} of the cores")

    def __call__(self, snapshot: Snapshot, book: PolicyBook) -> Plan:
        """Start what fits in order; then reserve for the first that does not, and fill the gaps."""
        line = _Line(self, snapshot, book)
        ahead = nsmallest(DEPTH, snapshot.queued, key=priority(book, self.by_tier)) if line.any_free else []
        return Plan(snapshot.at, book.revision, tuple(line.admit(ahead)))


class _Line(Placement):
    """One call of :class:`Easy`: the room that is left on each machine, and when more will be."""

    def __init__(self, easy: Easy, snapshot: Snapshot, book: PolicyBook) -> None:
        super().__init__(easy.cluster, snapshot, book, easy.cpu_share)
        self._at = snapshot.at
        self._startup_s = easy.startup_s
        self._ends: defaultdict[str, list[tuple[float, ResourceRequest]]] = defaultdict(list)
        for run in snapshot.active:
            if name := self.node_of(run):
                request = self.request(run, name)
                ends = run.launched_at + easy.startup_s + request.duration
                self._ends[name].append((max(ends, self._at), request))

    def admit(self, ahead: list[QueuedRun]) -> Iterator[Decision]:
        """The runs that start now, of those in the queue."""
        place = 0
        while place < len(ahead) and (node := self.host(ahead[place])):
            yield self.start(ahead[place], node)
            place += 1
        if place == len(ahead) or not self.free:
            return
        reserved, shadow, extra = self._reserve(ahead[place])
        for run in ahead[place + 1 :]:
            for name, free in self.free.items():
                request = self.request(run, name)
                if not free.fits(request):
                    continue
                in_time = self._at + self._startup_s + request.duration <= shadow
                if name != reserved or in_time or extra.fits(request):
                    if name == reserved and not in_time:
                        extra.take(request)
                    yield self.start(run, name)
                    break

    @override
    def start(self, run: QueuedRun, name: str) -> Decision:
        """``run`` starts on that machine, and is to end there by what it requests."""
        request = self.request(run, name)
        self._ends[name].append((self._at + self._startup_s + request.duration, request))
        return super().start(run, name)

    def _reserve(self, head: QueuedRun) -> tuple[str, float, FreeCapacity]:
        """Where and when there will be room for ``head``, and what will be left beside it then."""
        return min((self._room_for(head, name) for name in self.free), key=lambda found: found[1])

    def _room_for(self, head: QueuedRun, name: str) -> tuple[str, float, FreeCapacity]:
        request, when = self.request(head, name), self._at
        free = FreeCapacity(self.free[name].cpu, self.free[name].memory)
        for ends, other in sorted(self._ends[name], key=lambda end: end[0]):
            if free.fits(request):
                break
            when = ends
            free.give(other)
        free.take(request)
        return name, when, free
