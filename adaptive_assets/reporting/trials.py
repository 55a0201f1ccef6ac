"""The trials of a sweep, in figures."""

from adaptive_assets.planning.formatting import seconds
from adaptive_assets.reporting.labels import share_label
from adaptive_assets.simulation.evaluation.sweep import Trial

__all__ = ["trial_figures", "trial_heads"]


def trial_heads(highest: str) -> tuple[str, ...]:
    """What :func:`trial_figures` are called; ``highest`` is the highest tier that has runs."""
    return (f"{highest} missed", "wait 95%", "finished", "OOM")


def trial_figures(trial: Trial, highest: str) -> tuple[str, ...]:
    """What a trial is judged by: deadlines of the highest tier missed, wait, runs finished; and its kills."""
    found = trial.measures
    tier = found.tier(highest)
    missed = tier.missed_share if tier else None
    return (
        "-" if missed is None else share_label(missed),
        "-" if found.all.wait_p95_s is None else seconds(found.all.wait_p95_s),
        share_label(found.all.finished / found.all.runs) if found.all.runs else "-",
        f"{found.all.oom_kills:,}",
    )
