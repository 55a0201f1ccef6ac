"""The series behind the charts, as plain values that the page's script draws from."""

from bisect import bisect_right
from collections.abc import Sequence
from math import expm1, inf, log1p
from typing import Any, Final

from adaptive_assets.planning.formatting import number, seconds, size
from adaptive_assets.reporting.colours import planner_colour
from adaptive_assets.reporting.incidents import periods
from adaptive_assets.reporting.intervals import MinMeanMax, intervals
from adaptive_assets.reporting.labels import count
from adaptive_assets.simulation.evaluation.comparison import Comparison, Contender
from adaptive_assets.simulation.evaluation.measures import quantile

INTERVALS: Final = 400
"""More would be narrower than two pixels of a wide page."""
WAITS: Final = 120
"""Points of a curve of waits."""


def chart_data(comparison: Comparison) -> dict[str, Any]:
    """Times in seconds from the start, CPU and memory in per cent; ``None`` where a planner was done."""
    end_s = comparison.end_s
    guards, cluster = comparison.book.guards, comparison.cluster
    samples = max(len(each.outcome.series) for each in comparison.contenders)
    most = min(INTERVALS, max(1, samples)) if end_s > 0 else 0
    return {
        "times": [round(end_s * place / max(1, most), 2) for place in range(most + 1)],
        "tiers": list(comparison.ours.outcome.tiers),
        "cpu": {"of": f"{number(cluster.cores)} cores", "guard": round(guards.cpu * 100, 2)},
        "memory": {"of": size(cluster.memory), "guard": round(guards.memory * 100, 2)},
        "events": [[each.start_s, each.end_s] for each in periods(comparison.scenario, end_s)],
        "planners": [_planner(comparison, each, most) for each in comparison.contenders],
        "waits": _waits(comparison),
    }


def queue_summary(contender: Contender) -> str:
    """The longest queue, what was killed, and how it ended, in one line."""
    outcome = contender.outcome
    longest = max((sum(sample.queued.values()) for sample in outcome.series), default=0)
    kills = contender.measures.all.oom_kills
    killed = f"{kills:,} killed out of memory, " if kills else ""
    left = sum(not run.finished for run in outcome.runs)
    ended = f"{left:,} never ended well" if left else f"all done after {seconds(outcome.end_s)}"
    return f"at most {count(longest, 'run')} waiting, {killed}{ended}"


def _planner(comparison: Comparison, contender: Contender, most: int) -> dict[str, Any]:
    found = intervals(contender, comparison.end_s, most)
    tiers = range(len(contender.outcome.tiers))
    columns: dict[str, list[float]] = {
        "running": [each.active - each.suspended for each in found],
        "suspended": [each.suspended for each in found],
        "killed": [each.killed for each in found],
        "preempted": [each.preempted for each in found],
        **{f"waiting {tier}": [each.queued[tier] for each in found] for tier in tiers},
        **_percents("cpu", [each.cpu for each in found]),
        **_percents("memory", [each.memory for each in found]),
    }
    return {
        "name": contender.name,
        "colour": planner_colour(comparison, contender),
        "told": f"{contender.name}: {queue_summary(contender)}",
        "series": {key: _to_the_end(values, most + 1) for key, values in columns.items()},
    }


def _percents(name: str, found: list[MinMeanMax]) -> dict[str, list[float]]:
    return {
        name: [round(each.mean * 100, 1) for each in found],
        f"{name} low": [round(each.low * 100, 1) for each in found],
        f"{name} high": [round(each.high * 100, 1) for each in found],
    }


def _to_the_end(values: list[float], length: int) -> list[float | None]:
    """The last value once more, for the end of its interval, and nothing after it."""
    return [*values, *values[-1:], *[None] * length][:length]


def _waits(comparison: Comparison) -> dict[str, Any]:
    """By tier and planner, the per cent of the runs that had started after each of ``times``; rising evenly
    on a logarithmic scale that begins at zero.
    """
    runs = [run for each in comparison.contenders for run in each.outcome.runs]
    longest = max(10.0, max((run.wait_s for run in runs), default=0.0))
    times = [min(longest, expm1(log1p(longest) * place / WAITS)) for place in range(WAITS)] + [longest]
    return {
        "times": [round(at, 2) for at in times],
        "tiers": [
            [tier, [_started(contender, tier, times) for contender in comparison.contenders]]
            for tier in comparison.tiers
        ],
    }


def _started(contender: Contender, tier: str, times: list[float]) -> list[float]:
    runs = [run for run in contender.outcome.runs if run.tier == tier]
    waits = sorted(run.wait_s for run in runs if run.launched_s is not None)
    return [round(100 * bisect_right(waits, at) / len(runs), 1) if runs else 0.0 for at in times]


def waits_at(contender: Contender, tier: str, shares: Sequence[float]) -> list[float | None]:
    """After how many seconds each of ``shares`` of a tier's runs had started; ``None``: so many never did."""
    runs = [run for run in contender.outcome.runs if run.tier == tier]
    waits = [inf if run.launched_s is None else run.wait_s for run in runs]
    found = [quantile(sorted(waits), share) for share in shares]
    return [None if wait is None or wait == inf else wait for wait in found]
