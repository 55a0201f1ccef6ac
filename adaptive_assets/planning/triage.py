"""Triage: which queued runs may go at all, as far as their data and their time window are concerned."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from itertools import islice
from math import ceil, inf
from operator import attrgetter, lt
from typing import Final

from adaptive_assets.planning.composition import essentials, spares
from adaptive_assets.planning.deadline import Deadline
from adaptive_assets.planning.decisions import Reason, ReasonCode
from adaptive_assets.planning.estimates import Estimate
from adaptive_assets.planning.explanation import no_rung
from adaptive_assets.planning.gating import not_ready
from adaptive_assets.planning.prices import too_dear
from adaptive_assets.planning.ranks import rank_of
from adaptive_assets.planning.requests import ResourceRequests
from adaptive_assets.planning.resource_request import FULL, ResourceRequest
from adaptive_assets.planning.size_order import LEAST, largest, size_class_of
from adaptive_assets.planning.snapshot import Claims, QueuedRun, Snapshot, Work
from adaptive_assets.planning.windows import opens_in
from adaptive_assets.planning.wording import seconds
from adaptive_assets.policy import Gates, Policy, PolicyBook, Rung
from adaptive_assets.policy.compositions import Composition

__all__ = ["AGE", "Position", "RunGroup", "Triage", "after_use", "triage"]

Position = tuple[int, float, int, int, int, float, str]
"""Where a run stands in line: tier, latest start in full, its owner's use of late, the user's priority
(negated), its bulk if it has no deadline, submission, run id."""


AGE: Final = attrgetter("submitted_at", "run_id")
"""The order of submission, as a key."""

AGAIN_S: Final = 60.0
"""The least time that is given again to what is late: two cycles for a launch, and some."""

FRONT = -1
"""Before the first tier."""


@dataclass(slots=True)
class RunGroup:
    """Queued runs of one kind of work in the same situation, first in line first; all claim the same slots.

    ``shut`` are the gates and hours that are against them. When they may go all the same, the policy says
    so: ``only_rungs`` when it says that they must then degrade, and ``spared`` where that can be without the
    optional stages alone, since nobody else reads what is not ready. Machines that cost more than ``most``
    are too dear for them. ``promoted`` ones have waited beyond their tier's patience and stand before all
    others. ``mode`` is the one in which all is made, and ``full`` what that takes; it is another than full
    mode where that could ``never`` fit. How much of a machine that is, their ``size_class`` says.
    """

    work: Work
    policy: Policy
    rank: int
    full: ResourceRequest
    runs: list[QueuedRun]
    shut: tuple[Reason, ...] = ()
    only_rungs: bool = False
    most: float = inf
    promoted: bool = False
    by_age: bool = False
    """Whether the runs stand in the order of their submission."""
    next: int = 0
    at: float = 0.0
    """Now."""
    spared: bool = False
    mode: str = FULL
    never: tuple[Reason, ...] = ()
    size_class: int = 0
    gates: Gates = field(default_factory=Gates)
    """Those that rule, which may be another policy's."""
    favoured: str = ""
    """The run whose bulk does not matter any more, because it has waited for long, if it is one of these."""

    @classmethod
    def of(
        cls, work: Work, book: PolicyBook, runs: list[QueuedRun], requests: ResourceRequests, at: float
    ) -> "RunGroup":
        """A band of ``runs``, all of the kind ``work``, with nothing against them."""
        policy = book.policy(work.policy)
        rank = rank_of(policy, book)
        most = policy.cost.at_most if policy.cost and book.prices else inf
        gates = book.policy(work.gated_by or work.policy).gates
        return cls(work, policy, rank, requests.of_run(runs[0]), runs, most=most, at=at, gates=gates)

    def position(self, run: QueuedRun) -> Position:
        """The place of ``run`` in the line of all runs, as if its owner had used nothing.

        One that cannot be in time any more is given as much time again as it had, as often as it takes: what
        is late anyway is not to make others late.
        """
        due = Deadline.of(self.policy, run).deadline_at
        latest_start = inf
        if due is not None:
            late = self.at - (due - self.full.median)
            if late > 0:
                allowed = max(due - run.submitted_at, AGAIN_S)
                due += ceil(late / allowed) * allowed
            latest_start = due - self.full.duration
        rank = FRONT if self.promoted else self.rank
        size_class = 0 if due is not None else LEAST if run.run_id == self.favoured else self.size_class
        return (rank, latest_start, 0, -run.priority, size_class, run.submitted_at, run.run_id)

    @property
    def claims(self) -> Claims | None:
        """The slots of Dagster's own limits that each of these runs takes."""
        return self.runs[0].claims

    @property
    def typical(self) -> ResourceRequest:
        """The demand in full, of a run that takes its median."""
        return replace(self.full, duration=self.full.median)

    @property
    def rungs(self) -> tuple[Rung, ...]:
        """The ladder, where these runs may take it."""
        return self.policy.degrade if self.work.degradable else ()

    @property
    def essentials(self) -> tuple[Composition, ...]:
        """The ways to run them without their optional stages, where the policy has any."""
        return essentials(self.policy, self.work)

    @property
    def rest(self) -> tuple[QueuedRun, ...]:
        """The runs that have no decision yet."""
        return tuple(self.runs[self.next :])

    def sort(self) -> None:
        """First in line first. Most come in the order of submission, and where all are alike that is it."""
        runs = self.runs
        if len(runs) == 1:
            self.by_age = True
            return
        if len({run.priority for run in runs}) == 1 and {run.deadline_at for run in runs} == {None}:
            submitted = [run.submitted_at for run in runs]
            if not all(map(lt, submitted, islice(submitted, 1, None))):
                runs.sort(key=AGE)
            due = Deadline.of(self.policy, runs[0]).deadline_at
            self.by_age = due is None or due - self.full.median >= self.at
        if not self.by_age:
            runs.sort(key=self.position)


