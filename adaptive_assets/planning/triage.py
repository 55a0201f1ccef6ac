"""Triage: which queued runs may go at all, as far as their data and their time window are concerned."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from adaptive_assets.planning.demand import FULL, demand_of
from adaptive_assets.planning.gating import not_ready
from adaptive_assets.planning.promise import Promise
from adaptive_assets.planning.snapshot import QueuedRun, Snapshot, Work
from adaptive_assets.planning.verdicts import Reason, ReasonCode
from adaptive_assets.planning.windows import opens_in
from adaptive_assets.planning.wording import seconds
from adaptive_assets.policy import Policy, PolicyBook

__all__ = ["Band", "Position", "Triage", "triage"]

Position = tuple[int, float, int, float, str]
"""Where a run stands in line: tier, latest start in full, user's priority (negated), submission, run id."""


@dataclass(slots=True)
class Band:
    """Queued runs of one kind of work in the same situation, first in line first.

    ``closed`` are the gates that are shut for them; when they may go all the same, the policy says so:
    ``only_rungs`` when it says that they must then degrade.
    """

    work: Work
    policy: Policy
    rank: int
    runs: list[QueuedRun]
    closed: tuple[Reason, ...] = ()
    only_rungs: bool = False
    next: int = 0

    def position(self, run: QueuedRun) -> Position:
        """The place of ``run`` in the line of all runs."""
        deadline_at = Promise.of(self.policy, run).deadline_at
        latest_start = (
            float("inf") if deadline_at is None else deadline_at - demand_of(self.policy, FULL).duration
        )
        return (self.rank, latest_start, -run.priority, run.submitted_at, run.run_id)

    @property
    def rest(self) -> tuple[QueuedRun, ...]:
        """The runs that have no decision yet."""
        return tuple(self.runs[self.next :])


@dataclass(slots=True)
class Triage:
    """``ready`` bands go on to admission; ``waiting`` ones wait for data or time; ``expired`` ones fail."""

    ready: list[Band] = field(default_factory=list)
    waiting: list[Band] = field(default_factory=list)
    expired: list[Band] = field(default_factory=list)


def triage(snapshot: Snapshot, book: PolicyBook) -> Triage:
    """Sort the queue into bands. Gates are evaluated once per kind of work, not once per run."""
    sorted_out = Triage()
    for work, runs in _by_kind(snapshot.queued).items():
        policy = book.policy(work.policy)
        band = Band(work, policy, book.rank(policy.tier), runs)
        runs.sort(key=band.position)
        closed = not_ready(policy.gates, work, snapshot)
        shut_s = opens_in(policy.window, snapshot.at) if policy.window else 0.0
        if closed or shut_s:
            _split(band, closed, shut_s, snapshot.at, sorted_out)
        else:
            sorted_out.ready.append(band)
    return sorted_out


def _by_kind(queued: tuple[QueuedRun, ...]) -> dict[Work, list[QueuedRun]]:
    """Group by identity first: runs of a kind usually share one ``Work``, and hashing it costs more."""
    same: defaultdict[int, list[QueuedRun]] = defaultdict(list)
    for run in queued:
        same[id(run.work)].append(run)
    kinds: defaultdict[Work, list[QueuedRun]] = defaultdict(list)
    for runs in same.values():
        kinds[runs[0].work] += runs
    return kinds


def _split(band: Band, closed: tuple[Reason, ...], shut_s: float, at: float, into: Triage) -> None:
    """Part the runs that still wait from those whose patience is over."""
    gates, window = band.policy.gates, band.policy.window
    outside = tuple(_outside(band.policy, shut_s)) if shut_s else ()
    full = demand_of(band.policy, FULL)
    waiting: list[QueuedRun] = []
    ready: list[QueuedRun] = []
    waived: list[QueuedRun] = []
    degraded: list[QueuedRun] = []
    expired: list[QueuedRun] = []
    for run in band.runs:
        promise, waited = Promise.of(band.policy, run), at - run.submitted_at
        hurried = promise.endangered(full, at)
        if outside and not hurried and not (window and window.latest is not None and waited >= window.latest):
            waiting.append(run)
        elif not closed:
            ready.append(run)
        elif gates.wait_at_most is not None and waited >= gates.wait_at_most:
            {"launch": waived, "degrade": degraded, "fail": expired}[gates.then or "launch"].append(run)
        elif gates.then == "degrade" and hurried and band.policy.degrade and band.work.degradable:
            degraded.append(run)
        else:
            waiting.append(run)

    def part(runs: list[QueuedRun], reasons: tuple[Reason, ...], only_rungs: bool = False) -> Iterator[Band]:
        if runs:
            yield Band(band.work, band.policy, band.rank, runs, reasons, only_rungs)

    into.waiting += part(waiting, closed + outside)
    into.ready += [*part(ready, ()), *part(waived, closed), *part(degraded, closed, only_rungs=True)]
    into.expired += part(expired, closed)


def _outside(policy: Policy, shut_s: float) -> Iterator[Reason]:
    window = policy.window
    if window is None:
        return
    latest = "" if window.latest is None else f", or goes after {seconds(window.latest)} of waiting"
    yield Reason(
        ReasonCode.OUTSIDE_WINDOW,
        f"prefers {window.prefer} {window.timezone}, which opens in {seconds(shut_s)}{latest}",
        {"opens_in_s": shut_s, "latest_s": window.latest},
    )
