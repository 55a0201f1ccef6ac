"""Starvation protection: the oldest run that waits beyond its tier's patience goes ahead of all others."""

from dataclasses import replace

from adaptive_assets.planning.plan_state import PlanState
from adaptive_assets.planning.run_group import AGE, RunGroup
from adaptive_assets.planning.size_order import is_small, largest
from adaptive_assets.planning.snapshot import QueuedRun
from adaptive_assets.policy import Policy, PolicyBook


def promote(ready: list[RunGroup], state: PlanState) -> list[RunGroup]:
    """Let one run of a tier below the first stand before the queue, if it has waited long enough.

    One at a time: an active run that had waited beyond its tier's patience, and that was submitted before all
    that wait so, is the one that went before it. And no more than ``starvation_runs`` in the time of a tier's
    patience, nor sooner than ``starvation_spacing`` times what it takes after the last, or many overdue runs
    would leave the tiers above nothing. So whatever arrives, the oldest run of all that fits the machine is
    the next to go, and every run is the oldest one day. What Dagster itself holds back could not go, and
    keeps nobody else.
    """
    if not state.tuning.starvation_runs:
        return ready
    able = [group for group in ready if not state.slots.lacks(group.work, group.claims)]
    found = _oldest(able, state)
    if found is None:
        _favour(able, state)
        return ready
    group, run = found
    if not _may_go(group, state) or _is_another_at_it(run, state):
        return ready
    behind = [other for other in group.runs if other is not run]
    rest = [other for other in ready if other is not group]
    if behind:
        rest.append(replace(group, runs=behind))
    return [replace(group, runs=[run], promoted=True), *rest]


def is_overdue(group: RunGroup, run: QueuedRun, book: PolicyBook) -> bool:
    """Whether ``run`` has waited longer than its tier has patience for."""
    return group.at - run.submitted_at >= _patience(group.policy, book) + _excused(group)


def _favour(ready: list[RunGroup], state: PlanState) -> None:
    """Let the oldest run that has waited for its part of the patience stand first in its own tier.

    That is of those without a deadline that are not small: small runs would else pass a large one until its
    tier has no more patience. It uses up one of the same few chances, which a small one would only take
    from it.
    """
    machine = largest(state.snapshot)
    waiting = (
        (group, run)
        for group in ready
        if _is_protected(group, state.book)
        for run in group.runs[: 1 if group.by_age else None]
        if state.at - run.submitted_at >= _interval(group, state) + _excused(group)
        and group.deadline(run).at is None
        and not is_small(group.full, machine, state.tuning)
    )
    group, run = min(waiting, key=lambda found: AGE(found[1]), default=(None, None))
    if group is not None and run is not None and _may_go(group, state):
        group.favoured = run.run_id


def _may_go(group: RunGroup, state: PlanState) -> bool:
    """Whether it is long enough ago that somebody went because it had waited for long."""
    last = state.snapshot.promoted_at
    spacing = max(_interval(group, state), state.tuning.starvation_spacing * group.full.duration)
    return last is None or not 0 <= state.at - last < spacing


def _is_another_at_it(run: QueuedRun, state: PlanState) -> bool:
    """Whether an active run went so before ``run``, and has not ended."""
    for active in state.snapshot.active:
        policy = state.book.policy(active.work.policy)
        if active.submitted_at is None or policy.opportunity or state.book.rank(policy.tier) == 0:
            continue
        waited = active.launched_at - active.submitted_at
        older = (active.submitted_at, active.run_id) < (run.submitted_at, run.run_id)
        if older and waited >= _patience(policy, state.book):
            return True
    return False


def _oldest(ready: list[RunGroup], state: PlanState) -> tuple[RunGroup, QueuedRun] | None:
    """The oldest run of all that have waited for too long."""
    found: tuple[RunGroup, QueuedRun] | None = None
    for group in ready:
        if not _is_protected(group, state.book):
            continue
        limit = state.at - _patience(group.policy, state.book) - _excused(group)
        run = group.runs[0] if group.by_age else min(group.runs, key=AGE)
        if run.submitted_at <= limit and (found is None or AGE(run) < AGE(found[1])):
            found = (group, run)
    return found


def _is_protected(group: RunGroup, book: PolicyBook) -> bool:
    """Whether its runs are let go ahead when they have waited for long."""
    return 0 < group.rank < len(book.tiers) and not group.only_rungs


def _interval(group: RunGroup, state: PlanState) -> float:
    """Seconds between two runs that go ahead."""
    return _patience(group.policy, state.book) / state.tuning.starvation_runs


def _patience(policy: Policy, book: PolicyBook) -> float:
    return book.tiers[book.rank(policy.tier)].patience


def _excused(group: RunGroup) -> float:
    """Seconds for which its policy lets it wait for data, hours or a price: that is not the queue's."""
    if not group.shut:
        return 0.0
    policy = group.policy
    limits = (
        group.gates.wait_at_most,
        policy.window.latest if policy.window else None,
        policy.cost.latest if policy.cost else None,
    )
    return max((limit for limit in limits if limit is not None), default=0.0)
