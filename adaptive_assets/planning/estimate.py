"""Step 1, estimation: the queue as groups of runs, each with what its runs request."""

from math import inf

from adaptive_assets.planning.composition import in_sequence
from adaptive_assets.planning.plan_state import PlanState
from adaptive_assets.planning.ranks import rank_of
from adaptive_assets.planning.run_group import RunGroup
from adaptive_assets.planning.size_order import largest, size_class_of
from adaptive_assets.planning.snapshot import QueuedRun


def estimate(state: PlanState) -> list[RunGroup]:
    """The queued runs in groups, in no order; within a group, first in the queue first."""
    return list(state.cache.groups(state.snapshot, lambda runs: _group(runs, state)))


def _group(runs: list[QueuedRun], state: PlanState) -> RunGroup:
    work, book = runs[0].work, state.book
    policy = book.policy(work.policy)
    group = RunGroup(
        work,
        policy,
        rank_of(policy, book),
        state.requests.of_run(runs[0]),
        runs,
        state.at,
        state.tuning,
        book.policy(work.gated_by or work.policy).gates,
        most=policy.cost.at_most if policy.cost and book.prices else inf,
    )
    _stages_where_full_never_fits(group, state)
    if group.rank > 0:  # in the highest tier nobody is let go ahead who has waited for long
        group.size_class = size_class_of(group.full, largest(state.snapshot), state.tuning)
    return group


def _stages_where_full_never_fits(group: RunGroup, state: PlanState) -> None:
    """Where full mode never fits and its stages one after another do, that is how all of it is done."""
    if not group.work.composable:
        return
    way = in_sequence(group.policy, group.work)
    never = state.capacity.never_fits(group.full) if way else None
    if way and never:
        request = state.requests.of_run(group.runs[0], way.mode)
        if not state.capacity.never_fits(request, way.mode):
            group.mode, group.full, group.never = way.mode, request, (never,)
