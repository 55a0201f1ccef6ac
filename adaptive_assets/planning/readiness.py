"""Step 2, the readiness filter: which queued runs may go at all, by data, hours, price and patience."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from math import inf

from adaptive_assets.planning.composition import spares
from adaptive_assets.planning.gating import not_ready
from adaptive_assets.planning.prices import too_dear
from adaptive_assets.planning.reasons import Reason, ReasonCode
from adaptive_assets.planning.run_group import RunGroup
from adaptive_assets.planning.snapshot import QueuedRun, Snapshot
from adaptive_assets.planning.windows import outside_window
from adaptive_assets.policy import Policy, PolicyBook


@dataclass(slots=True)
class Filtered:
    """``ready`` groups go on to admission; ``waiting`` ones wait for data or time; ``expired`` ones fail."""

    ready: list[RunGroup] = field(default_factory=list)
    waiting: list[RunGroup] = field(default_factory=list)
    expired: list[RunGroup] = field(default_factory=list)


class _Outcome(Enum):
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


_GOES = (_Outcome.READY, _Outcome.WAIVED, _Outcome.DEGRADED, _Outcome.SPARED)


def filter_ready(groups: Iterable[RunGroup], snapshot: Snapshot, book: PolicyBook) -> Filtered:
    """Part the groups that may go from those that wait for something else than capacity.

    Gates are evaluated once per kind of work and input, hours and prices once per policy.
    """
    found = Filtered()
    hours: dict[str, tuple[Reason, ...]] = {}
    for group in groups:
        policy = group.policy
        if policy.name not in hours:
            window = outside_window(policy.window, snapshot.at)
            hours[policy.name] = (*window, *too_dear(policy, book.prices, snapshot))
        outside = hours[policy.name]
        for part, closed in _by_input(group, snapshot):
            if closed or outside or part.most < inf:
                _split(part, closed, outside, found)
            else:
                found.ready.append(part)
    if not snapshot.clock_certain:  # nobody fails for having waited by a clock that cannot be believed
        found.waiting += found.expired
        found.expired = []
    for parted in (found.waiting, found.expired):
        parted.sort(key=lambda group: group.position(group.runs[0]))
    return found


def _by_input(group: RunGroup, snapshot: Snapshot) -> Iterator[tuple[RunGroup, tuple[Reason, ...]]]:
    """The runs of a group by the gates that are closed for them; those for which none is, together."""
    by_input: dict[tuple[str, ...], list[QueuedRun]] = {}
    for run in group.runs if group.gates.any_given else group.runs[:1]:
        by_input.setdefault(run.reads, []).append(run)
    closed = {reads: not_ready(group.gates, runs[0], snapshot) for reads, runs in by_input.items()}
    if len(by_input) == 1:
        (only,) = closed.values()
        yield group, only
        return
    waiting = {reads for reads, reasons in closed.items() if reasons}
    if not waiting:
        yield group, ()
        return
    if ready := [run for run in group.runs if run.reads not in waiting]:
        yield replace(group, runs=ready), ()
    for reads, runs in by_input.items():
        if reads in waiting:
            yield replace(group, runs=runs), closed[reads]


def _split(group: RunGroup, closed: tuple[Reason, ...], outside: tuple[Reason, ...], found: Filtered) -> None:
    """Part the runs that still wait from those that have waited for long enough."""
    parts: defaultdict[tuple[_Outcome, float], list[QueuedRun]] = defaultdict(list)
    spared = bool(closed) and spares(group.policy, group.work, closed)
    for run in group.runs:
        outcome = _outcome(group, run, bool(closed), outside, spared=spared)
        parts[outcome, _most(group, run)].append(run)
    for (outcome, most), runs in parts.items():
        part = replace(
            group,
            runs=runs,
            shut=(*closed, *outside) if outcome in (*_GOES, _Outcome.EARLY) else closed,
            only_rungs=outcome in (_Outcome.DEGRADED, _Outcome.SPARED),
            spared=outcome is _Outcome.SPARED,
            most=most,
        )
        if outcome in _GOES:
            found.ready.append(part)
        elif outcome is _Outcome.EXPIRED:
            found.expired.append(part)
        else:
            if outcome is _Outcome.STUCK:
                part.shut = (*closed, _without_rung(group))
            found.waiting.append(part)


def _outcome(
    group: RunGroup, run: QueuedRun, closed: bool, outside: tuple[Reason, ...], *, spared: bool
) -> _Outcome:
    gates = group.gates
    waited = group.at - run.submitted_at
    hurried = group.deadline(run).endangered(group.full, group.at)
    if not hurried and any(not _over(_latest(group.policy, reason), waited) for reason in outside):
        return _Outcome.EARLY
    if not closed:
        return _Outcome.READY
    over = _over(gates.wait_at_most, waited)
    if spared and ((over and gates.then != "launch") or (hurried and not over)):
        return _Outcome.SPARED
    if not over:
        degrades = hurried and gates.then == "degrade" and group.rungs
        return _Outcome.DEGRADED if degrades else _Outcome.UNREADY
    if gates.then == "degrade":
        return _Outcome.DEGRADED if group.rungs else _Outcome.STUCK
    return _Outcome.EXPIRED if gates.then == "fail" else _Outcome.WAIVED


def _most(group: RunGroup, run: QueuedRun) -> float:
    """The price that it still insists on: not when its deadline leaves no time, or it has waited for long."""
    if group.most == inf or group.deadline(run).endangered(group.full, group.at):
        return inf
    cost = group.policy.cost
    return inf if cost and _over(cost.latest, group.at - run.submitted_at) else group.most


def _latest(policy: Policy, shut: Reason) -> float | None:
    """How long a run waits for its hours, or for a price that its policy pays."""
    kept = policy.window if shut.code is ReasonCode.OUTSIDE_WINDOW else policy.cost
    return kept.latest if kept else None


def _over(limit: float | None, waited: float) -> bool:
    return limit is not None and waited >= limit


def _without_rung(group: RunGroup) -> Reason:
    """It has waited as long as it may, and has no lesser mode to go in."""
    policy = group.policy.name if group.work.degradable else None
    numbers = {"for": "rung", "limit_s": group.gates.wait_at_most, "policy": policy}
    return Reason(ReasonCode.WAITED, numbers)
