"""What reports are made of: numbers in few signs, series cut into intervals, incidents in words, waits."""

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adaptive_assets.reporting import as_text, page
from adaptive_assets.reporting.charts import waits_at
from adaptive_assets.reporting.incidents import incidents, periods
from adaptive_assets.reporting.intervals import intervals
from adaptive_assets.reporting.labels import count, notes, share_label, short_seconds
from adaptive_assets.reporting.whom import behind_rows, reason_rows
from adaptive_assets.simulation.engine.cluster import Cluster
from adaptive_assets.simulation.engine.policy_assignment import plain_book
from adaptive_assets.simulation.evaluation.compare import compare
from adaptive_assets.simulation.evaluation.comparison import Contender, Role
from adaptive_assets.simulation.evaluation.measures import measure
from adaptive_assets.simulation.evaluation.outcome import NodeUse, Outcome, RunOutcome, Sample
from adaptive_assets.simulation.evaluation.preemptions import PreemptionRecord
from adaptive_assets.simulation.evaluation.waiting import Waiting, waiting
from adaptive_assets.simulation.scenarios.events import (
    ClockSkew,
    DataTrouble,
    DurationDrift,
    Scenario,
    SlowDisk,
    StrangerCpu,
    StrangerMemory,
)
from adaptive_assets.simulation.traces.trace import TracedRun
from tests.reporting.outcomes import CLUSTER, workload
from tests.reporting.page_elements import Elements

TIERS = ("critical", "batch")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (1.5, "1.5s"),
        (10, "10s"),
        (90, "1m 30s"),
        (3600, "1h"),
        (9000, "2h 30m"),
        (90_000, "1d 1h"),
        (-90, "-1m 30s"),
    ],
)
def test_durations_in_few_signs(value: float, shown: str) -> None:
    """Short, without what is zero."""
    assert short_seconds(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0"), (0.004, "0.4%"), (0.85, "85%"), (0.9999, "99.9%"), (1, "100%"), (1.3, "130%")],
)
def test_shares(value: float, shown: str) -> None:
    """Few digits, and never all where it is not quite all."""
    assert share_label(value) == shown


def test_counts() -> None:
    """One is not many."""
    assert (count(1, "run"), count(0, "run"), count(1200, "run")) == ("1 run", "0 runs", "1,200 runs")


def planner(
    series: tuple[Sample, ...], end_s: float, *preemptions: PreemptionRecord, cores: float = 4.0
) -> Contender:
    """One with these samples and no runs."""
    outcome = Outcome("p", Cluster.of(cores, 100), TIERS, (), series, 0, (), end_s)
    return Contender("p", Role.OURS, "", outcome, measure(outcome), preemptions)


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 4)), min_size=1, max_size=80), st.integers(1, 30)
)
def test_a_peak_is_never_lost(points: list[tuple[int, int]], most: int) -> None:
    """The longest queue and the greatest use of the machine are in some interval, however few there are."""
    series = tuple(
        Sample(10.0 * place, (NodeUse(float(cpu), cpu * 20),), {"batch": queued}, {})
        for place, (queued, cpu) in enumerate(points)
    )
    end = 10.0 * len(points)
    found = intervals(planner(series, end), end, most)
    assert len(found) == most
    assert max(each.queued[1] for each in found) == max(queued for queued, _ in points)
    assert max(each.cpu.high for each in found) == pytest.approx(max(cpu for _, cpu in points) / 4)
    assert all(spread.low <= spread.mean + 1e-9 for each in found for spread in (each.cpu, each.memory))
    assert all(spread.mean <= spread.high + 1e-9 for each in found for spread in (each.cpu, each.memory))


@given(st.lists(st.floats(0, 100), max_size=40), st.integers(1, 30))
@example([100.0], 7)
def test_every_preemption_is_in_one_interval(times: list[float], most: int) -> None:
    """Also one at the very end."""
    marks = [PreemptionRecord(at, "memory") for at in times]
    found = intervals(planner((Sample(0.0, (NodeUse(1.0, 1),), {}, {}),), 100.0, *marks), 100.0, most)
    assert sum(each.preempted for each in found) == len(times)


def test_no_time_has_no_intervals() -> None:
    """Neither without samples nor without an end."""
    assert intervals(planner((), 10.0), 10.0, 5) == []
    assert intervals(planner((Sample(0.0, (NodeUse(1.0, 1),), {}, {}),), 0.0), 0.0, 5) == []


def run(name: str, tier: str, released: float, launched: float, ended: float, cpu: float = 1.0) -> RunOutcome:
    """A run that was launched once."""
    waited = launched - released
    return RunOutcome(
        run=TracedRun(name, name, released, tier, cpu=cpu, duration_s=ended - launched),
        tier=tier,
        policy=tier,
        released_s=released,
        launched_s=launched,
        ended_s=ended,
        wait_s=waited,
        blocked_by={"cpu": waited} if waited else {},
    )


