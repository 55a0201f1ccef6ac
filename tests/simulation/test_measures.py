"""The figures that planners are compared by, from outcomes written by hand."""

from typing import Any

import pytest

from adaptive_assets.simulation.engine.cluster import Cluster
from adaptive_assets.simulation.evaluation.measures import measure, quantile
from adaptive_assets.simulation.evaluation.outcome import Outcome, RunOutcome
from tests.simulation.worlds import GIB, traced


def ended(
    run_id: str, *, tier: str = "batch", at: float = 0.0, wait: float = 0.0, end: float, **more: Any
) -> RunOutcome:
    """A run that ended well, after so long a wait."""
    given = {"useful_core_s": end - at - wait, **more}
    run = traced(run_id, end - at - wait, at=at)
    return RunOutcome(
        run,
        tier,
        "p",
        released_s=at,
        launched_s=at + wait,
        started_s=at + wait,
        ended_s=end,
        wait_s=wait,
        attempts=1,
        **given,
    )


def never(run_id: str, why: str, **more: Any) -> RunOutcome:
    """A run that did not end."""
    return RunOutcome(traced(run_id), "batch", "p", unfinished=why, **more)


def outcome(*runs: RunOutcome, planning: tuple[float, ...] = ()) -> Outcome:
    """On two cores, for a hundred seconds."""
    return Outcome(
        planner="by hand",
        cluster=Cluster.of(2, GIB),
        tiers=("critical", "standard", "batch"),
        runs=runs,
        series=(),
        cycles=7,
        planning_s=planning,
        end_s=100.0,
        used_core_s=150.0,
    )


def test_each_tier_that_has_runs_is_measured_and_all_together() -> None:
    """The highest tier first; those without runs are left out."""
    measures = measure(
        outcome(
            ended("a", tier="critical", wait=10, end=60, deadline_s=50.0, missed=True),
            ended("b", tier="critical", wait=0, end=40, deadline_s=50.0),
            ended("c", wait=30, end=80, mode="reduced", killed_at=(40.0,), preemptions=2, wasted_core_s=5.0),
        )
    )
    assert [tier.tier for tier in measures.tiers] == ["critical", "batch"]
    critical, batch = measures.tiers
    assert (critical.runs, critical.with_deadline, critical.missed, critical.missed_share) == (2, 2, 1, 0.5)
    assert (critical.wait_p50_s, critical.wait_p95_s, critical.wait_max_s) == (0, 10, 10)
    assert (critical.turnaround_mean_s, critical.turnaround_p95_s) == (50, 60)
    assert (batch.missed_share, batch.degraded_share, batch.oom_kills, batch.preemptions) == (None, 1, 1, 2)
    assert measures.all.runs == 3
    assert measures.all.work_core_s == 50 + 40 + 50
    assert (measures.utilisation, measures.useful_share) == (0.75, 0.7)
    assert measures.wasted_core_s == 5
    assert measures.tier("batch") is batch
    assert measures.tier("standard") is None


def test_the_turnaround_is_from_submission_to_end() -> None:
    """Waits, start-up and earlier attempts among it; of runs that have ended."""
    found = measure(
        outcome(ended("a", at=10, wait=20, end=90), ended("b", end=40), never("c", "", released_s=0.0))
    )
    assert [run.turnaround_s for run in outcome(ended("a", at=10, wait=20, end=90)).runs] == [80]
    assert (found.all.turnaround_mean_s, found.all.turnaround_p95_s) == (60, 80)
    assert measure(outcome(never("c", "", released_s=0.0))).all.turnaround_mean_s is None


def test_the_slowdown_is_bounded() -> None:
    """Runs shorter than ten seconds count as so long; nothing is faster than alone."""
    assert ended("long", wait=100, end=200).slowdown == 2
    assert ended("short", wait=19, end=20).slowdown == 2
    assert ended("instant", end=1).slowdown == 1
    assert RunOutcome(traced("never"), "batch", "p", released_s=0.0).slowdown is None


def test_what_has_not_ended_is_counted_by_its_reason() -> None:
    """It waited all the same, and finished no work; names are left out of the reasons."""
    measures = measure(
        outcome(
            never("a", "still queued: memory", released_s=0.0, wait_s=70.0),
            never("b", "depends on `x`, which failed"),
            never("c", "depends on `y`, which failed"),
        )
    )
    assert (measures.all.finished, measures.all.work_core_s, measures.all.slowdown_mean) == (0, 0, None)
    assert measures.all.wait_max_s == 70
    assert measures.unfinished == {"depends on another, which failed": 2, "still queued: memory": 1}


def test_planning_time_is_told_where_there_was_a_clock() -> None:
    """Its median and its 99th percentile over all calls."""
    calls = tuple(float(n) for n in range(1, 101))
    measures = measure(outcome(planning=calls))
    assert (measures.planning_median_s, measures.planning_p99_s) == (50, 99)
    assert measure(outcome()).planning_median_s is None


@pytest.mark.parametrize(("share", "found"), [(0.0, 1), (0.5, 2), (0.75, 3), (0.95, 4), (1.0, 4)])
def test_a_quantile_is_one_of_the_values(share: float, found: float) -> None:
    """The smallest that the share of the values do not exceed."""
    assert quantile([1, 2, 3, 4], share) == found
    assert quantile([], share) is None
