"""Memory-pressure eviction: which active runs are requeued before the kernel kills one for lack of memory.

The kernel would kill the largest process, whoever's it is. Here the least important run leaves that loses the
least of its work for the memory that it frees. Kubernetes evicts pods for the same reason.
"""

from collections.abc import Iterable, Iterator
from math import inf

from adaptive_assets.planning.decisions import Verdict
from adaptive_assets.planning.expected_completions import ends_at
from adaptive_assets.planning.node_capacity import NodeCapacity
from adaptive_assets.planning.plan_state import Move, PlanState
from adaptive_assets.planning.preemption_cost import core_seconds_lost, enough, price_of_leaving
from adaptive_assets.planning.ranks import rank_of
from adaptive_assets.planning.reasons import Reason, ReasonCode
from adaptive_assets.planning.snapshot import ActiveRun, RunState


def evict(state: PlanState) -> None:
    """Requeue runs where the memory of a node is about to run out, beside what gives way already.

    What leaves or ends within moments counts as gone: it takes no less time to free memory here.
    """
    given = dict(state.moves)
    for node in state.capacity.nodes:
        excess = _excess(node, state.tuning.memory_edge)
        if excess <= 0:
            continue
        here = [run for run in state.snapshot.active if state.capacity.node_of(run.node) is node]
        gone = {run.run_id for run in here if _leaves(run, given.get(run.run_id), state)}
        excess -= sum(run.memory_used or 0 for run in here if run.run_id in gone)
        if excess > 0:
            able = (run for run in here if run.run_id not in gone and run.run_id not in given)
            for run, lost in _cheapest(able, excess, state):
                state.moves[run.run_id] = Move(Verdict.REQUEUE, _reason(run, node, excess, lost))


def _excess(node: NodeCapacity, edge: float) -> float:
    """Bytes that are expected to be in use beyond what there is, or are in use beyond the edge.

    Growth that is expected may never come, so it counts only where there is no capacity for it at all.
    """
    if node.machine is None or edge == inf:
        return 0.0
    capacity = node.machine.memory_capacity
    limit = node.memory_ceiling + edge * (capacity - node.memory_ceiling)
    return max(node.memory_on_average() - capacity, node.memory_in_use() - limit)


def _leaves(run: ActiveRun, move: Move | None, state: PlanState) -> bool:
    if run.state is RunState.LEAVING or (move is not None and move.verdict is Verdict.REQUEUE):
        return True
    if run.state is RunState.SUSPENDED:
        return False
    request = state.requests.of_run(run, run.mode)
    return ends_at(run, request, state.at, state.tuning) - state.at <= state.tuning.leaving_s


def _cheapest(
    runs: Iterable[ActiveRun], excess: float, state: PlanState
) -> Iterator[tuple[ActiveRun, float]]:
    """The runs that free ``excess`` bytes at the least loss, or all that can, each with what it loses."""
    able: list[tuple[ActiveRun, float, tuple[int, float, str]]] = []
    for run in runs:
        request = state.requests.of_run(run, run.mode)
        if run.memory_used and request.evictable:
            lost = core_seconds_lost(run, request, state.at)
            rank = rank_of(state.book.policy(run.work.policy), state.book)
            price = price_of_leaving(run, lost, run.memory_used, state.tuning)
            able.append((run, lost, (-rank, price, run.run_id)))
    able.sort(key=lambda each: each[2])
    chosen = enough(able, lambda each: (float(each[0].memory_used or 0),), (excess,))
    yield from ((run, lost) for run, lost, _ in chosen or able)


def _reason(run: ActiveRun, node: NodeCapacity, excess: float, lost: float) -> Reason:
    return Reason(
        ReasonCode.MEMORY_RUNS_OUT,
        {
            "expected": node.memory_on_average(),
            "capacity": node.machine.memory_capacity if node.machine else 0,
            "excess": excess,
            "memory": run.memory_used or 0,
            "lost_core_s": lost,
            "preempted": run.preempted,
        },
    )
