"""The week of a data team: its schedules, sensors and backfill."""

from collections import Counter, defaultdict

import pytest

from adaptive_assets.simulation.traces.generated import DAY_S, HOUR_S
from adaptive_assets.simulation.traces.scaling import offered_load, scaled
from adaptive_assets.simulation.traces.team import CORES, KINDS, MEMORY, PARTITIONS, SUNDAY, team
from adaptive_assets.simulation.traces.trace import TracedRun

WEEK = team(3)


def of(name: str) -> list[TracedRun]:
    """The runs of one kind, in the order of their submission."""
    return [run for run in WEEK.runs if run.name == name]


def test_a_seed_says_all() -> None:
    """The same seed gives the same week, another one other sensors and other durations."""
    assert team(3) == WEEK
    assert team(4).runs != WEEK.runs


def test_there_are_fifteen_kinds_of_three_tiers() -> None:
    """Durations are around their medians, of 3 seconds to 40 minutes; others fit beside the largest run."""
    assert {run.name for run in WEEK.runs} == {kind.name for kind in KINDS}
    assert len(KINDS) == 15
    assert {run.tier for run in WEEK.runs} == {"critical", "standard", "batch"}
    medians = [kind.duration_s for kind in KINDS]
    assert (min(medians), max(medians)) == (3, 2400)
    for kind in KINDS:
        durations = sorted(run.duration_s for run in of(kind.name))
        assert durations[len(durations) // 2] == pytest.approx(kind.duration_s, rel=0.5)
    assert max(run.memory for run in WEEK.runs) < 0.6 * MEMORY
    assert max(run.cpu for run in WEEK.runs) < 0.5 * CORES


def test_deadlines_can_be_kept_by_nine_of_ten_runs_on_an_idle_machine() -> None:
    """Batch work has none."""
    for kind in KINDS:
        runs = of(kind.name)
        if kind.tier == "batch":
            assert {run.deadline_s for run in runs} == {None}
            continue
        kept = sum(run.deadline_s is not None and run.duration_s < run.deadline_s for run in runs)
        assert kept >= 0.9 * len(runs)


def test_schedules_are_hourly_and_daily() -> None:
    """At the full hour or at a minute past it; what follows is submitted with what it follows."""
    assert [run.submit_s for run in of("orders")] == [hour * HOUR_S for hour in range(7 * 24)]
    assert {run.submit_s % HOUR_S for run in of("events")} == {300}
    assert [run.submit_s for run in of("warehouse")] == [day * DAY_S + 2 * HOUR_S for day in range(7)]
    assert set(Counter(run.submit_s for run in of("customer-report")).values()) == {20}
    above = {run.run_id: run for run in of("orders")}
    for run in of("revenue"):
        assert above[run.depends_on[0]].submit_s == run.submit_s


def test_sensors_see_most_in_office_hours() -> None:
    """Ten times as much an hour as at night, and next to nothing at the weekend."""
    days = defaultdict[int, int](int)
    office = night = 0
    for run in of("fraud-scores"):
        day, hour = int(run.submit_s // DAY_S), run.submit_s % DAY_S / HOUR_S
        days[day] += 1
        if day not in {SUNDAY - 1, SUNDAY}:
            office += 9 <= hour < 18
            night += hour < 6
    assert office / 9 > 10 * night / 6
    assert days[SUNDAY] + days[SUNDAY - 1] < 0.5 * days[0]


def test_the_backfill_comes_at_once_on_sunday() -> None:
    """All its partitions, on the fourth day of a week that begins on a Thursday."""
    times = {run.submit_s for run in of("backfill")}
    assert len(of("backfill")) == PARTITIONS == 200
    assert [at // DAY_S for at in times] == [3]


@pytest.mark.parametrize("load", [0.1, 0.45, 0.8])
def test_it_can_be_brought_to_a_load(load: float) -> None:
    """As it is, it is a little above the lowest of them."""
    assert 0.1 < offered_load(WEEK, CORES) < 0.2
    assert offered_load(scaled(WEEK, load, CORES), CORES) == pytest.approx(load)
