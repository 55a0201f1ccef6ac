"""What people use today, as planners for the same world.

Each says which queued runs start now, and nothing about the others: those wait. None looks at the machine,
learns, degrades, or touches a run once it has started; those with requests are in :mod:`.requests` and
:mod:`.easy`.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from heapq import nsmallest
from math import inf
from typing import Final

from adaptive_assets.planning.decisions import Decision, Plan, Verdict
from adaptive_assets.planning.reasons import Reason, ReasonCode
from adaptive_assets.planning.resource_request import FULL
from adaptive_assets.planning.snapshot import QueuedRun, Snapshot, Work
from adaptive_assets.policy import PolicyBook

_FITS: Final = (Reason(ReasonCode.FITS, sentence="there is a free slot"),)

Order = Callable[[QueuedRun], tuple[float, ...]]
"""Where a run stands in the queue; of equals the first submitted is first."""


@dataclass(frozen=True, slots=True)
class Stock:
    """Dagster's own queue: priority, then first in first out, ``max_concurrent_runs`` = ``runs``.

    ``by_tier`` is a deployment whose people gave runs of higher tiers a higher ``dagster/priority``.
    """

    runs: int
    by_tier: bool = True

    @property
    def name(self) -> str:
        """With its setting."""
        return f"stock, {self.runs} runs{', priority by tier' if self.by_tier else ''}"

    def __call__(self, snapshot: Snapshot, book: PolicyBook) -> Plan:
        """Fill the free slots."""
        free = self.runs - len(snapshot.active)
        return launching(nsmallest(free, snapshot.queued, key=priority(book, self.by_tier)), snapshot, book)


@dataclass(frozen=True, slots=True)
class TagLimits:
    """Dagster's own queue with a tag concurrency limit for each tier, by name; ``runs`` in all.

    As Dagster's dequeue pass does, it passes by a run whose tag is at its limit, and goes on with the next.
    """

    runs: int
    limits: Mapping[str, int] = field(default_factory=dict)
    by_tier: bool = True

    @property
    def name(self) -> str:
        """With its setting."""
        limits = ", ".join(f"{tier} at most {limit}" for tier, limit in self.limits.items())
        return f"tag limits, {self.runs} runs ({limits})"

    def __call__(self, snapshot: Snapshot, book: PolicyBook) -> Plan:
        """Fill the free slots, tier by tier: order within a tier is all that its limit leaves open."""
        free = self.runs - len(snapshot.active)
        left: dict[str, float] = defaultdict(lambda: inf, self.limits)
        for run in snapshot.active:
            left[_tier(run.work, book)] -= 1
        order = priority(book, self.by_tier)
        queued: defaultdict[str, list[QueuedRun]] = defaultdict(list)
        for waiting in snapshot.queued:
            queued[_tier(waiting.work, book)].append(waiting)
        allowed: list[QueuedRun] = []
        for tier, runs in queued.items():
            allowed += nsmallest(int(max(0.0, min(free, left[tier]))), runs, key=order)
        return launching(nsmallest(free, allowed, key=order), snapshot, book)


@dataclass(frozen=True, slots=True)
class Edf:
    """Earliest deadline first, ``runs`` at once; what has no deadline comes last, first in first out."""

    runs: int

    @property
    def name(self) -> str:
        """With its setting."""
        return f"EDF, {self.runs} runs"

    def __call__(self, snapshot: Snapshot, book: PolicyBook) -> Plan:
        """Fill the free slots."""
        free = self.runs - len(snapshot.active)

        def due(run: QueuedRun) -> tuple[float, ...]:
            return (_deadline(run, book), -run.priority, run.submitted_at)

        return launching(nsmallest(free, snapshot.queued, key=due), snapshot, book)


def priority(book: PolicyBook, by_tier: bool) -> Order:
    """Priority, then first in first out; with ``by_tier``, the tier counts before all that."""
    ranks = {
        policy.name: book.rank(policy.tier) if by_tier else 0 for policy in (*book.policies, book.default)
    }

    def place(run: QueuedRun) -> tuple[float, ...]:
        return (ranks[run.work.policy], -run.priority, run.submitted_at)

    return place


def launching(runs: Iterable[QueuedRun], snapshot: Snapshot, book: PolicyBook, node: str = "") -> Plan:
    """The plan that launches ``runs``, in that order, in full."""
    return Plan(snapshot.at, book.revision, tuple(launch(run, book, node) for run in runs))


def launch(run: QueuedRun, book: PolicyBook, node: str = "") -> Decision:
    """``run`` starts now."""
    return Decision(Verdict.LAUNCH, run.work, _tier(run.work, book), FULL, _FITS, (run,), node=node)


def _tier(work: Work, book: PolicyBook) -> str:
    return book.policy(work.policy).tier


def _deadline(run: QueuedRun, book: PolicyBook) -> float:
    """When the run is due, by itself or by its policy; infinite for what is never due."""
    if run.deadline_at is not None:
        return run.deadline_at
    objective = book.policy(run.work.policy).objective
    promised = objective.deadline if objective else None
    return inf if promised is None else run.submitted_at + promised
