"""What runs of a kind have shown so far: what people without a learner set requests by.

Requests are set at a percentile of what was used (as Kubernetes' Vertical Pod Autoscaler recommends its
target at the 90th). Nothing is known of a run before one of its kind has ended, but for what was declared.
"""

from bisect import insort
from collections.abc import Mapping
from dataclasses import replace
from math import ceil
from typing import Final

from typing_extensions import override

from adaptive_assets.learning import Observation
from adaptive_assets.planning.estimates import Estimate, Spread
from adaptive_assets.planning.resource_request import FULL, ResourceRequest, estimate_key, request_of
from adaptive_assets.planning.snapshot import ActiveRun, QueuedRun, Snapshot
from adaptive_assets.policy import PolicyBook
from adaptive_assets.simulation.engine.knowledge import Told
from adaptive_assets.simulation.engine.policy_assignment import TraceKind
from adaptive_assets.simulation.engine.run_state import Run
from adaptive_assets.simulation.engine.settings import Knowledge
from adaptive_assets.simulation.engine.waiting_queue import WaitingQueue

__all__ = ["SHARE", "Shown", "requested", "told"]

SHARE: Final = 0.9
"""The percentile, as a share of one, at which requests are set."""


class _OfAKind:
    """All that the runs of a kind have shown, in ascending order."""

    def __init__(self) -> None:
        self.cpu: list[float] = []
        self.memory: list[float] = []
        self.duration: list[float] = []

    def note(self, seen: Observation) -> None:
        """What a run was seen to take; one that was killed shows only what it held."""
        for values, value in (
            (self.cpu, seen.cpu),
            (self.memory, seen.memory),
            (self.duration, seen.duration_s),
        ):
            if value is not None:
                insort(values, float(value))

    def estimate(self) -> Estimate | None:
        """At the percentile; ``None`` before a run has ended well."""
        if not self.duration:
            return None
        duration, cpu, memory = map(_at, (self.duration, self.cpu, self.memory))
        return Estimate(duration, cpu, memory, runs=float(len(self.duration)))


class Shown(Told):
    """Tells planners what kinds have shown, and of a run what was declared or what its last attempt held."""

    def __init__(self, most_memory: float, starts_at: float) -> None:
        super().__init__(Knowledge.DECLARED, most_memory, starts_at)
        self._kinds: dict[TraceKind, _OfAKind] = {}
        self._new: dict[TraceKind, None] = {}
        self._shown: Mapping[str, Estimate] = {}

    @override
    def arrives(self, run: Run, drift: float) -> None:
        super().arrives(run, drift)
        if run.asked and run.estimate is not None:
            run.estimate = replace(run.estimate, runs=1.0)  # its own attempt is evidence

    @override
    def estimates(self, line: WaitingQueue, now: float) -> Mapping[str, Estimate]:
        if self._new:
            changed = {
                estimate_key(kind.work, FULL): known
                for kind in self._new
                if (known := self._kinds[kind].estimate()) is not None
            }
            self._shown, self._new = {**self._shown, **changed}, {}
        return self._shown

    @override
    def _observe(self, kind: TraceKind, observation: Observation) -> None:
        self._kinds.setdefault(kind, _OfAKind()).note(observation)
        self._new[kind] = None


def told(knowledge: Knowledge, most_memory: float, starts_at: float) -> Told:
    """What tells a planner of runs, by what it is to know of them."""
    if knowledge is Knowledge.SHOWN:
        return Shown(most_memory, starts_at)
    return Told(knowledge, most_memory, starts_at)


def requested(run: QueuedRun | ActiveRun, snapshot: Snapshot, book: PolicyBook) -> ResourceRequest:
    """What ``run`` requests: what its kind has shown, before that what was declared of it, else the prior.

    A run that was killed for want of memory requests at least what it is known to want.
    """
    own = run.estimate
    known = snapshot.estimates.get(estimate_key(run.work, FULL)) or own
    if known is None:
        return request_of(book.policy(run.work.policy), FULL)
    memory = known.memory.p90
    if own is not None and own.runs:
        memory = max(memory, own.memory.p90)
    return ResourceRequest(known.cpu.p90, round(memory), known.duration.p90)


def _at(ordered: list[float]) -> Spread:
    return Spread.exactly(ordered[ceil(SHARE * len(ordered)) - 1])
