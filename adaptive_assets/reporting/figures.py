"""The figures of a report: what each is called, how it is written, and which of two is better."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from adaptive_assets.planning.formatting import number, seconds
from adaptive_assets.reporting.labels import share_label
from adaptive_assets.simulation.evaluation.comparison import Comparison, Contender, Role
from adaptive_assets.simulation.evaluation.measures import TierMeasures

ENOUGH: Final = 0.98
"""The share of runs that must have ended before anything is said of those that have."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: ``find`` takes it from a contender and the measures of a tier or of all runs.

    ``short`` is the name where there is little room, ``show`` writes a value; ``more``: more is better.
    """

    name: str
    short: str
    show: Callable[[float], str]
    find: Callable[[Contender, TierMeasures], float | None]
    more: bool = False

    def of(self, contender: Contender, tier: str | None) -> float | None:
        """The figure of a contender, in all or for a tier; ``None`` where there is nothing to measure."""
        measures = contender.measures
        found = measures.all if tier is None else measures.tier(tier)
        return None if found is None else self.find(contender, found)

    def shown(self, value: float | None) -> str:
        """As people read it; a dash where there is none."""
        return "-" if value is None else self.show(value)

    def better(self, one: float, other: float) -> bool:
        """Whether ``one`` is better than ``other``."""
        return one > other if self.more else one < other


def _count(value: float) -> str:
    return f"{value:,.0f}"


def _times(value: float) -> str:
    return f"{number(value)}x" if value < 100 else f"{value:,.0f}x"


def _core_hours(core_s: float) -> str:
    return f"{number(core_s / 3600)} h"


def _milliseconds(value: float) -> str:
    return f"{number(value * 1000)} ms" if value < 0.1 else f"{value * 1000:,.0f} ms"


def _of_the_ended(
    find: Callable[[TierMeasures], float | None],
) -> Callable[[Contender, TierMeasures], float | None]:
    """Only where nearly all have ended: those that end soon are the short ones."""
    return lambda _, runs: find(runs) if runs.finished >= ENOUGH * runs.runs else None


def _finished_share(contender: Contender, runs: TierMeasures) -> float | None:
    asked = sum(run.run.cpu * run.run.duration_s for run in contender.outcome.runs)
    return min(1.0, runs.work_core_s / asked) if asked else None


def _by_last_submission(contender: Contender, _: TierMeasures) -> float | None:
    """Nothing of a workload that is submitted at one instant: nobody can have ended anything by then."""
    runs = [run.run for run in contender.outcome.runs]
    at_once = len({run.submit_s for run in runs}) <= 1
    return None if at_once else contender.measures.core_s_by_last_submission


def _wasted_share(contender: Contender, _: TierMeasures) -> float | None:
    used = contender.outcome.used_core_s
    return contender.measures.wasted_core_s / used if used else None


def _end(contender: Contender, _: TierMeasures) -> float | None:
    return None if contender.measures.unfinished else contender.measures.end_s


_MISSED: Final = Figure("deadlines missed", "missed", share_label, lambda _, runs: runs.missed_share)
_WAIT_P95: Final = Figure("wait, 95%", "wait 95%", seconds, lambda _, runs: runs.wait_p95_s)

TIERED: Final[Mapping[str, Figure]] = {
    "missed": _MISSED,
    "wait_p50_s": Figure("wait, median", "wait 50%", seconds, lambda _, runs: runs.wait_p50_s),
    "wait_p95_s": _WAIT_P95,
    "wait_max_s": Figure("wait, longest", "longest", seconds, lambda _, runs: runs.wait_max_s),
    "turnaround_mean_s": Figure(
        "turnaround, mean", "turn mean", seconds, _of_the_ended(lambda runs: runs.turnaround_mean_s)
    ),
    "turnaround_p95_s": Figure(
        "turnaround, 95%", "turn 95%", seconds, _of_the_ended(lambda runs: runs.turnaround_p95_s)
    ),
    "slowdown": Figure("slowdown", "slowdown", _times, _of_the_ended(lambda runs: runs.slowdown_mean)),
}
"""Those of one tier, by key."""

OVERALL: Final[Mapping[str, Figure]] = {
    "missed": _MISSED,
    "wait_p95_s": _WAIT_P95,
    "finished": Figure("work finished", "done", share_label, _finished_share, more=True),
    "core_s_by_last_submission": Figure(
        "work by the last submission", "by last", _core_hours, _by_last_submission, more=True
    ),
    "end_s": Figure("makespan", "end", seconds, _end),
    "utilisation": Figure("CPU used", "CPU", share_label, lambda one, _: one.measures.utilisation, more=True),
    "oom_kills": Figure("out of memory", "OOM", _count, lambda _, runs: float(runs.oom_kills)),
    "wasted": Figure("work wasted", "wasted", share_label, _wasted_share),
    "preemptions": Figure("preemptions", "preempt", _count, lambda _, runs: float(runs.preemptions)),
    "degraded": Figure("degraded", "less", share_label, lambda _, runs: runs.degraded_share),
    "cost": Figure("cost", "cost", number, lambda one, _: one.measures.cost),
    "planning_p99_s": Figure(
        "planning, 99%", "plan", _milliseconds, lambda one, _: one.measures.planning_p99_s
    ),
}
"""Those of all tiers taken together, by key."""

MEANINGS: Final[Mapping[str, str]] = {
    "missed": "Runs that ended after their deadline, or not at all, of those that have one.",
    "wait_p50_s": "Half of the runs waited no longer in the queue.",
    "wait_p95_s": "95% of the runs waited no longer in the queue.",
    "wait_max_s": "The longest that a run waited in the queue.",
    "turnaround_mean_s": "From submission to end, the mean. Only where nearly all have ended.",
    "turnaround_p95_s": "95% of the runs ended so soon after submission. Only where nearly all have ended.",
    "slowdown": "From submission to end, over what the run takes alone on an idle machine: the mean."
    " Runs below 10 s count as 10 s long. Only where nearly all have ended.",
    "finished": "Of the core-seconds that the workload asks for, those of runs that ended well.",
    "core_s_by_last_submission": "Core-hours of runs that had ended well when the last was submitted.",
    "end_s": "From the start of the workload to the end of the last run, where all of them ended.",
    "utilisation": "Core-seconds that runs used, of those there were until the last run ended.",
    "oom_kills": "How often a run was killed because a machine had no memory left.",
    "wasted": "Of the core-seconds that runs used, those that came to nothing: killed, lost, or requeued.",
    "preemptions": "How often a run had to give way: suspended, or sent back to the queue.",
    "degraded": "Runs that ended in a lesser mode than full.",
    "cost": "By the prices of the policy book.",
    "planning_p99_s": "99% of the calls of the planner took no longer than this.",
}
"""What each figure says, by key."""


_RARE: Final = ("preemptions", "degraded")


def told_figures(comparison: Comparison, figures: Mapping[str, Figure], tier: str | None) -> list[Figure]:
    """Those of ``figures`` that some planner has a value for; of what is rare, one that is not zero.

    Costs are told only where there are prices.
    """
    told = []
    for key, figure in figures.items():
        values = [figure.of(contender, tier) for contender in comparison.contenders]
        known = any(values) if key in _RARE else any(value is not None for value in values)
        if known and (key != "cost" or comparison.book.prices):
            told.append(figure)
    return told


def marked(figure: Figure, contenders: Iterable[Contender], tier: str | None = None) -> frozenset[str]:
    """The names to mark: those that show the best value, unless all do; the oracle is no contender."""
    among = [one for one in contenders if one.role is not Role.ORACLE]
    best = best_of(figure, among, tier)
    if best is None:
        return frozenset()
    shown = figure.shown(best[1])
    measured = [one for one in among if figure.of(one, tier) is not None]
    found = frozenset(one.name for one in measured if figure.shown(figure.of(one, tier)) == shown)
    return frozenset() if len(found) == len(measured) else found


def best_of(
    figure: Figure, contenders: Iterable[Contender], tier: str | None = None
) -> tuple[Contender, float] | None:
    """Who has the best value, and that value; the first of equals; ``None`` where nobody has any."""
    measured = [(one, value) for one in contenders if (value := figure.of(one, tier)) is not None]
    pick = max if figure.more else min
    return pick(measured, key=lambda found: found[1], default=None)
