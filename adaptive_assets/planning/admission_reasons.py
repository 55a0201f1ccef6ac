"""The reasons that admission gives: what a run takes, what it waited for, and what it waits for still."""

from collections.abc import Sequence
from functools import lru_cache

from adaptive_assets.planning.candidate import Candidate
from adaptive_assets.planning.decisions import Verdict
from adaptive_assets.planning.degradation import Option
from adaptive_assets.planning.options import lacks
from adaptive_assets.planning.plan_state import PlanState
from adaptive_assets.planning.reason_codes import PLACE
from adaptive_assets.planning.reasons import Numbers, Reason, ReasonCode
from adaptive_assets.planning.resource_request import FULL, ResourceRequest
from adaptive_assets.planning.run_group import RunGroup
from adaptive_assets.planning.snapshot import QueuedRun
from adaptive_assets.policy.compositions import Composition


@lru_cache(maxsize=1024)
def fits(request: ResourceRequest, mode: str = FULL) -> Reason:
    """It is let go because nothing is in its way."""
    return Reason(ReasonCode.FITS, _takes(request, mode))


def in_spite_of_strangers(
    candidate: Candidate, request: ResourceRequest, mode: str, lack: Reason, state: PlanState
) -> Reason:
    """It is let go although something is lacking, which strangers use: it waited for long, or is due."""
    if candidate.waited_for_strangers:
        return waited_for_strangers(candidate, lack, state)
    return Reason(ReasonCode.FORCED, _takes(request, mode), because=lack)


def waited_for_strangers(candidate: Candidate, lack: Reason, state: PlanState) -> Reason:
    """It is let go although something is lacking, because strangers would keep it waiting for ever."""
    numbers: Numbers = {
        "for": "others",
        "waited_s": state.at - candidate.run.submitted_at,
        "limit_s": state.tuning.strangers_s,
    }
    return Reason(ReasonCode.WAITED, numbers, because=lack)


def waited_long_enough(group: RunGroup, run: QueuedRun) -> tuple[Reason, ...]:
    """Why the run goes, or fails, although gates or hours are shut, if they are."""
    if not group.shut:
        return ()
    policy, first = group.policy, group.shut[0]
    if first.code is ReasonCode.OUTSIDE_WINDOW:
        limit, what = policy.window.latest if policy.window else None, "window"
    elif first.code is ReasonCode.PRICE:
        limit, what = policy.cost.latest if policy.cost else None, "price"
    else:
        limit, what = group.gates.wait_at_most, "data"
    numbers: Numbers = {"for": what, "waited_s": group.at - run.submitted_at, "limit_s": limit}
    return (Reason(ReasonCode.WAITED, numbers, because=first), *group.shut)


def waited(candidate: Candidate, state: PlanState) -> tuple[Reason, ...]:
    """What the candidate has waited for long enough, so that it goes, or goes before others."""
    return (*waited_long_enough(candidate.group, candidate.run), *beyond_patience(candidate, state))


def beyond_patience(candidate: Candidate, state: PlanState) -> tuple[Reason, ...]:
    """Why the candidate stands before the queue, or first in its tier, if it does."""
    group, run = candidate.group, candidate.run
    if group.promoted:
        return (overdue(candidate, "capacity, goes first", state),)
    if run.run_id != group.favoured:
        return ()
    tier = state.tier(group.policy)
    numbers: Numbers = {
        "for": "its turn in its tier",
        "waited_s": state.at - run.submitted_at,
        "limit_s": tier.patience / state.tuning.starvation_runs,
        "tier": tier.name,
    }
    return (Reason(ReasonCode.WAITED, numbers),)


def overdue(candidate: Candidate, so: str, state: PlanState) -> Reason:
    """It has waited for longer than its tier has patience for, ``so`` this is what becomes of it."""
    tier = state.tier(candidate.group.policy)
    waited_s = state.at - candidate.run.submitted_at
    numbers: Numbers = {"for": so, "waited_s": waited_s, "limit_s": tier.patience, "tier": tier.name}
    return Reason(ReasonCode.WAITED, numbers)


def composed(option: Option | None, causes: Sequence[Reason]) -> tuple[Reason, ...]:
    """That a run's stages go another way than all together, if they do, because of the first of
    ``causes``.
    """
    way = option.way if option else None
    if not isinstance(way, Composition) or not causes:
        return ()
    left_out = tuple(way.left_out)
    numbers: Numbers = {"mode": way.mode, "left_out": ", ".join(left_out), "because": causes[0].code.value}
    return (Reason(ReasonCode.COMPOSED, numbers, because=causes[0], names=left_out),)


def held_back(group: RunGroup, state: PlanState) -> tuple[Reason, ...]:
    """Why Dagster would pass by what is left of ``group`` if it were admitted now, and what else is in its
    way.

    It gets no reserved start then: what it waits for is not capacity.
    """
    return (
        *state.slots.lacks(group.work, group.claims),
        *shut_for_full(group),
        *group.never,
        *lacks(group, state),
    )


def shut_for_full(group: RunGroup) -> tuple[Reason, ...]:
    """The gates that a run still waits for, if it may go on its rungs alone."""
    shut = group.shut if group.only_rungs else ()
    return tuple(reason for reason in shut if reason.code is not ReasonCode.OUTSIDE_WINDOW)


def defer(group: RunGroup, runs: tuple[QueuedRun, ...], reasons: Sequence[Reason], state: PlanState) -> None:
    """Let ``runs`` of ``group`` wait; the reason is told first that can never be mended."""
    ordered = sorted(reasons, key=lambda reason: PLACE[reason.code]) if len(reasons) > 1 else reasons
    state.decide(Verdict.DEFER, group, runs, tuple(ordered))


def _takes(request: ResourceRequest, mode: str) -> Numbers:
    return {"mode": mode, "cpu": request.cpu, "memory": request.memory, "duration_s": request.duration}
