"""Runs that gave way: when they go on."""

from collections.abc import Iterable
from dataclasses import replace
from math import isfinite

from adaptive_assets.planning.decisions import Verdict
from adaptive_assets.planning.expected_completions import ends_at
from adaptive_assets.planning.plan_state import Move, PlanState
from adaptive_assets.planning.ranks import rank_of
from adaptive_assets.planning.reasons import Number, Numbers, Reason, ReasonCode
from adaptive_assets.planning.snapshot import Action, ActiveRun, RunState


def resumable(state: PlanState) -> list[ActiveRun]:
    """The suspended runs that can be told to go on, the highest tier and the longest wait first."""
    gave_way = [run for run in state.snapshot.active if _may_go_on(run)]
    return sorted(gave_way, key=lambda run: (_rank(run, state), run.acted_at or 0.0, run.run_id))


def resume(state: PlanState, rank: float) -> None:
    """Let runs of tiers up to ``rank`` go on as soon as there is CPU and no reserved start is delayed.

    What gave way too long ago goes on all the same: it holds its memory anyway. Work ahead has no such claim:
    it leaves, where it can be requeued, and else goes on when nobody waits any more.
    """
    if not state.resumable:
        return
    if state.reservations.held:
        _leave_ahead(state)
    for run in _turn(state, rank):
        node = state.capacity.node_of(run.node)
        if node is None:
            continue  # its node is silent: it cannot be told
        overdue = state.at - (run.acted_at or state.at) >= state.tuning.suspended_at_most_s
        request = state.requests.of_run(run, run.mode)
        own = _rank(run, state)
        needs, free = node.insists_on(request), node.free_cpu(own)
        remaining = ends_at(run, request, state.at, state.tuning) - state.at
        left = replace(request, memory=0, duration=remaining)
        in_the_way = state.reservations.delayed(left, own, node)
        if not overdue and (needs > free or node.strained or in_the_way):
            continue
        state.capacity.let_go_on(node, own, request)
        state.moves[run.run_id] = Move(Verdict.RESUME, _reason(run, needs, free, state, overdue=overdue))


def _turn(state: PlanState, rank: float) -> Iterable[ActiveRun]:
    """Those whose turn it is, and that were not changed a moment ago."""
    waiting = state.resumable
    while waiting and _rank(waiting[0], state) <= rank:
        run = waiting.pop(0)
        if run.acted_at is None or not 0 <= state.at - run.acted_at < state.tuning.hold_s:
            yield run


def _leave_ahead(state: PlanState) -> None:
    """Somebody waits for capacity: work ahead stays as it is, and leaves if it was suspended too long ago."""
    first = state.reservations.held[0]
    ahead = [run for run in state.resumable if _rank(run, state) >= len(state.book.tiers)]
    state.resumable = state.resumable[: len(state.resumable) - len(ahead)]
    for run in ahead:
        waited = state.at - (run.acted_at or state.at)
        able = Action.REQUEUE in run.actions
        if able and waited >= state.tuning.suspended_at_most_s and state.capacity.node_of(run.node):
            numbers: Numbers = {"to": first.work.name, "tier": first.tier, "waited_s": waited}
            state.moves[run.run_id] = Move(Verdict.REQUEUE, Reason(ReasonCode.GIVES_WAY, numbers))


def _rank(run: ActiveRun, state: PlanState) -> int:
    return rank_of(state.book.policy(run.work.policy), state.book)


def _reason(run: ActiveRun, needs: float, free: float, state: PlanState, *, overdue: bool) -> Reason:
    numbers: dict[str, Number] = {"needs": needs, "waited_s": state.at - (run.acted_at or state.at)}
    if isfinite(free):
        numbers["free"] = free
    if overdue:
        numbers["limit_s"] = state.tuning.suspended_at_most_s
    return Reason(ReasonCode.CAPACITY_AGAIN, numbers)


def _may_go_on(run: ActiveRun) -> bool:
    return run.state is RunState.SUSPENDED and Action.SUSPEND in run.actions
