"""When runs are due, also those that never came to be submitted."""

from collections.abc import Iterable, Mapping

from adaptive_assets.simulation.engine.run_state import Run
from adaptive_assets.simulation.traces.trace import TracedRun


def promised_s(run: Run) -> float | None:
    """Seconds from its release in which a run is to end: its own deadline, else that of its policy."""
    objective = run.kind.policy.objective
    return objective.deadline if objective and run.traced.deadline_s is None else run.traced.deadline_s


def due_at(run: Run, soonest: Mapping[str, float]) -> float | None:
    """When ``run`` is due; ``None`` for what is never due.

    One that was never released is due no sooner than if all that it depends on had ended as soon as could be
    (``soonest``), which is the same under every planner.
    """
    if run.deadline is not None:
        return run.deadline
    promised = promised_s(run)
    if promised is None:
        return None
    return promised + max([run.traced.submit_s, *(soonest[parent] for parent in run.traced.depends_on)])


def soonest_ends(runs: Iterable[TracedRun]) -> dict[str, float]:
    """By id, when each run could have ended on idle machines: at once, after all that it depends on."""
    waiting = {run.run_id: run for run in runs}
    ends: dict[str, float] = {}
    for run_id in waiting:
        stack = [run_id]
        while stack:
            run = waiting[stack[-1]]
            missing = [parent for parent in run.depends_on if parent not in ends]
            if missing:
                stack += missing
                continue
            stack.pop()
            begins = max((ends[parent] for parent in run.depends_on), default=run.submit_s)
            ends[run.run_id] = max(begins, run.submit_s) + run.duration_s
    return ends
