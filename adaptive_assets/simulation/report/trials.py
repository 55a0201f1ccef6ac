"""The trials of a sweep, in words and figures."""

from collections.abc import Mapping

from adaptive_assets.planning.wording import number, seconds
from adaptive_assets.simulation.measures import Measures
from adaptive_assets.simulation.report.axes import share_label
from adaptive_assets.simulation.sweep import Trial

__all__ = ["setting_text", "trial_figures", "trial_heads"]


def setting_text(setting: Mapping[str, float]) -> str:
    """A baseline's setting as people say it: ``8 runs, standard 3, batch 3``."""
    told = []
    for name, value in setting.items():
        if name == "runs":
            told.append("1 run" if value == 1 else f"{number(value)} runs")
        elif name.endswith("_share"):
            told.append(f"{name.removesuffix('_share').replace('cpu', 'CPU')} up to {share_label(value)}")
        else:
            told.append(f"{name} {number(value)}")
    return ", ".join(told)


def trial_heads(highest: str) -> tuple[str, ...]:
    """What :func:`trial_figures` are called; ``highest`` is the highest tier that has runs."""
    return (f"{highest} missed", "wait 95%", "finished", "OOM")


def trial_figures(trial: Trial, highest: str) -> tuple[str, ...]:
    """What a trial is judged by: deadlines of the highest tier missed, wait, runs finished; and its kills."""
    found: Measures = trial.measures
    tier = found.tier(highest)
    missed = tier.missed_share if tier else None
    return (
        "-" if missed is None else share_label(missed),
        "-" if found.all.wait_p95_s is None else seconds(found.all.wait_p95_s),
        share_label(found.all.finished / found.all.runs) if found.all.runs else "-",
        f"{found.all.oom_kills:,}",
    )
