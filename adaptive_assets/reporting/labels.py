"""Texts of cells: numbers in few signs, what a run's row says beside its times, the figures of a trial."""

import math
from typing import Final

from adaptive_assets.planning.composition import WHOLE
from adaptive_assets.planning.formatting import seconds
from adaptive_assets.simulation.evaluation.outcome import RunOutcome
from adaptive_assets.simulation.evaluation.sweep import Trial

_UNITS: Final = ((86_400, "d"), (3600, "h"), (60, "m"), (1, "s"))


def short_seconds(value: float) -> str:
    """A duration in its two largest units, without zeros: ``1.5s``, ``1m 30s``, ``2h``, ``3d 1h``."""
    if 0 < abs(value) < 10:
        return f"{value:.1f}".removesuffix(".0") + "s"
    rest = round(abs(value))
    for (length, unit), (smaller, below) in zip(_UNITS, (*_UNITS[1:], (1, "")), strict=True):
        if rest >= length:
            whole, left = divmod(rest, length)
            second = f" {left // smaller}{below}" if left >= smaller else ""
            return f"{'-' if value < 0 else ''}{whole}{unit}{second}"
    return "0"


def share_label(value: float) -> str:
    """A share of one: ``0``, ``0.4%``, ``85%``, ``99.9%``; 100% only where it is all."""
    if value == 0:
        return "0"
    if 0.995 <= value < 1:
        return f"{math.floor(value * 1000) / 10:.1f}%"
    return f"{value * 100:.1f}%" if abs(value) < 0.0995 else f"{value * 100:.0f}%"


def count(number: int, noun: str) -> str:
    """``1 run``, ``1,200 runs``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


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


def trial_heads(highest: str) -> tuple[str, ...]:
    """What :func:`trial_figures` are called; ``highest`` is the highest tier that has runs."""
    return ("score", f"{highest} missed", "turn mean", "turn 95%", "finished", "OOM")


def trial_figures(trial: Trial, highest: str) -> tuple[str, ...]:
    """The score, and what tells most of what it is made of; turnarounds are of all tiers together."""
    found = trial.measures
    tier = found.tier(highest)
    missed = tier.missed_share if tier else None
    mean, p95 = found.all.turnaround_mean_s, found.all.turnaround_p95_s
    return (
        f"{trial.score:,.4g}",
        "-" if missed is None else share_label(missed),
        "-" if mean is None else seconds(mean),
        "-" if p95 is None else seconds(p95),
        share_label(found.all.finished / found.all.runs) if found.all.runs else "-",
        f"{found.all.oom_kills:,}",
    )
