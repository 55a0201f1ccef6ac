"""When active work is expected to give back what it holds."""

from dataclasses import dataclass

from adaptive_assets.planning.node_capacity import expected_cpu
from adaptive_assets.planning.ranks import rank_of
from adaptive_assets.planning.requests import ResourceRequests
from adaptive_assets.planning.resource_request import ResourceRequest
from adaptive_assets.planning.snapshot import ActiveRun, RunState, Snapshot
from adaptive_assets.planning.tuning import Tuning
from adaptive_assets.policy import PolicyBook


@dataclass(frozen=True, slots=True)
class ExpectedCompletion:
    """At ``at``, a run is expected to give back cores and bytes on a machine."""

    at: float
    node: str
    rank: int
    """The place of its tier: the CPU that it gives back is nobody's gain to whom it yields."""
    cpu: float
    memory: float


def expected_completions(
    snapshot: Snapshot, book: PolicyBook, requests: ResourceRequests, tuning: Tuning
) -> list[ExpectedCompletion]:
    """What the active runs give back, the soonest first; suspended ones hold what they have."""
    expected = []
    for run in snapshot.active:
        if run.state is RunState.SUSPENDED:
            continue
        request = requests.of_run(run, run.mode)
        memory = max(request.memory, run.memory_used or 0)
        rank = rank_of(book.policy(run.work.policy), book)
        end = ends_at(run, request, snapshot.at, tuning)
        expected.append(ExpectedCompletion(end, run.node, rank, expected_cpu(run, request), memory))
    expected.sort(key=lambda release: release.at)
    return expected


def ends_at(run: ActiveRun, request: ResourceRequest, at: float, tuning: Tuning) -> float:
    """When an active run is expected to end."""
    if run.state is RunState.LEAVING:
        return max(at, (run.acted_at or at) + tuning.leaving_s)
    if run.started_at is None:
        return max(at, run.launched_at + tuning.launch_s) + request.median
    ran = at - run.started_at if run.ran_s is None else run.ran_s
    if ran < request.median:
        return at + request.median - ran
    return at + max(request.duration - ran, tuning.overdue * ran, tuning.launch_s)
