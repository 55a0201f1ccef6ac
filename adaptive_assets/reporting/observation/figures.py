"""The figures by which courses of events are compared, and those that speak against us."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import inf
from statistics import median
from typing import Final

from adaptive_assets.reporting.observation.counterfactual import Counterfactual, Course, Lived
from adaptive_assets.simulation.evaluation.measures import quantile

WORSE_SHARE: Final = 0.05
WORSE_S: Final = 1.0
"""By so much a time must be longer to be called worse: less is in the noise of a simulation."""
APART_S: Final = 5.0
"""By so much a run must end sooner or later to be counted: the length of a cycle."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Of the runs of one tier, or of all: seconds from submission to start and to end; counts of runs."""

    runs: int
    start_mean_s: float | None
    start_p95_s: float | None
    turnaround_mean_s: float | None
    turnaround_p95_s: float | None
    with_deadline: int
    missed: int
    degraded: int
    kills: int
    unfinished: int


@dataclass(frozen=True, slots=True)
class Against:
    """One figure of ``tier`` (empty: of all runs) that is worse than with stock."""

    tier: str
    figure: str
    ours: float
    stock: float


@dataclass(frozen=True, slots=True)
class Moved:
    """How many runs end ``sooner`` and ``later`` than with stock, and by how much: the median and the most.

    A run that never ends counts as later, and not in the seconds.
    """

    sooner: int
    sooner_median_s: float
    later: int
    later_median_s: float
    later_most_s: float


def figures(course: Course, tier: str | None = None) -> Figures:
    """Of the runs of ``tier``, or of all."""
    runs = [run for run in course.runs.values() if tier is None or run.tier == tier]
    starts = sorted(run.start_s for run in runs if run.start_s is not None)
    ends = sorted(run.turnaround_s for run in runs if run.turnaround_s is not None)
    return Figures(
        runs=len(runs),
        start_mean_s=_mean(starts),
        start_p95_s=quantile(starts, 0.95),
        turnaround_mean_s=_mean(ends),
        turnaround_p95_s=quantile(ends, 0.95),
        with_deadline=sum(run.has_deadline for run in runs),
        missed=sum(run.missed for run in runs),
        degraded=sum(run.degraded for run in runs),
        kills=sum(run.kills for run in runs),
        unfinished=sum(run.turnaround_s is None for run in runs),
    )


def tiers_of(found: Counterfactual, order: Iterable[str]) -> list[str]:
    """The tiers that have runs, in the order of the book."""
    present = {run.tier for run in found.ours.runs.values()}
    return [tier for tier in order if tier in present]


TIMES: Final[Mapping[str, Callable[[Figures], float | None]]] = {
    "start, mean": lambda found: found.start_mean_s,
    "start, 95%": lambda found: found.start_p95_s,
    "turnaround, mean": lambda found: found.turnaround_mean_s,
    "turnaround, 95%": lambda found: found.turnaround_p95_s,
}
COUNTS: Final[Mapping[str, Callable[[Figures], int]]] = {
    "deadlines missed": lambda found: found.missed,
    "degraded": lambda found: found.degraded,
    "killed": lambda found: found.kills,
    "never ended": lambda found: found.unfinished,
}


def against(found: Counterfactual, tiers: Iterable[str]) -> Iterator[Against]:
    """Every figure that is worse than in the simulation of stock."""
    for tier in tiers:
        ours, stock = figures(found.ours, tier), figures(found.stock, tier)
        for name, time_of in TIMES.items():
            mine, theirs = time_of(ours), time_of(stock)
            if mine is not None and theirs is not None and mine > theirs * (1 + WORSE_SHARE) + WORSE_S:
                yield Against(tier, name, mine, theirs)
        for name, count_of in COUNTS.items():
            if count_of(ours) > count_of(stock):
                yield Against(tier, name, count_of(ours), count_of(stock))
    over, stocks = found.ours.over_guard, found.stock.over_guard
    if over is not None and stocks is not None and over > stocks + 0.01:
        yield Against("", "time with memory over the guard", over, stocks)


def moved(found: Counterfactual) -> Moved:
    """Run by run, against the simulation of stock."""
    gaps = [_gap(run, found.stock.runs[run_id]) for run_id, run in found.ours.runs.items()]
    sooner = [-gap for gap in gaps if gap < -APART_S]
    later = [gap for gap in gaps if gap > APART_S]
    told = [gap for gap in later if gap < inf]
    return Moved(
        sooner=len(sooner),
        sooner_median_s=median([gap for gap in sooner if gap < inf] or [0.0]),
        later=len(later),
        later_median_s=median(told or [0.0]),
        later_most_s=max(told, default=0.0),
    )


def _gap(ours: Lived, stock: Lived) -> float:
    """How much later a run ends; infinite where it ends in one of the two only."""
    if ours.turnaround_s is not None and stock.turnaround_s is not None:
        return ours.turnaround_s - stock.turnaround_s
    if ours.turnaround_s is None and stock.turnaround_s is None:
        return 0.0
    return inf if ours.turnaround_s is None else -inf


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None
