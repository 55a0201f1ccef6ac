"""The options of a candidate: which mode there is capacity for, on which nodes, and whom it would delay."""

from math import inf

from adaptive_assets.planning.candidate import Candidate
from adaptive_assets.planning.composition import in_sequence
from adaptive_assets.planning.degradation import Ladder, Option
from adaptive_assets.planning.node_capacity import NodeCapacity, shareable
from adaptive_assets.planning.plan_state import PlanState
from adaptive_assets.planning.reasons import Reason, ReasonCode
from adaptive_assets.planning.resource_request import FULL, ResourceRequest
from adaptive_assets.planning.run_group import RunGroup
from adaptive_assets.planning.starvation import is_overdue
from adaptive_assets.policy import Rung
from adaptive_assets.policy.compositions import Composition


def can_only_wait(group: RunGroup, state: PlanState) -> tuple[Reason, ...]:
    """What full mode lacks, where there is no other way to go and no more starts are reserved.

    Most of a long queue is like that, and is not looked at as candidates.
    """
    if not state.blocked or len(state.blocked) < state.tuning.reserved_starts:
        return ()
    if group.promoted or group.favoured or group.only_rungs or group.rungs or group.work.composable:
        return ()
    if group.first_deadline.endangered(group.full, state.at):
        return ()
    return lacks(group, state)


def candidate_of(group: RunGroup, state: PlanState) -> Candidate:
    """The first run of ``group``, and what is in its way."""
    run, missing = group.first, lacks(group, state)
    busy = not state.blocked and state.capacity.is_busy_with_strangers(group.full)
    return Candidate(
        group,
        run,
        group.first_deadline,
        state.at,
        lacks=missing,
        behind=() if missing else _behind(group, group.full, state),
        kept_by_strangers=busy and shareable(missing),
        waited_for_strangers=busy and state.at - run.submitted_at >= state.tuning.strangers_s,
    )


def lacks(group: RunGroup, state: PlanState) -> tuple[Reason, ...]:
    """What is missing for full mode; where the whole machine is too small, that alone."""
    never = state.capacity.never_fits(group.full, group.mode)
    return (never,) if never else state.capacity.lacks(group.full, group.rank, group.mode, group.most)


def in_stages(candidate: Candidate, state: PlanState) -> Option | None:
    """The stages one after another, with what is in the way of that, where full mode cannot go now."""
    group = candidate.group
    if not group.work.composable or group.only_rungs or group.mode != FULL or candidate.full_is_open:
        return None
    way = in_sequence(group.policy, group.work)
    if way is None or candidate.never_fits:
        return None
    request = state.requests.of_run(candidate.run, way.mode)
    missing = state.capacity.lacks(request, group.rank, way.mode, group.most)
    return Option(way, request, missing or _behind(group, request, state))


def ladder(candidate: Candidate, state: PlanState) -> Ladder | None:
    """The ways to do less, if the run would now take one."""
    group = candidate.group
    if not group.rungs and not group.essentials:
        return None
    options: list[Option] = []
    never: tuple[Reason, ...] = ()
    ways = _ways_to_do_less(candidate, state)
    for way in ways:
        request = state.requests.of_run(candidate.run, way.mode)
        if too_large := state.capacity.never_fits(request, way.mode):
            never = (too_large,)
            continue
        missing = state.capacity.lacks(request, group.rank, way.mode)
        kept = bool(missing) and _kept_by_strangers(missing, request, state)
        missing = missing or _delays(request, group.rank, state, above=group.rank)
        options.append(Option(way, request, missing, kept))
    return Ladder(options, never) if ways else None


def degraded(candidate: Candidate, ladder: Ladder, state: PlanState) -> Option | None:
    """The way to do less that it takes; none where that would be late too, and full mode has capacity."""
    found = ladder.choose(
        candidate.deadline,
        state.at,
        patient=not (candidate.waited_for_strangers and candidate.is_pressed),
    )
    if found and candidate.full_is_open and not candidate.deadline.met_by(found.request, state.at):
        return None
    return found


def placement(candidate: Candidate, request: ResourceRequest, state: PlanState) -> list[NodeCapacity]:
    """Of several nodes those to place it on: where it has memory and delays nobody."""
    group, nodes = candidate.group, state.capacity.nodes
    if group.policy.opportunity and not candidate.lacks:
        nodes = _idle(group, request, state) or nodes
    roomy = [node for node in nodes if node.more_memory(request) <= node.free_memory()]
    reservations = state.reservations
    return [node for node in roomy if not reservations.delayed(request, group.rank, node)] or roomy


def _kept_by_strangers(missing: tuple[Reason, ...], request: ResourceRequest, state: PlanState) -> bool:
    """Whether it is strangers who use what ``request`` lacks, and that slows runs down at the worst."""
    return shareable(missing) and not state.blocked and state.capacity.is_busy_with_strangers(request)


def _ways_to_do_less(candidate: Candidate, state: PlanState) -> tuple[Rung | Composition, ...]:
    """What a run may leave out now, the least first: its optional stages, then what its ladder says.

    Lack of capacity alone is a reason to leave optional stages out, once a run is overdue; it is none for a
    rung. Where its data is not ready, either helps for data that it spares alone.
    """
    group = candidate.group
    if group.only_rungs:
        rungs = group.rungs if not group.spared or group.gates.then == "degrade" else ()
        return (*(group.essentials if group.spared else ()), *rungs)
    if candidate.is_pressed:
        return (*group.essentials, *group.rungs)
    able = state.tuning.compose_overdue and group.work.composable and not candidate.full_is_open
    return group.essentials if able and is_overdue(group, candidate.run, state.book) else ()


def _behind(group: RunGroup, request: ResourceRequest, state: PlanState) -> tuple[Reason, ...]:
    """Why it may not go although there is capacity for ``request``, if so."""
    if group.policy.opportunity and (state.blocked or not _idle(group, request, state)):
        numbers = {"leaves": state.tuning.idle, "cpu": request.cpu, "memory": request.memory}
        return (Reason(ReasonCode.NOT_IDLE, numbers),)
    if not state.reservations.held:
        return ()
    return _delays(request, group.rank, state, group.most)


def _idle(group: RunGroup, request: ResourceRequest, state: PlanState) -> list[NodeCapacity]:
    """The nodes that stay idle enough for others if work ahead takes what it needs."""
    idle = state.tuning.idle
    return [
        node
        for node in state.capacity.affordable(group.most)
        if node.machine is not None
        and node.free_cpu(group.rank) - node.insists_on(request) >= idle * node.cpu_ceiling
        and node.free_memory() - node.more_memory(request) >= idle * node.memory_ceiling
    ]


def _delays(
    request: ResourceRequest, rank: int, state: PlanState, most: float = inf, above: int | None = None
) -> tuple[Reason, ...]:
    """The reserved start that a run would delay, on whichever node it were placed."""
    delayed = None
    for node in state.capacity.open_to(request, rank, most):
        delayed = state.reservations.delayed(request, rank, node, above)
        if delayed is None:
            return ()
    return (delayed.reason(state.at),) if delayed else ()
