"""The figures of a report: what each is called, how it is written, and which of two is better."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from adaptive_assets.planning.wording import number, seconds
from adaptive_assets.simulation.measures import TierMeasures
from adaptive_assets.simulation.report.axes import share_label
from adaptive_assets.simulation.report.comparison import Comparison, Contender, Role

__all__ = ["OVERALL", "TIERED", "Figure", "best_of", "marked", "told_figures"]


ENOUGH: Final = 0.98
"""The share of runs that must have ended before anything is said of those that have."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: ``overall`` and ``tiered`` find it, ``show`` writes it; ``more``: more is better."""

    key: str
    name: str
    short: str
    """The name where there is little room."""
    meaning: str
    show: Callable[[float], str]
    overall: Callable[[Contender], float | None] | None = None
    tiered: Callable[[TierMeasures], float | None] | None = None
    more: bool = False

    def of(self, contender: Contender, tier: str | None) -> float | None:
        """The figure of a contender, in all or for a tier; ``None`` where there is nothing to measure."""
        if tier is None:
            return self.overall(contender) if self.overall else None
        found = contender.measures.tier(tier)
        return self.tiered(found) if self.tiered and found else None

    def shown(self, value: float | None) -> str:
        """As people read it; a dash where there is none."""
        return "-" if value is None else self.show(value)

    def better(self, one: float, other: float) -> bool:
        """Whether ``one`` is better than ``other``."""
        return one > other if self.more else one < other


def told_figures(comparison: Comparison, figures: Mapping[str, Figure], tier: str | None) -> list[Figure]:
    """Those of ``figures`` that some planner has a value for; costs only where there are prices."""
    return [
        figure
        for key, figure in figures.items()
        if any(figure.of(contender, tier) is not None for contender in comparison.contenders)
        and (key != "cost" or comparison.book.prices)
    ]


def _count(value: float) -> str:
    return f"{value:,.0f}"


def _times(value: float) -> str:
    return f"{number(value)}x" if value < 100 else f"{value:,.0f}x"


def _milliseconds(value: float) -> str:
    return f"{number(value * 1000)} ms" if value < 0.1 else f"{value * 1000:,.0f} ms"


def _finished_share(contender: Contender) -> float | None:
    asked = sum(run.run.cpu * run.run.duration_s for run in contender.outcome.runs)
    return min(1.0, contender.measures.all.work_core_s / asked) if asked else None


def _wasted_share(contender: Contender) -> float | None:
    used = contender.outcome.used_core_s
    return contender.measures.wasted_core_s / used if used else None


TIERED: Final[Mapping[str, Figure]] = {
    figure.key: figure
    for figure in (
        Figure(
            "missed",
            "deadlines missed",
            "missed",
            "Runs that ended after their deadline, or not at all, of those that have one.",
            share_label,
            tiered=lambda found: found.missed_share,
        ),
        Figure(
            "wait_p50_s",
            "wait, median",
            "wait 50%",
            "Half of the runs waited no longer in the queue.",
            seconds,
            tiered=lambda found: found.wait_p50_s,
        ),
        Figure(
            "wait_p95_s",
            "wait, 95%",
            "wait 95%",
            "95% of the runs waited no longer in the queue.",
            seconds,
            tiered=lambda found: found.wait_p95_s,
        ),
        Figure(
            "wait_max_s",
            "wait, longest",
            "longest",
            "The longest that a run waited in the queue.",
            seconds,
            tiered=lambda found: found.wait_max_s,
        ),
        Figure(
            "slowdown",
            "slowdown",
            "slowdown",
            "From submission to end, over what the run takes alone on an idle machine: the mean, where runs"
            " below 10 s count as 10 s long. Only where nearly all have ended.",
            _times,
            tiered=lambda found: found.slowdown_mean if found.finished >= ENOUGH * found.runs else None,
        ),
    )
}
"""Those of one tier, by key."""

OVERALL: Final[Mapping[str, Figure]] = {
    figure.key: figure
    for figure in (
        Figure(
            "missed",
            "deadlines missed",
            "missed",
            "Runs of all tiers that ended after their deadline, or not at all, of those that have one.",
            share_label,
            lambda one: one.measures.all.missed_share,
        ),
        Figure(
            "wait_p95_s",
            "wait, 95%",
            "wait 95%",
            "95% of all runs waited no longer in the queue.",
            seconds,
            lambda one: one.measures.all.wait_p95_s,
        ),
        Figure(
            "finished",
            "work finished",
            "done",
            "Of the core-seconds that the workload asks for, those of runs that ended well.",
            share_label,
            _finished_share,
            more=True,
        ),
        Figure(
            "end_s",
            "all done after",
            "end",
            "From the start of the workload to the end of the last run, where all of them ended.",
            seconds,
            lambda one: None if one.measures.unfinished else one.measures.end_s,
        ),
        Figure(
            "utilisation",
            "CPU used",
            "CPU",
            "Core-seconds that runs used, of those there were until the last run ended.",
            share_label,
            lambda one: one.measures.utilisation,
            more=True,
        ),
        Figure(
            "oom_kills",
            "out of memory",
            "OOM",
            "How often a run was killed because a machine had no memory left.",
            _count,
            lambda one: float(one.measures.all.oom_kills),
        ),
        Figure(
            "wasted",
            "work wasted",
            "wasted",
            "Of the core-seconds that runs used, those that came to nothing: killed, lost, or requeued.",
            share_label,
            _wasted_share,
        ),
        Figure(
            "preemptions",
            "preemptions",
            "preempt",
            "How often a run had to give way: slowed down, suspended, or sent back to the queue.",
            _count,
            lambda one: float(one.measures.all.preemptions),
        ),
        Figure(
            "degraded",
            "degraded",
            "less",
            "Runs that ended in a lesser mode than full.",
            share_label,
            lambda one: one.measures.all.degraded_share,
        ),
        Figure(
            "cost",
            "cost",
            "cost",
            "By the prices of the policy book.",
            number,
            lambda one: one.measures.cost,
        ),
        Figure(
            "planning_p99_s",
            "planning, 99%",
            "plan",
            "99% of the calls of the planner took no longer than this.",
            _milliseconds,
            lambda one: one.measures.planning_p99_s,
        ),
    )
}
"""Those of all tiers taken together, by key."""


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
    best: tuple[Contender, float] | None = None
    for contender in contenders:
        value = figure.of(contender, tier)
        if value is not None and (best is None or figure.better(value, best[1])):
            best = contender, value
    return best
