"""Step 5, giving way: which active runs give way to blocked ones, and how."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf

from adaptive_assets.planning.node_capacity import SLIVER, NodeCapacity
from adaptive_assets.planning.plan_state import Blocked, Move, PlanState
from adaptive_assets.planning.preemption_candidates import (
    ACTIONS,
    Candidates,
    PreemptionCandidate,
    cpu_of,
    memory_of,
)
from adaptive_assets.planning.preemption_cost import enough
from adaptive_assets.planning.reasons import Reason, ReasonCode
from adaptive_assets.planning.snapshot import Action, RunState


@dataclass(slots=True)
class _Amounts:
    """What a node has free and is about to have, less what blocked runs before need; or what one lacks."""

    cpu: float
    memory: float
    slots: float

    @property
    def none_lacking(self) -> bool:
        """As what one lacks: whether that is nothing."""
        return self.cpu <= SLIVER and self.memory <= 0 and self.slots <= 0


def give_way(state: PlanState) -> None:
    """Find moves for the first of the blocked runs: mild ones where CPU is short, requeues where memory is.

    What is freed is counted by the next plan, when it is free.
    """
    blocked = state.blocked[: state.tuning.preempting_runs]
    if blocked and (candidates := Candidates(blocked, state)):
        _free_capacity(blocked, candidates, state)


def _free_capacity(blocked: Sequence[Blocked], candidates: Candidates, state: PlanState) -> None:
    free = {node.name: _free(node, state) for node in state.capacity.nodes}
    for each in blocked:
        chosen = reserved = state.capacity.node_of(each.reservation.node)
        for node in sorted(state.capacity.affordable(each.most), key=lambda node: node is not reserved):
            lacking = _lacking(each, node, free, state)
            if lacking.none_lacking:
                chosen = node  # what is on its way to be free will do
                break
            if leaving := _cheapest(each, node, lacking, candidates):
                _move(each, leaving, lacking, free[node.name], state)
                chosen = node
                break
        if chosen is not None:
            there = free[chosen.name]
            there.cpu -= chosen.insists_on(each.request)
            there.memory -= chosen.more_memory(each.request)
            there.slots -= 1


def _free(node: NodeCapacity, state: PlanState) -> _Amounts:
    """What is free on ``node`` for the lowest tier, with what leaves."""
    capacity, active = state.capacity, state.snapshot.active
    leaving = [run for run in active if run.state is RunState.LEAVING and capacity.node_of(run.node) is node]
    limit = capacity.run_limit
    return _Amounts(
        node.free_cpu(len(state.book.tiers)) + sum(cpu_of(run, state) for run in leaving),
        node.free_memory() + sum(memory_of(run, state) for run in leaving),
        inf if limit is None else limit - capacity.runs + len(leaving),
    )


def _lacking(
    blocked: Blocked, node: NodeCapacity, free: Mapping[str, _Amounts], state: PlanState
) -> _Amounts:
    """What a blocked run lacks on ``node`` beside what is on its way to be free."""
    there = free[node.name]
    yielding = node.free_cpu(blocked.rank) - node.free_cpu(len(state.book.tiers))
    return _Amounts(
        node.insists_on(blocked.request) - there.cpu - yielding,
        node.more_memory(blocked.request) - there.memory,
        1 - there.slots,
    )


def _cheapest(
    blocked: Blocked, node: NodeCapacity, lacking: _Amounts, candidates: Candidates
) -> list[PreemptionCandidate]:
    """The cheapest runs that make up for what is lacking; nobody where even all would not."""
    only_cpu = lacking.memory <= 0 and lacking.slots <= 0
    for harshest in ACTIONS if only_cpu else (Action.REQUEUE,):
        able = candidates.for_run(blocked, node, harshest)
        amounts = (lacking.cpu, lacking.memory, lacking.slots)
        if chosen := enough(able, lambda candidate: candidate.frees, amounts):
            return chosen
    return []


def _move(
    blocked: Blocked,
    leaving: Sequence[PreemptionCandidate],
    lacking: _Amounts,
    free: _Amounts,
    state: PlanState,
) -> None:
    for candidate in leaving:
        reason = _reason(blocked, candidate, lacking, state)
        state.moves[candidate.run.run_id] = Move(ACTIONS[candidate.action], reason)
        cpu, memory, slots = candidate.frees
        free.cpu += cpu
        free.memory += memory
        free.slots += slots


def _reason(blocked: Blocked, candidate: PreemptionCandidate, lacking: _Amounts, state: PlanState) -> Reason:
    due = blocked.deadline.at
    return Reason(
        ReasonCode.GIVES_WAY,
        {
            "to": blocked.work.name,
            "tier": blocked.policy.tier,
            "cpu": candidate.cpu,
            "memory": candidate.memory,
            "lost_core_s": candidate.lost,
            "preempted": candidate.run.preempted,
            "action": candidate.action.value,
            "lacks_cpu": lacking.cpu,
            "lacks_memory": lacking.memory,
            "lacks_slots": lacking.slots,
            "due_in_s": None if due is None else due - state.at,
        },
    )
