"""What an outcome comes to: the figures that planners are compared by."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final

from adaptive_assets.planning.composition import WHOLE
from adaptive_assets.simulation.evaluation.outcome import Outcome, RunOutcome

_NAMED: Final = re.compile("`[^`]*`")
_FAILED: Final = re.compile("^failed by its policy: .*", re.DOTALL)
"""What a reason says of single runs, and is left out so that they can be counted."""


@dataclass(frozen=True, slots=True)
class TierMeasures:
    """The runs of one tier, or all of them. What there is nothing to say of is ``None``.

    Waits, in seconds, are of all runs that were released; turnarounds, from submission to end, and slowdowns
    are of those that ended.
    """

    tier: str
    runs: int
    finished: int
    with_deadline: int
    missed: int
    wait_p50_s: float | None
    wait_mean_s: float | None
    wait_p95_s: float | None
    wait_max_s: float | None
    turnaround_mean_s: float | None
    turnaround_p95_s: float | None
    slowdown_mean: float | None
    slowdown_p95: float | None
    work_core_s: float
    """The core-seconds of user code of the runs that ended."""
    degraded: int
    """Runs that ended in a mode below full."""
    oom_kills: int
    preemptions: int

    @property
    def missed_share(self) -> float | None:
        """Of the runs with a deadline."""
        return self.missed / self.with_deadline if self.with_deadline else None

    @property
    def degraded_share(self) -> float | None:
        """Of the runs that ended."""
        return self.degraded / self.finished if self.finished else None


@dataclass(frozen=True, slots=True)
class Measures:
    """All figures of one outcome: per tier that has runs, the highest first, and in all."""

    planner: str
    tiers: tuple[TierMeasures, ...]
    all: TierMeasures
    utilisation: float
    """Of the core-seconds that the cluster had until the end, the share that runs used."""
    useful_share: float
    """The share that user code used of runs that ended."""
    wasted_core_s: float
    """Core-seconds of attempts that came to nothing."""
    core_s_by_last_submission: float
    """The core-seconds of user code of the runs that had ended when the last of all was submitted."""
    cost: float
    spend: Mapping[str, float]
    end_s: float
    cycles: int
    planning_median_s: float | None
    planning_p99_s: float | None
    unfinished: Mapping[str, int]
    """How many runs did not end, by the reason for it."""

    def tier(self, name: str) -> TierMeasures | None:
        """The measures of that tier, if it has runs."""
        return next((tier for tier in self.tiers if tier.tier == name), None)


def measure(outcome: Outcome) -> Measures:
    """The measures of ``outcome``."""
    of_tier = {tier: [run for run in outcome.runs if run.tier == tier] for tier in outcome.tiers}
    had = outcome.cluster.cores * outcome.end_s
    everything = _of("all", outcome.runs)
    planning = sorted(outcome.planning_s)
    return Measures(
        planner=outcome.planner,
        tiers=tuple(_of(tier, runs) for tier, runs in of_tier.items() if runs),
        all=everything,
        utilisation=outcome.used_core_s / had if had else 0.0,
        useful_share=everything.work_core_s / had if had else 0.0,
        wasted_core_s=sum(run.wasted_core_s for run in outcome.runs),
        core_s_by_last_submission=_by_last_submission(outcome.runs),
        cost=outcome.cost,
        spend=outcome.spend,
        end_s=outcome.end_s,
        cycles=outcome.cycles,
        planning_median_s=quantile(planning, 0.5),
        planning_p99_s=quantile(planning, 0.99),
        unfinished=_unfinished(outcome.runs),
    )


def quantile(ordered: Sequence[float], share: float) -> float | None:
    """The smallest value that at least ``share`` of them do not exceed; ``None`` of none."""
    return ordered[max(0, ceil(share * len(ordered)) - 1)] if ordered else None


def _of(tier: str, runs: Sequence[RunOutcome]) -> TierMeasures:
    waits = sorted(run.wait_s for run in runs if run.released_s is not None)
    turnarounds = sorted(run.turnaround_s for run in runs if run.turnaround_s is not None)
    slowdowns = sorted(run.slowdown for run in runs if run.slowdown is not None)
    finished = [run for run in runs if run.finished]
    return TierMeasures(
        tier=tier,
        runs=len(runs),
        finished=len(finished),
        with_deadline=sum(run.deadline_s is not None for run in runs),
        missed=sum(run.missed for run in runs),
        wait_p50_s=quantile(waits, 0.5),
        wait_mean_s=_mean(waits),
        wait_p95_s=quantile(waits, 0.95),
        wait_max_s=waits[-1] if waits else None,
        turnaround_mean_s=_mean(turnarounds),
        turnaround_p95_s=quantile(turnarounds, 0.95),
        slowdown_mean=_mean(slowdowns),
        slowdown_p95=quantile(slowdowns, 0.95),
        work_core_s=sum(run.useful_core_s for run in finished),
        degraded=sum(run.mode not in WHOLE for run in finished),
        oom_kills=sum(run.oom_kills for run in runs),
        preemptions=sum(run.preemptions for run in runs),
    )


def _by_last_submission(runs: Sequence[RunOutcome]) -> float:
    last = max((run.run.submit_s for run in runs), default=0.0)
    return sum(run.useful_core_s for run in runs if run.ended_s is not None and run.ended_s <= last)


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _unfinished(runs: Iterable[RunOutcome]) -> Mapping[str, int]:
    """The most frequent first. What a reason says of single runs is left out, so that they can be counted."""
    counts: dict[str, int] = {}
    for run in runs:
        if run.unfinished:
            kind = _NAMED.sub("another", _FAILED.sub("failed by its policy", run.unfinished))
            counts[kind] = counts.get(kind, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