def test_events_are_told_in_words() -> None:
    """Every kind of event, in the order of time and cut at the end; what comes later is left out."""
    events = (
        DurationDrift(at=50, factor=1.5, names=("report",)),
        StrangerMemory(at=10, lasts=500, amount=2**30, grows_per_s=2**20, node="node-1"),
        StrangerCpu(at=20, lasts=5, cores=2),
        SlowDisk(at=30, lasts=5, factor=3),
        DataTrouble(name="orders", at=40, lasts=5, trouble="late"),
        ClockSkew(at=45, lasts=5, seconds=-90),
        ClockSkew(at=900, lasts=5, seconds=1),
    )
    found = periods(Scenario(events), 100.0)
    assert [period.told for period in found] == [
        "stranger takes 1 GiB and 1 MiB/s more on node-1",
        "stranger uses 2 cores",
        "disk 3 times slower",
        "orders: data late",
        "clock off by -1m 30s",
        "report takes 1.5 times as long",
    ]
    assert found[0].end_s == 100.0


def test_every_kill_and_preemption_is_told_with_its_time() -> None:
    """Of all runs in the order of time; one that was killed before says for which time it is now."""
    one = replace(run("a", "batch", 0.0, 50.0, 100.0), killed_at=(20.0, 40.0))
    other = replace(run("b", "critical", 0.0, 50.0, 100.0), killed_at=(30.0,))
    told = planner((), 100.0, PreemptionRecord(25.0, "c suspended: memory"))
    assert incidents(replace(told, outcome=replace(told.outcome, runs=(one, other)))) == [
        (20.0, "killed", "a (a) ran out of memory"),
        (25.0, "preempted", "c suspended: memory"),
        (30.0, "killed", "b (b) ran out of memory"),
        (40.0, "killed", "a (a) ran out of memory, kill 2 of this run"),
    ]


def test_a_run_says_what_was_out_of_the_ordinary() -> None:
    """Its mode, why it never ended, kills, preemptions, and what it waited for longest."""
    odd = replace(
        run("a", "batch", 0.0, 50.0, 100.0),
        mode="reduced",
        unfinished="still running",
        killed_at=(20.0, 40.0),
        preemptions=1,
        blocked_by={"cpu": 10.0, "memory": 40.0},
    )
    assert notes(odd) == (
        "mode reduced; unfinished: still running; killed out of memory at 20s, 40s; preempted once;"
        " waited for memory 40s, cpu 10s"
    )
    assert notes(run("a", "batch", 0.0, 0.0, 100.0)) == ""


def test_runs_that_never_started_have_no_wait() -> None:
    """Half of two runs had started after 5 s, and all of them never; a tier without runs has none."""
    started = run("a", "batch", 0.0, 5.0, 10.0)
    never = replace(run("b", "batch", 0.0, 90.0, 99.0), launched_s=None, ended_s=None)
    told = planner((), 100.0)
    told = replace(told, outcome=replace(told.outcome, runs=(started, never)))
    assert waits_at(told, "batch", (0.5, 0.95, 1.0)) == [5.0, None, None]
    assert waits_at(told, "critical", (0.5,)) == [None]


def test_who_waited_for_whom_in_rows() -> None:
    """Each holder that was waited for, each reason, the longest first."""
    runs = [run("a", "batch", 0, 0, 30, cpu=3), run("c", "critical", 0, 20, 25)]
    found = waiting(runs, TIERS, 30)
    assert behind_rows(found) == [("batch", [20.0, 0.0])]
    assert reason_rows(found) == [("cpu", [20.0, 0.0])]


def test_many_reasons_are_summed_up() -> None:
    """Seven have a row of their own, and no second is lost."""
    reasons = {f"reason-{number}": float(number) for number in range(1, 12)}
    rows = reason_rows(Waiting(("batch",), {"batch": {}}, {"batch": reasons}))
    assert [name for name, _ in rows] == [*(f"reason-{number}" for number in range(11, 4, -1)), "others"]
    assert sum(row[0] for _, row in rows) == sum(reasons.values())


def test_ours_alone() -> None:
    """Without baselines and oracle there is one contender, nothing to mark, and a page."""
    small = workload(6)
    found = compare(small, plain_book(small), CLUSTER, with_baselines=False, with_oracle=False)
    assert [each.role for each in found.contenders] == [Role.OURS]
    assert "*" not in as_text(found)
    assert "Runs waiting under each planner" not in page(found)
    Elements(page(found))
