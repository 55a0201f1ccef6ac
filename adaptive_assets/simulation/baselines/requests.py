"""Priority with requests of cores and memory: what users of Kubernetes or Slurm have, for the same world."""

from dataclasses import dataclass
from heapq import nsmallest
from typing import Final

from adaptive_assets.planning.decisions import Decision, Plan
from adaptive_assets.planning.snapshot import Snapshot
from adaptive_assets.policy import PolicyBook
from adaptive_assets.simulation.baselines.placement import Placement
from adaptive_assets.simulation.baselines.stock import priority
from adaptive_assets.simulation.engine.cluster import Cluster

DEPTH: Final = 500
"""How many runs of the queue are tried in a cycle, as Slurm's ``bf_max_job_test``."""


@dataclass(frozen=True, slots=True)
class Requests:
    """At most ``runs`` at once on ``cluster``, each where what it requests is free.

    As in Kubernetes, a run that fits nowhere is passed by, and the next in order is tried.
    """

    cluster: Cluster
    runs: int
    by_tier: bool = True

    @property
    def name(self) -> str:
        """With its setting."""
        return f"requests, {self.runs} runs{', priority by tier' if self.by_tier else ''}"

    def __call__(self, snapshot: Snapshot, book: PolicyBook) -> Plan:
        """Start what fits, in order, while there are slots."""
        slots = self.runs - len(snapshot.active)
        placement = Placement(self.cluster, snapshot, book)
        depth = DEPTH if slots > 0 and placement.any_free else 0
        ahead = nsmallest(depth, snapshot.queued, key=priority(book, self.by_tier))
        started: list[Decision] = []
        for run in ahead:
            if len(started) < slots and (node := placement.host(run)):
                started.append(placement.start(run, node))
        return Plan(snapshot.at, book.revision, tuple(started))