def after_use(position: Position, level: int) -> Position:
    """The place of a run whose owner's use of late is at ``level``."""
    return (*position[:2], level, *position[3:])


@dataclass(slots=True)
class Triage:
    """``ready`` bands go on to admission; ``waiting`` ones wait for data or time; ``expired`` ones fail."""

    ready: list[RunGroup] = field(default_factory=list)
    waiting: list[RunGroup] = field(default_factory=list)
    expired: list[RunGroup] = field(default_factory=list)


def triage(
    snapshot: Snapshot,
    book: PolicyBook,
    requests: ResourceRequests,
    settle: Callable[[RunGroup], None] | None = None,
) -> Triage:
    """Sort the queue into bands. Gates are evaluated once per kind of work, not once per run.

    ``settle`` says of a new band in which mode all of its work can be done; without it, in full.
    """
    sorted_out = Triage()
    machine = largest(snapshot)
    hours: dict[str, tuple[Reason, ...]] = {}
    for runs in _by_kind(snapshot.queued):
        work = runs[0].work
        group = RunGroup.of(work, book, runs, requests, snapshot.at)
        if settle:
            settle(group)
        if group.rank > 0:  # in the highest tier nobody is let go ahead who has waited for long
            group.size_class = size_class_of(group.full, machine)
        group.sort()
        policy = group.policy
        closed = not_ready(group.gates, work, snapshot)
        if policy.name not in hours:
            hours[policy.name] = (
                *_outside(policy, snapshot.at),
                *too_dear(policy, book.prices, snapshot),
            )
        outside = hours[policy.name]
        if closed or outside or group.most < inf:
            _split(group, closed, outside, snapshot.at, sorted_out)
        else:
            sorted_out.ready.append(group)
    if not snapshot.clock_certain:
        sorted_out.waiting += sorted_out.expired
        sorted_out.expired = []
    for groups in (sorted_out.waiting, sorted_out.expired):
        groups.sort(key=lambda group: group.position(group.runs[0]))
    return sorted_out


def _by_kind(queued: tuple[QueuedRun, ...]) -> Iterable[list[QueuedRun]]:
    """Group by identity first: runs of a kind usually share one ``Work``, and hashing it costs more.

    A run of which more is known than of its kind is a kind for itself, with those that share its estimate.
    Runs of one kind may claim different slots, of tag concurrency limits.
    """
    same: defaultdict[tuple[int, int, int], list[QueuedRun]] = defaultdict(list)
    for run in queued:
        same[id(run.work), id(run.estimate), 0 if run.claims is None else id(run.claims)].append(run)
    kinds: defaultdict[tuple[Work, Estimate | None, Claims | None], list[QueuedRun]] = defaultdict(list)
    for runs in same.values():
        first = runs[0]
        kinds[first.work, first.estimate, first.claims] += runs
    return kinds.values()


