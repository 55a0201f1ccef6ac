"""From a plan to what happens."""

from adaptive_assets.planning.snapshot import Action, ActiveRun
from adaptive_assets.planning.verdicts import Plan, Verdict
from adaptive_assets.simulation.deployment import Deployment

__all__ = ["enact"]

_NEEDS = {
    Verdict.SLOW: Action.RENICE,
    Verdict.SUSPEND: Action.SUSPEND,
    Verdict.REQUEUE: Action.REQUEUE,
}


def enact(plan: Plan, deployment: Deployment) -> bool:
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
                deployment.launch(queued.run_id, decision.mode, decision.node)
        elif decision.verdict is Verdict.FAIL:
            busy = True
            for queued in decision.runs:
                deployment.fail(queued.run_id, f"failed by its policy: {decision.reason.sentence}")
    return busy


def _change(run: ActiveRun, verdict: Verdict, deployment: Deployment) -> None:
    attempt = deployment.active.get(run.run_id)
    if attempt is None:
        raise ValueError(f"the planner decided {verdict} about `{run.run_id}`, which is not active")
    if attempt.lost:
        return  # nobody is there to hear it
    needed = _NEEDS.get(verdict)
    if needed is not None and needed not in deployment.settings.actions:
        raise ValueError(f"the planner decided {verdict} about `{run.run_id}`, which its launcher cannot do")
    match verdict:
        case Verdict.SLOW:
            deployment.slow(attempt)
        case Verdict.SUSPEND:
            deployment.suspend(attempt)
        case Verdict.RESUME:
            deployment.resume(attempt)
        case Verdict.REQUEUE:
            deployment.requeue(attempt)
        case _:
            raise ValueError(f"the planner decided {verdict} about `{run.run_id}`, which is active")
