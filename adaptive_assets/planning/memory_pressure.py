"""Eviction: which active runs are queued again before the kernel kills one for want of memory.

The kernel would kill the largest process, whoever's it is. Here the least important run leaves that loses the
least of its work for the memory that it frees. Kubernetes evicts pods for the same reason.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from adaptive_assets.planning.capacity import Capacity
from adaptive_assets.planning.decisions import Reason, ReasonCode, Verdict
from adaptive_assets.planning.expected_completions import LEAVING_S, ends_at
from adaptive_assets.planning.node_capacity import NodeCapacity
from adaptive_assets.planning.preemption import Move
from adaptive_assets.planning.preemption_cost import core_seconds_lost, enough, price_of_leaving
from adaptive_assets.planning.ranks import rank_of
from adaptive_assets.planning.requests import ResourceRequests
from adaptive_assets.planning.snapshot import ActiveRun, RunState, Snapshot
from adaptive_assets.planning.wording import seconds, size
from adaptive_assets.policy import PolicyBook

__all__ = ["EDGE", "evict"]

EDGE: Final = 0.5
"""How much of the margin that the memory guard leaves may be in use before runs leave."""


def evict(
    snapshot: Snapshot,
    book: PolicyBook,
    requests: ResourceRequests,
    capacity: Capacity,
    moves: Mapping[str, Move],
) -> dict[str, Move]:
    """The requeues that keep the memory of every machine from running out, beside ``moves``.

    What leaves or ends within moments counts as gone: it takes no less time to free memory here.
    """
    found: dict[str, Move] = {}
    for node in capacity.nodes:
        excess = _excess(node)
        if excess <= 0:
            continue
        here = [run for run in snapshot.active if capacity.node_of(run.node) is node]
        gone = {run.run_id for run in here if _leaves(run, requests, snapshot.at, moves.get(run.run_id))}
        excess -= sum(run.memory_used or 0 for run in here if run.run_id in gone)
        if excess > 0:
            able = (run for run in here if run.run_id not in gone and run.run_id not in moves)
            for run, lost in _cheapest(able, excess, snapshot, book, requests):
                found[run.run_id] = Move(Verdict.REQUEUE, _reason(run, node, excess, lost))
    return found


def _excess(node: NodeCapacity) -> float:
    """Bytes that are expected to be in use beyond what there is, or are in use beyond the edge.

    Growth that is expected may never come, so it counts only where there is no room for it at all.
    """
    if node.machine is None:
        return 0.0
    capacity = node.machine.memory_capacity
    edge = node.memory_ceiling + EDGE * (capacity - node.memory_ceiling)
    return max(node.memory_on_average() - capacity, node.memory_in_use() - edge)


def _leaves(run: ActiveRun, requests: ResourceRequests, at: float, move: Move | None) -> bool:
    if run.state is RunState.LEAVING or (move is not None and move.verdict is Verdict.REQUEUE):
        return True
    if run.state is RunState.SUSPENDED:
        return False
    return ends_at(run, requests.of_run(run, run.mode), at) - at <= LEAVING_S


def _cheapest(
    runs: Iterable[ActiveRun], excess: float, snapshot: Snapshot, book: PolicyBook, requests: ResourceRequests
) -> Iterator[tuple[ActiveRun, float]]:
    """The runs that free ``excess`` bytes at the least loss, or all that can, each with what it loses."""
    able: list[tuple[ActiveRun, float, tuple[int, float, str]]] = []
    for run in runs:
        request = requests.of_run(run, run.mode)
        if run.memory_used and request.evictable:
            lost = core_seconds_lost(run, request, snapshot.at)
            rank = rank_of(book.policy(run.work.policy), book)
            able.append((run, lost, (-rank, price_of_leaving(run, lost, run.memory_used), run.run_id)))
    able.sort(key=lambda each: each[2])
    chosen = enough(able, lambda each: (float(each[0].memory_used or 0),), (excess,))
    yield from ((run, lost) for run, lost, _ in chosen or able)


def _reason(run: ActiveRun, node: NodeCapacity, excess: float, lost: float) -> Reason:
    expected, capacity = node.memory_on_average(), node.machine.memory_capacity if node.machine else 0
    return Reason(
        ReasonCode.MEMORY_RUNS_OUT,
        f"leaves before memory runs out: {size(expected)} of {size(capacity)} are expected to be in use,"
        f" {size(excess)} too much, and it holds {size(run.memory_used or 0)};"
        f" {seconds(lost)} of CPU time are lost",
        {
            "expected": expected,
            "capacity": capacity,
            "excess": excess,
            "memory": run.memory_used or 0,
            "lost_core_s": lost,
            "preempted": run.preempted,
        },
    )
