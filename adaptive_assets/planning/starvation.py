"""The bound on waiting: the oldest run that waits beyond its tier's patience goes ahead of all others."""

from dataclasses import replace
from typing import Final

from adaptive_assets.planning.deadline import Deadline
from adaptive_assets.planning.size_order import is_small, largest
from adaptive_assets.planning.slots import Slots
from adaptive_assets.planning.snapshot import QueuedRun, Snapshot
from adaptive_assets.planning.triage import AGE, RunGroup
from adaptive_assets.policy import Policy, PolicyBook

__all__ = ["APART", "DOORS", "is_overdue", "promote"]

DOORS: Final = 8
"""How many runs a tier's patience lets go ahead while it lasts, at most."""

APART: Final = 4
"""And no more often than in so many times what such a run takes: the rest of the time is the others'."""


def promote(ready: list[RunGroup], snapshot: Snapshot, book: PolicyBook, slots: Slots) -> list[RunGroup]:
    """Let one run of a tier below the first stand before the line, if it has waited long enough.

    One at a time: an active run that had waited beyond its tier's patience, and that was submitted before all
    that wait so, is the one that went before it. And no more than `DOORS` in the time of a tier's patience,
    nor sooner than `APART` times what it takes after the last, or a backlog of overdue work would leave the
    tiers above nothing. So whatever arrives, the oldest run of all that fits the machine is the next to go,
    and every run is the oldest one day. What Dagster itself holds back could not go, and keeps nobody else.
    """
    able = [group for group in ready if not slots.lacks(group.work, group.claims)]
    found = _oldest(able, snapshot, book)
    if found is None:
        _favour(able, snapshot, book)
        return ready
    group, run = found
    if not _is_open(group, snapshot, book) or _is_another_at_it(run, snapshot, book):
        return ready
    group.runs.remove(run)
    rest = ready if group.runs else [other for other in ready if other is not group]
    return [replace(group, runs=[run], promoted=True), *rest]


def _favour(ready: list[RunGroup], snapshot: Snapshot, book: PolicyBook) -> None:
    """Let the oldest run that has waited for the time between two doors stand first in its own tier.

    That is of those without a deadline that are not small: small runs would else pass a large one until its
    tier has no more patience. It goes through the same door, which a small one would only shut for it.
    """
    machine = largest(snapshot)
    waiting = (
        (group, run)
        for group in ready
        if _is_bounded(group, book) and not is_small(group.full, machine)
        for run in group.runs[: 1 if group.by_age else None]
        if snapshot.at - run.submitted_at >= _between_doors(group, book) + _excused(group)
        and Deadline.of(group.policy, run).deadline_at is None
    )
    group, run = min(waiting, key=lambda found: AGE(found[1]), default=(None, None))
    if group is not None and run is not None and _is_open(group, snapshot, book):
        group.favoured = run.run_id


def _is_open(group: RunGroup, snapshot: Snapshot, book: PolicyBook) -> bool:
    """Whether it is long enough ago that somebody went because it had waited for long."""
    last = snapshot.pace.promoted_at if snapshot.pace else None
    closed = max(_between_doors(group, book), APART * group.full.duration)
    return last is None or not 0 <= snapshot.at - last < closed


def _is_another_at_it(run: QueuedRun, snapshot: Snapshot, book: PolicyBook) -> bool:
    """Whether an active run went so before ``run``, and has not ended."""
    for active in snapshot.active:
        policy = book.policy(active.work.policy)
        if active.submitted_at is None or policy.opportunity or book.rank(policy.tier) == 0:
            continue
        waited = active.launched_at - active.submitted_at
        older = (active.submitted_at, active.run_id) < (run.submitted_at, run.run_id)
        if older and waited >= _patience(policy, book):
            return True
    return False


def is_overdue(group: RunGroup, run: QueuedRun, at: float, book: PolicyBook) -> bool:
    """Whether ``run`` has waited longer than its tier has patience for."""
    return at - run.submitted_at >= _patience(group.policy, book) + _excused(group)


def _oldest(ready: list[RunGroup], snapshot: Snapshot, book: PolicyBook) -> tuple[RunGroup, QueuedRun] | None:
    """The oldest run of all that have waited for too long."""
    found: tuple[RunGroup, QueuedRun] | None = None
    for group in ready:
        if not _is_bounded(group, book):
            continue
        limit = snapshot.at - _patience(group.policy, book) - _excused(group)
        run = group.runs[0] if group.by_age else min(group.runs, key=AGE)
        if run.submitted_at <= limit and (found is None or AGE(run) < AGE(found[1])):
            found = (group, run)
    return found


def _is_bounded(group: RunGroup, book: PolicyBook) -> bool:
    """Whether its runs are let go ahead when they have waited for long."""
    return 0 < group.rank < len(book.tiers) and not group.only_rungs


def _between_doors(group: RunGroup, book: PolicyBook) -> float:
    return _patience(group.policy, book) / DOORS


def _patience(policy: Policy, book: PolicyBook) -> float:
    return book.tiers[book.rank(policy.tier)].patience


def _excused(group: RunGroup) -> float:
    """Seconds for which its policy lets it wait for data, hours or a price: that is not the line's."""
    if not group.shut:
        return 0.0
    policy = group.policy
    limits = (
        group.gates.wait_at_most,
        policy.window.latest if policy.window else None,
        policy.cost.latest if policy.cost else None,
    )
    return max((limit for limit in limits if limit is not None), default=0.0)
