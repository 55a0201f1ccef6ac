"""From a plan to what happens."""

from typing import Final

from adaptive_assets.planning.decisions import Plan, Verdict
from adaptive_assets.planning.snapshot import Action, ActiveRun, RunState
from adaptive_assets.simulation.engine.run_state import Attempt
from adaptive_assets.simulation.engine.state import SimulationState

_NEEDS: Final = {
    Verdict.SUSPEND: Action.SUSPEND,
    Verdict.REQUEUE: Action.REQUEUE,
}


def enact(plan: Plan, deployment: SimulationState) -> bool:
    """Do what ``plan`` says; whether anything was to be done.

    What is to change of running work comes first, so that runs launched in the same cycle find it changed.
    Raises :class:`ValueError` for what cannot be: a planner that is wrong is not to look right.
    """
    busy = False
    for change in plan.running:
        if change.verdict is not Verdict.KEEP:
            busy = True
            for run in change.runs:
                _change(run, change.verdict, deployment)
    for decision in plan.decisions:
        if decision.verdict.admits:
            busy = True
            for queued in decision.runs:
                deployment.launch(queued.run_id, decision.mode, decision.node, decision.cpu_weight)
        elif decision.verdict is Verdict.FAIL:
            busy = True
            for queued in decision.runs:
                deployment.fail(queued.run_id, f"failed by its policy: {decision.reason.sentence}")
    return busy


def _change(run: ActiveRun, verdict: Verdict, deployment: SimulationState) -> None:
    attempt = deployment.active.get(run.run_id)
    if attempt is None:
        raise ValueError(f"the planner decided {verdict} about `{run.run_id}`, which is not active")
    needed = _NEEDS.get(verdict)
    if needed is not None and needed not in deployment.settings.capabilities.actions:
        raise ValueError(f"the planner decided {verdict} about `{run.run_id}`, which its launcher cannot do")
    if attempt.lost or attempt.state is RunState.LEAVING:
        return  # nobody is there to hear it
    match verdict:
        case Verdict.SUSPEND:
            _suspend(attempt, deployment)
        case Verdict.RESUME:
            _resume(attempt, deployment)
        case Verdict.REQUEUE:
            _gives_way(attempt, deployment)
            del deployment.giving_way[attempt]
            deployment.cancel(attempt)
        case _:
            raise ValueError(f"the planner decided {verdict} about `{run.run_id}`, which is active")


def _suspend(attempt: Attempt, deployment: SimulationState) -> None:
    """It stops, and keeps its memory."""
    if attempt.state is RunState.RUNNING:
        _gives_way(attempt, deployment)
        deployment.stop(attempt)
        attempt.state, attempt.stopped_at = RunState.SUSPENDED, deployment.now


def _resume(attempt: Attempt, deployment: SimulationState) -> None:
    """It goes on."""
    if attempt not in deployment.giving_way:
        return
    del deployment.giving_way[attempt]
    now = attempt.acted_at = deployment.now
    deployment.stop(attempt)
    if attempt.stopped_at is not None:
        if attempt.started is not None:
            attempt.stopped_for += now - attempt.stopped_at
        attempt.stopped_at, attempt.stage_since, attempt.cpu_before = None, now, 0.0
    attempt.state = RunState.RUNNING
    deployment.start(attempt)


def _gives_way(attempt: Attempt, deployment: SimulationState) -> None:
    """Slowed down and then suspended is to have given way once."""
    if attempt not in deployment.giving_way:
        deployment.giving_way[attempt] = None
        attempt.run.preempted += 1
    attempt.acted_at = deployment.now
