"""What a run's row says beside its times."""

from adaptive_assets.planning.composition import WHOLE
from adaptive_assets.planning.formatting import seconds
from adaptive_assets.simulation.evaluation.outcome import RunOutcome

__all__ = ["notes"]


def notes(run: RunOutcome) -> str:
    """What was out of the ordinary, and the reasons that it waited for longest."""
    told = [] if run.launched_s is None or run.mode in WHOLE else [f"mode {run.mode}"]
    if run.unfinished:
        told.append(f"unfinished: {run.unfinished}")
    if run.oom_kills:
        told.append("killed out of memory at " + ", ".join(map(seconds, run.killed_at)))
    if run.preemptions:
        told.append("preempted once" if run.preemptions == 1 else f"preempted {run.preemptions} times")
    blocked = sorted(run.blocked_by.items(), key=lambda item: -item[1])[:4]
    if blocked:
        told.append("waited for " + ", ".join(f"{code} {seconds(waited)}" for code, waited in blocked))
    return "; ".join(told)
