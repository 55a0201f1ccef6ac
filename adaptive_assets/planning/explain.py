"""Step 6, explanation: what is decided on those that are not admitted, and the plan as a whole."""

from collections import defaultdict
from functools import lru_cache
from math import inf, isinf
from typing import Final

from adaptive_assets.planning.admission_reasons import defer, held_back, waited_long_enough
from adaptive_assets.planning.decisions import ActiveDecision, Plan, Verdict
from adaptive_assets.planning.plan_state import PlanState
from adaptive_assets.planning.readiness import Filtered
from adaptive_assets.planning.reasons import Reason, ReasonCode
from adaptive_assets.planning.snapshot import ActiveRun, Work
from adaptive_assets.planning.waiting_for_input import count_waiting

_PLACE: Final = {
    verdict: place for place, verdict in enumerate((Verdict.REQUEUE, Verdict.SUSPEND, Verdict.RESUME))
}
"""What gives capacity comes before what takes it."""


def explain(filtered: Filtered, state: PlanState) -> Plan:
    """The plan: failures, what was decided in the queue's order, what waits for data or hours, and active
    runs.
    """
    admitted, state.decisions = state.decisions, []
    for group in filtered.expired:
        for run in group.runs:
            state.decide(Verdict.FAIL, group, (run,), waited_long_enough(group, run))
    state.decisions += admitted
    count_waiting(filtered.waiting)
    for group in filtered.waiting:
        group.most = inf  # what it waits for first, a price among it, is said already
        defer(group, group.rest, (*group.shut, *held_back(group, state)), state)
    return Plan(
        state.at,
        state.book.revision,
        tuple(state.decisions),
        _on_active(state),
        state.at if state.promoted else state.snapshot.promoted_at,
        {
            each.run_id: max(0.0, each.reservation.start - state.at)
            for each in state.blocked
            if not isinf(each.reservation.start)
        },
    )


def _on_active(state: PlanState) -> tuple[ActiveDecision, ...]:
    """One decision for each run that is moved, and one for the others of each kind of work and mode."""
    changed = []
    going_on: defaultdict[tuple[Work, str], list[ActiveRun]] = defaultdict(list)
    for run in state.snapshot.active:
        move = state.moves.get(run.run_id)
        if move is None:
            going_on[run.work, run.mode].append(run)
            continue
        tier = state.book.policy(run.work.policy).tier
        changed.append(ActiveDecision(move.verdict, run.work, tier, run.mode, (move.reason,), (run,)))
    changed.sort(key=lambda decision: (_PLACE[decision.verdict], decision.runs[0].run_id))
    kept = [
        ActiveDecision(
            Verdict.KEEP, work, state.book.policy(work.policy).tier, mode, (_kept(work),), tuple(runs)
        )
        for (work, mode), runs in sorted(going_on.items(), key=lambda item: (item[0][0].name, item[0][1]))
    ]
    return (*changed, *kept)


@lru_cache(maxsize=1024)
def _kept(work: Work) -> Reason:
    return Reason(ReasonCode.KEPT, {"work": work.name})
