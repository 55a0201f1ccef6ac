"""Step 4, admission: down the queue, each run in full, with less, with a reserved start, or backfilled."""

from math import inf

from adaptive_assets.planning.admission_reasons import (
    beyond_patience,
    composed,
    defer,
    fits,
    held_back,
    in_spite_of_strangers,
    overdue,
    shut_for_full,
    waited,
    waited_long_enough,
)
from adaptive_assets.planning.candidate import Candidate
from adaptive_assets.planning.composition import in_sequence
from adaptive_assets.planning.decisions import Verdict
from adaptive_assets.planning.degradation import Ladder, Option
from adaptive_assets.planning.node_capacity import NodeCapacity, shareable
from adaptive_assets.planning.options import (
    can_only_wait,
    candidate_of,
    degraded,
    in_stages,
    ladder,
    placement,
)
from adaptive_assets.planning.plan_state import Blocked, PlanState
from adaptive_assets.planning.queue_order import Queue
from adaptive_assets.planning.reservations import Reservation
from adaptive_assets.planning.resource_request import ResourceRequest
from adaptive_assets.planning.resumption import resume
from adaptive_assets.planning.run_group import RunGroup


def admit(queue: Queue, state: PlanState) -> None:
    """Decide every run of ``queue``; active runs that gave way go on in the place of their tier."""
    while queue:
        group = queue.first()
        if not group.promoted:
            resume(state, group.rank)
        queue.leave(whole_group=not _admit_first(group, state))
    resume(state, inf)


def _admit_first(group: RunGroup, state: PlanState) -> bool:
    """Let the first run of ``group`` go in the best mode that there is capacity for.

    Says False where it cannot: then no run behind it in the group can either, and all are deferred.
    """
    if state.slots.lacks(group.work, group.claims):
        defer(group, group.rest, held_back(group, state), state)
        return False
    if missing := can_only_wait(group, state):
        defer(group, group.rest, missing, state)
        return False
    candidate = candidate_of(group, state)
    stages = in_stages(candidate, state)
    whole = stages if stages and not stages.lacks else None
    steps = None
    if candidate.full_is_open and candidate.in_time:
        _launch(candidate, state)
    elif whole and candidate.deadline.met_by(whole.request, state.at):
        _launch_in_stages(candidate, whole, state)
    elif (steps := ladder(candidate, state)) and (option := degraded(candidate, steps, state)):
        _degrade(candidate, option, state)
    elif candidate.full_is_open:
        _launch(candidate, state)  # late whatever it does, so at least complete
    elif whole and not candidate.in_time:
        _launch_in_stages(candidate, whole, state)
    else:
        _block(candidate, steps, stages, state)
        return False
    group.next += 1
    return True


def _launch(candidate: Candidate, state: PlanState) -> None:
    group = candidate.group
    how = (
        in_spite_of_strangers(candidate, group.full, group.mode, candidate.lacks[0], state)
        if candidate.lacks
        else fits(group.full, group.mode)
    )
    late = () if candidate.in_time else candidate.late
    node = _take(candidate, group.full, state)
    way = in_sequence(group.policy, group.work) if group.never else None
    option = Option(way, group.full) if way else None
    because = (*composed(option, group.never), *group.never) if option else ()
    reasons = (*because, *waited(candidate, state), how, *late)
    state.decide(Verdict.LAUNCH, group, (candidate.run,), reasons, option, node)


def _launch_in_stages(candidate: Candidate, option: Option, state: PlanState) -> None:
    """It goes with all that it does, one stage after another."""
    group = candidate.group
    why = (*candidate.lacks, *candidate.behind)
    how = fits(option.request, option.mode)
    reasons = (*composed(option, why), *waited(candidate, state), *why, how, *candidate.late)
    node = _take(candidate, option.request, state)
    state.decide(Verdict.LAUNCH, group, (candidate.run,), reasons, option, node)


def _degrade(candidate: Candidate, option: Option, state: PlanState) -> None:
    group, run = candidate.group, candidate.run
    how = (
        in_spite_of_strangers(candidate, option.request, option.mode, option.lacks[0], state)
        if option.lacks
        else fits(option.request, option.mode)
    )
    lacking = (candidate.lacks, candidate.late) if candidate.never_fits else (candidate.late, candidate.lacks)
    why = (*waited_long_enough(group, run), *lacking[0], *lacking[1], *group.never, *candidate.behind)
    if not candidate.is_pressed:
        why = (overdue(candidate, "capacity, does less", state), *why)
    node = _take(candidate, option.request, state)
    state.decide(Verdict.DEGRADE, group, (run,), (*composed(option, why), *why, how), option, node)


def _take(candidate: Candidate, request: ResourceRequest, state: PlanState) -> NodeCapacity | None:
    """Allocate capacity to a run that goes; on which node."""
    group, nodes = candidate.group, state.capacity.nodes
    good = placement(candidate, request, state) if len(nodes) > 1 else nodes
    avoid = {node.name for node in nodes if node not in good}
    node = state.capacity.take(request, group.rank, group.most, avoid)
    state.reservations.admitted(request, group.rank, node)
    state.shares.admitted(group.policy, request)
    state.slots.take(group.claims)
    state.promoted |= group.promoted or candidate.run.run_id == group.favoured
    return node


def _block(candidate: Candidate, steps: Ladder | None, stages: Option | None, state: PlanState) -> None:
    """Defer what is left of the group, and reserve a start for the first if capacity is what it waits for.

    How late it is and how long it has waited is the first run's own; what is in its way is everyone's.
    """
    group, run = candidate.group, candidate.run
    in_the_way = [*group.never, *candidate.lacks]
    if group.rungs or group.essentials or not candidate.never_fits:
        in_the_way += candidate.behind
    for others in (stages.lacks if stages else (), steps.obstacles if steps else ()):
        in_the_way += [reason for reason in others if reason not in in_the_way]
    in_the_way += shut_for_full(group)
    shut_long_enough = waited_long_enough(group, run)[:1] if group.only_rungs else ()
    if own := (*candidate.late, *beyond_patience(candidate, state), *shut_long_enough):
        defer(group, (run,), (*in_the_way, *own), state)
        group.next += 1
    defer(group, group.rest, tuple(in_the_way), state)
    could_fit = (steps and steps.options) or not (candidate.never_fits or group.only_rungs)
    if could_fit and candidate.lacks and not group.policy.opportunity:
        _reserve(candidate, steps, state)


def _reserve(candidate: Candidate, steps: Ladder | None, state: PlanState) -> None:
    """Keep a start for a blocked run, in the least demanding mode that it would take if it must."""
    group, tuning = candidate.group, state.tuning
    least = steps is not None and (candidate.never_fits or group.only_rungs)
    request = steps.least if steps and least else group.full
    if request is None or len(state.blocked) >= tuning.reserved_starts:
        return
    has_waited = state.at - candidate.run.submitted_at
    reservation = state.reservations.reserve(
        group.work,
        group.policy.tier,
        group.rank,
        request,
        group.most,
        first=group.promoted,
        strict=shareable(candidate.lacks) and has_waited >= tuning.strangers_s,
    )
    state.blocked.append(_blocked(candidate, request, reservation))


def _blocked(candidate: Candidate, request: ResourceRequest, reservation: Reservation) -> Blocked:
    group, run_id = candidate.group, candidate.run.run_id
    return Blocked(
        run_id, group.work, group.policy, group.rank, request, candidate.deadline, reservation, group.most
    )
