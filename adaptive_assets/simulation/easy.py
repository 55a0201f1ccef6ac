"""EASY backfilling on declared estimates, as a planner for the same world.

Lifka, *The ANL/IBM SP scheduling system*, 1995: the head of the line gets a reservation at the earliest time
at which, by what was declared, there is room for it; others may start before it if they fit now, and either
end before that time or leave the head its room. Here room is cores and memory, on several machines.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from heapq import nsmallest
from math import ceil
from typing import Final

from adaptive_assets.planning.demand import Demand, filled
from adaptive_assets.planning.snapshot import ActiveRun, QueuedRun, Snapshot
from adaptive_assets.planning.verdicts import Decision, Plan
from adaptive_assets.policy import PolicyBook
from adaptive_assets.simulation.baselines import launch, priority
from adaptive_assets.simulation.cluster import Cluster
from adaptive_assets.simulation.trace import TracedRun, Workload

__all__ = ["Easy", "declared_demands"]

DEPTH: Final = 500
"""How many runs behind the head are tried, as Slurm's ``bf_max_job_test``."""


def declared_demands(workload: Workload) -> Mapping[str, Demand]:
    """What is declared of each run, by id.

    Where the trace does not say, the 90th percentile of all runs of the name counts as declared: more than
    anybody knows beforehand, and generous to whoever relies on it.
    """
    by_name: defaultdict[str, list[TracedRun]] = defaultdict(list)
    for run in workload.runs:
        by_name[run.name].append(run)
    usual = {
        name: Demand(
            _p90([run.cpu for run in runs]),
            round(_p90([float(run.memory) for run in runs])),
            _p90([run.duration_s for run in runs]),
        )
        for name, runs in by_name.items()
    }
    return {run.run_id: filled(run.declared, usual[run.name]) for run in workload.runs}


def _p90(values: list[float]) -> float:
    return sorted(values)[ceil(0.9 * len(values)) - 1]


@dataclass(slots=True)
class _Free:
    """Room on a machine."""

    cpu: float
    memory: float

    def fits(self, demand: Demand) -> bool:
        return demand.cpu <= self.cpu + 1e-9 and demand.memory <= self.memory

    def take(self, demand: Demand) -> None:
        self.cpu -= demand.cpu
        self.memory -= demand.memory

    def give(self, demand: Demand) -> None:
        self.cpu += demand.cpu
        self.memory += demand.memory


@dataclass(frozen=True, slots=True)
class Easy:
    """EASY on ``cluster``; ``cpu_share`` of its cores may be promised, more than one to overcommit them.

    ``declared`` is by run id. A run that declares more than a machine has counts as one that wants all of it.
    """

    cluster: Cluster
    declared: Mapping[str, Demand]
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


class _Line:
    """One call of :class:`Easy`: the room that is left on each machine, and when more will be."""

    def __init__(self, easy: Easy, snapshot: Snapshot, book: PolicyBook) -> None:
        self._easy = easy
        self._book = book
        self._at = snapshot.at
        silent = {node.name for node in snapshot.nodes if snapshot.at - node.heard_at > node.lease_s}
        self._whole = {
            node.name: _Free(node.cores * easy.cpu_share, node.memory)
            for node in easy.cluster.nodes
            if node.name not in silent
        }
        self._free = {name: _Free(whole.cpu, whole.memory) for name, whole in self._whole.items()}
        self._ends: defaultdict[str, list[tuple[float, Demand]]] = defaultdict(list)
        for run in snapshot.active:
            self._occupy(run)

    @property
    def any_free(self) -> bool:
        """Whether anything at all could start."""
        return any(free.cpu > 0 and free.memory > 0 for free in self._free.values())

    def admit(self, ahead: list[QueuedRun]) -> Iterator[Decision]:
        """The runs that start now, of those in line."""
        place = 0
        while place < len(ahead) and (node := self._host(ahead[place])):
            yield self._start(ahead[place], node)
            place += 1
        if place == len(ahead) or not self._free:
            return
        reserved, shadow, extra = self._reserve(ahead[place])
        for run in ahead[place + 1 :]:
            for name, free in self._free.items():
                demand = self._demand(run, name)
                if not free.fits(demand):
                    continue
                in_time = self._at + self._easy.startup_s + demand.duration <= shadow
                if name != reserved or in_time or extra.fits(demand):
                    if name == reserved and not in_time:
                        extra.take(demand)
                    yield self._start(run, name)
                    break

    def _occupy(self, run: ActiveRun) -> None:
        name = run.node or next(iter(self._free), "")
        if name in self._free:
            demand = self._demand(run, name)
            self._free[name].take(demand)
            ends = run.launched_at + self._easy.startup_s + demand.duration
            self._ends[name].append((max(ends, self._at), demand))

    def _host(self, run: QueuedRun) -> str | None:
        """The machine with the most free cores on which ``run`` fits now."""
        fitting = [name for name, free in self._free.items() if free.fits(self._demand(run, name))]
        return max(fitting, key=lambda name: self._free[name].cpu, default=None)

    def _start(self, run: QueuedRun, name: str) -> Decision:
        demand = self._demand(run, name)
        self._free[name].take(demand)
        self._ends[name].append((self._at + self._easy.startup_s + demand.duration, demand))
        return launch(run, self._book, name)

    def _reserve(self, head: QueuedRun) -> tuple[str, float, _Free]:
        """Where and when there will be room for ``head``, and what will be left beside it then."""
        return min((self._room_for(head, name) for name in self._free), key=lambda found: found[1])

    def _room_for(self, head: QueuedRun, name: str) -> tuple[str, float, _Free]:
        demand, when = self._demand(head, name), self._at
        free = _Free(self._free[name].cpu, self._free[name].memory)
        for ends, other in sorted(self._ends[name], key=lambda end: end[0]):
            if free.fits(demand):
                break
            when = ends
            free.give(other)
        free.take(demand)
        return name, when, free

    def _demand(self, run: QueuedRun | ActiveRun, name: str) -> Demand:
        """What the run declares, and no more than the machine has."""
        demand, whole = self._easy.declared[run.run_id], self._whole[name]
        if demand.cpu <= whole.cpu and demand.memory <= whole.memory:
            return demand
        return Demand(min(demand.cpu, whole.cpu), int(min(demand.memory, whole.memory)), demand.duration)
