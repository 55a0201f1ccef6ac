"""From the state in which a simulation ended to its outcome."""

from adaptive_assets.planning.resource_request import FULL
from adaptive_assets.planning.snapshot import RunState
from adaptive_assets.simulation.engine.due import due_at, soonest_ends
from adaptive_assets.simulation.engine.run_state import Run
from adaptive_assets.simulation.engine.state import SimulationState
from adaptive_assets.simulation.evaluation.outcome import RunOutcome


def run_outcomes(deployment: SimulationState) -> tuple[RunOutcome, ...]:
    """What became of every run, in the order of the workload."""
    soonest = soonest_ends(run.traced for run in deployment.runs)
    return tuple([_outcome(run, deployment, due_at(run, soonest)) for run in deployment.runs])


def _outcome(run: Run, deployment: SimulationState, due: float | None) -> RunOutcome:
    last, now = run.last, deployment.now
    waiting = now - run.queued_since if run.traced.run_id in deployment.line else 0.0
    unfinished = "" if run.ended is not None else _why(run, deployment)
    return RunOutcome(
        run.traced,
        tier=run.kind.policy.tier,
        policy=run.kind.policy.name,
        released_s=run.released,
        launched_s=last.launched if last else None,
        started_s=last.started if last else None,
        ended_s=run.ended,
        mode=last.mode if last else FULL,
        node=last.node.spec.name if last else "",
        attempts=run.attempts,
        killed_at=tuple(run.killed_at),
        preemptions=run.preempted,
        wait_s=run.waited + waiting,
        useful_core_s=run.useful_core_s,
        wasted_core_s=run.wasted_core_s,
        deadline_s=due,
        missed=due is not None and _missed(run, deployment, due),
        blocked_by=run.blocked,
        unfinished=unfinished,
    )


def _missed(run: Run, deployment: SimulationState, due: float) -> bool:
    """Whether ``run`` has not ended in time, or never will.

    What has failed, and what it keeps from ever being released, never ends; nor does anything that is left
    when a simulation ends by itself, and not because its horizon was reached.
    """
    if run.ended is not None:
        return run.ended > due
    if due <= deployment.now or run.failed or deployment.settings.horizon_s is None:
        return True
    return _failed_parent(run, deployment) is not None


def _why(run: Run, deployment: SimulationState) -> str:
    """Why a run has not ended."""
    if run.failed:
        return run.failed
    if run.attempt is not None:
        state = "suspended" if run.attempt.state is RunState.SUSPENDED else "running"
        return "lost with its node" if run.attempt.lost else f"still {state}"
    if run.traced.run_id in deployment.line:
        return f"still queued: {run.blocked_by}" if run.blocked_by else "still queued"
    if run.released is not None:
        return "still on its way back to the queue"
    if parent := _failed_parent(run, deployment):
        return f"depends on `{parent}`, which failed"
    return "waits for what it depends on" if run.parents_left else "not submitted yet"


def _failed_parent(run: Run, deployment: SimulationState) -> str | None:
    """The first that has failed of those that ``run`` depends on, directly or not."""
    seen = {run.traced.run_id}
    above = [*run.traced.depends_on]
    while above:
        run_id = above.pop()
        parent = deployment.by_id[run_id]
        if parent.failed:
            return run_id
        if parent.ended is None and run_id not in seen:
            seen.add(run_id)
            above += parent.traced.depends_on
    return None