class _Fate(Enum):
    """What becomes of a run whose gates or hours are shut."""

    EARLY = auto()
    """It waits for its hours."""
    UNREADY = auto()
    """It waits for its data."""
    STUCK = auto()
    """It should degrade now, has no rung, and waits for its data."""
    READY = auto()
    """Only its hours are against it, and it goes anyway."""
    WAIVED = auto()
    """Its data is against it, and it goes anyway."""
    DEGRADED = auto()
    """Its data is against it, and it goes on a rung."""
    SPARED = auto()
    """Data is against it that only optional stages read, and it goes without these."""
    EXPIRED = auto()
    """It fails."""


def _split(
    group: RunGroup, closed: tuple[Reason, ...], outside: tuple[Reason, ...], at: float, into: Triage
) -> None:
    """Part the runs that still wait from those whose patience is over."""
    parts: defaultdict[tuple[_Fate, float], list[QueuedRun]] = defaultdict(list)
    spared = bool(closed) and spares(group.policy, group.work, closed)
    for run in group.runs:
        fate = _fate(group, run, bool(closed), outside, at, spared=spared)
        parts[fate, _most(group, run, at)].append(run)
    for (fate, most), runs in parts.items():
        only_rungs = fate in (_Fate.DEGRADED, _Fate.SPARED)
        part = replace(
            group,
            runs=runs,
            shut=(*closed, *outside),
            only_rungs=only_rungs,
            most=most,
            spared=fate is _Fate.SPARED,
        )
        match fate:
            case _Fate.READY | _Fate.WAIVED | _Fate.DEGRADED | _Fate.SPARED:
                into.ready.append(part)
            case _Fate.EARLY:
                into.waiting.append(part)
            case _Fate.UNREADY:
                into.waiting.append(replace(part, shut=closed))
            case _Fate.STUCK:
                into.waiting.append(
                    replace(part, shut=(*closed, no_rung(group.policy, group.work, group.gates.wait_at_most)))
                )
            case _Fate.EXPIRED:
                into.expired.append(replace(part, shut=closed))


def _fate(
    group: RunGroup, run: QueuedRun, closed: bool, outside: tuple[Reason, ...], at: float, *, spared: bool
) -> _Fate:
    gates = group.gates
    waited = at - run.submitted_at
    hurried = Deadline.of(group.policy, run).endangered(group.full, at)
    if not hurried and any(not _over(_latest(group.policy, reason), waited) for reason in outside):
        return _Fate.EARLY
    if not closed:
        return _Fate.READY
    over = _over(gates.wait_at_most, waited)
    if spared and ((over and gates.then != "launch") or (hurried and not over)):
        return _Fate.SPARED
    if not over:
        return _Fate.DEGRADED if hurried and gates.then == "degrade" and group.rungs else _Fate.UNREADY
    if gates.then == "degrade":
        return _Fate.DEGRADED if group.rungs else _Fate.STUCK
    return _Fate.EXPIRED if gates.then == "fail" else _Fate.WAIVED


def _most(group: RunGroup, run: QueuedRun, at: float) -> float:
    """The price that it still insists on: not when its deadline leaves no time, or it has waited for long."""
    if group.most == inf or Deadline.of(group.policy, run).endangered(group.full, at):
        return inf
    return inf if group.policy.cost and _over(group.policy.cost.latest, at - run.submitted_at) else group.most


def _latest(policy: Policy, shut: Reason) -> float | None:
    """How long a run waits for its hours, or for a price that its policy pays."""
    kept = policy.window if shut.code is ReasonCode.OUTSIDE_WINDOW else policy.cost
    return kept.latest if kept else None


def _over(limit: float | None, waited: float) -> bool:
    return limit is not None and waited >= limit


def _outside(policy: Policy, at: float) -> tuple[Reason, ...]:
    """That the hours are shut, if they are."""
    window = policy.window
    shut_s = opens_in(window, at) if window else 0.0
    if window is None or not shut_s:
        return ()
    latest = "" if window.latest is None else f" (it goes after {seconds(window.latest)} of waiting anyway)"
    return (
        Reason(
            ReasonCode.OUTSIDE_WINDOW,
            f"prefers {window.prefer} {window.timezone}, which opens in {seconds(shut_s)}{latest}",
            {"opens_in_s": shut_s, "latest_s": window.latest},
        ),
    )
