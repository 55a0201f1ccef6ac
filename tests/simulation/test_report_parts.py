"""What reports are drawn with: markup, scales, series cut short, and who waited for whom."""

import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adaptive_assets.planning.snapshot import ActiveRun, Snapshot, Work
from adaptive_assets.planning.verdicts import ActiveDecision, Plan, Reason, ReasonCode, Verdict
from adaptive_assets.policy import PolicyBook
from adaptive_assets.simulation.cluster import Cluster
from adaptive_assets.simulation.events import (
    ClockSkew,
    DataTrouble,
    DurationDrift,
    Scenario,
    SlowDisk,
    StrangerCpu,
    StrangerMemory,
)
from adaptive_assets.simulation.outcome import NodeUse, Outcome, RunOutcome, Sample
from adaptive_assets.simulation.report.axes import (
    Scale,
    amount_ticks,
    share_label,
    short_seconds,
    time_ticks,
    wait_scale,
)
from adaptive_assets.simulation.report.frame import steps
from adaptive_assets.simulation.report.gantt import gantt_plot
from adaptive_assets.simulation.report.history import Machine, Mark, history, queue_plot
from adaptive_assets.simulation.report.incidents import kills, spells
from adaptive_assets.simulation.report.markup import Markup, tag
from adaptive_assets.simulation.report.spread import Curve, waits_plot
from adaptive_assets.simulation.report.timeline import timeline
from adaptive_assets.simulation.report.trials import setting_text
from adaptive_assets.simulation.report.waiting import IDLE, waiting
from adaptive_assets.simulation.report.watching import Watched
from adaptive_assets.simulation.trace import TracedRun

TIERS = ("critical", "batch")


@given(st.text(), st.text())
def test_text_is_text_wherever_it_stands(inside: str, attribute: str) -> None:
    """Any text is one text node and one attribute value; what XML cannot carry is replaced."""
    read = ET.fromstring(tag("text", inside, title=attribute))
    assert len(read) == 0
    if inside.isprintable():
        assert (read.text or "") == inside
    assert set(read.attrib) == {"title"}


def test_what_is_left_out_of_an_element() -> None:
    """Nothing, falsehood; underscores become hyphens, floats are short, children that are markup stay it."""
    made = tag("g", tag("b", "<"), None, stroke_width=1.25, hidden=True, id=None, open=False, class_="x")
    assert made == '<g stroke-width="1.2" hidden class="x"><b>&lt;</b></g>'
    assert isinstance(made, Markup)
    assert tag("meta", name="a") == '<meta name="a">'


@given(st.floats(1e-3, 1e9), st.integers(2, 12))
def test_ticks_are_few_and_on_the_scale(high: float, count: int) -> None:
    """They begin at zero, grow evenly and end within the scale."""
    for ticks in (amount_ticks(high, count), time_ticks(high, count)):
        assert ticks[0] == 0
        assert ticks == sorted(set(ticks))
        assert ticks[-1] <= high * (1 + 1e-6)
        assert len(ticks) <= 2.5 * count + 1


@given(st.floats(0, 1e8), st.floats(0, 1e8), st.floats(0, 1e8))
def test_longer_waits_stand_further_right(longest: float, one: float, other: float) -> None:
    """Whatever is waited is on the scale, in its order."""
    scale, ticks = wait_scale(longest, 10.0, 110.0)
    assert (scale(one) <= scale(other)) or one > other
    assert 10.0 <= scale(one) <= 110.0
    assert all(10.0 <= scale(tick) <= 110.0 for tick in ticks)


def test_a_scale_without_a_range() -> None:
    """Everything is at its start."""
    assert Scale(0.0, 0.0, 5.0, 50.0)(3.0) == 5.0


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0"), (1.5, "1.5s"), (10, "10s"), (90, "1m 30s"), (3600, "1h"), (9000, "2h 30m"), (90_000, "1d 1h")],
)
def test_times_beside_an_axis(value: float, shown: str) -> None:
    """Short, without what is zero."""
    assert short_seconds(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0"), (0.004, "0.4%"), (0.85, "85%"), (0.9999, "99.9%"), (1, "100%"), (1.3, "130%")],
)
def test_shares(value: float, shown: str) -> None:
    """Few digits, and never all where it is not quite all."""
    assert share_label(value) == shown


def test_a_path_has_only_what_changes() -> None:
    """Points that change nothing are left out; an area comes back to its base."""
    assert steps([(0, 5), (1, 5), (2, 7)], 4, 9) == "M0 5H2V7H4V9H0Z"
    assert steps([], 4) == ""


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 4)), min_size=1, max_size=80), st.integers(1, 30)
)
def test_a_peak_is_never_lost(points: list[tuple[int, int]], frames: int) -> None:
    """The longest queue and the greatest use of the machine are in some frame, however few there are."""
    cluster = Cluster.of(4.0, 100)
    series = tuple(
        Sample(10.0 * place, (NodeUse(float(cpu), cpu * 20),), {"batch": queued}, {})
        for place, (queued, cpu) in enumerate(points)
    )
    end = 10.0 * len(points)
    outcome = Outcome("p", cluster, TIERS, (), series, 0, (), end)
    found = timeline(outcome, TIERS, end, frames)
    assert len(found) <= frames
    assert max(frame.queued[1] for frame in found) == max(queued for queued, _ in points)
    assert max(frame.cpu.high for frame in found) == pytest.approx(max(cpu for _, cpu in points) / 4)
    assert all(band.low <= band.mean + 1e-9 for frame in found for band in (frame.cpu, frame.memory))


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


def test_waits_are_shared_out_by_cores() -> None:
    """A run waits 10 s behind batch alone, then 10 s behind three cores of batch and one of critical."""
    runs = [
        run("a", "batch", 0, 0, 30, cpu=3),
        run("b", "critical", 10, 10, 20, cpu=1),
        run("c", "critical", 0, 20, 25, cpu=1),
    ]
    found = waiting(runs, TIERS, 30)
    assert found.behind["critical"]["batch"] == pytest.approx(10 + 7.5)
    assert found.behind["critical"]["critical"] == pytest.approx(2.5)
    assert found.total("batch") == 0
    assert found.codes() == ["cpu"]


def test_waiting_for_nobody() -> None:
    """Where nothing runs, nobody is to blame; before the first launch and after the last end."""
    runs = [
        run("a", "batch", 0, 10, 20),
        replace(run("b", "batch", 30, 40, 50), launched_s=None, ended_s=None),
    ]
    found = waiting([runs[0], replace(runs[1], wait_s=20.0)], TIERS, 50)
    assert found.behind["batch"][IDLE] == pytest.approx(30)
    assert found.behind["batch"]["batch"] == pytest.approx(0)


@given(
    st.lists(st.tuples(st.integers(0, 100), st.integers(0, 60), st.integers(1, 60)), min_size=1, max_size=30)
)
def test_no_wait_is_lost(times: list[tuple[int, int, int]]) -> None:
    """What tiers waited behind each other, and behind nobody, adds up to what they waited."""
    runs = [
        run(str(place), TIERS[place % 2], at, at + wait, at + wait + lasts)
        for place, (at, wait, lasts) in enumerate(times)
    ]
    found = waiting(runs, TIERS, 300)
    assert sum(found.total(tier) for tier in TIERS) == pytest.approx(
        sum(one.wait_s for one in runs), abs=1e-6
    )
    assert all(held >= -1e-6 for tier in TIERS for held in found.behind[tier].values())


def test_runs_that_never_started_keep_a_curve_down() -> None:
    """The curve of two runs of which one never started has no dot at 95%, and its tooltip says why."""
    drawn = waits_plot([Curve("ours", "p0", (5.0,), 2, ours=True)], 60.0)
    assert "circle" not in drawn
    assert "1 never started" in drawn
    assert "circle" in waits_plot([Curve("ours", "p0", (5.0,), 1)], 60.0)


def test_what_befalls_is_told_in_words() -> None:
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
    found = spells(Scenario(events), 100.0)
    assert [spell.told for spell in found] == [
        "stranger takes 1 GiB and 1 MiB/s more on node-1",
        "stranger uses 2 cores",
        "disk 3 times slower",
        "orders: data late",
        "clock off by -1m 30s",
        "report takes 1.5 times as long",
    ]
    assert found[0].end_s == 100.0


def test_marks_at_one_spot_are_one() -> None:
    """Ten preemptions within a pixel are one triangle that tells eight; a kill is a cross of its own."""
    marks = [
        *[Mark(50.0, "preempted", f"run {number} suspended") for number in range(10)],
        Mark(50.0, "killed", "x"),
    ]
    machine = Machine(4.0, 100, 0.85, 0.8)
    drawn = history((), TIERS, 1.0, machine, marks, (), 100.0)
    assert (drawn.count('class="preempted"'), drawn.count('class="killed"')) == (1, 1)
    assert "and 2 more" in drawn
    assert ET.fromstring(drawn).tag == "svg"


def test_marks_that_would_touch_are_one() -> None:
    """Each stands where the first of those that it stands for was; what is farther off has its own."""
    marks = [Mark(float(at), "killed", f"at {at}") for at in (900, 10, 12, 14, 500)]
    drawn = ET.fromstring(queue_plot((), TIERS, 1.0, marks, 1000.0))
    crosses = [path for path in drawn.iter("path") if path.get("class") == "killed"]
    assert [cross.findtext("title", "").splitlines() for cross in crosses] == [
        ["10s: at 10", "12s: at 12", "14s: at 14"],
        ["8m 20s: at 500"],
        ["15m: at 900"],
    ]


def test_every_kill_is_told_with_its_time() -> None:
    """Of all runs in the order of time; one that was killed before says for which time it is now."""
    one = replace(run("a", "batch", 0.0, 50.0, 100.0), killed_at=(20.0, 40.0))
    other = replace(run("b", "critical", 0.0, 50.0, 100.0), killed_at=(30.0,))
    marks = kills([one, other])
    assert [(mark.at, mark.kind, mark.told) for mark in marks] == [
        (20.0, "killed", f"{one.run.name} (a)"),
        (30.0, "killed", f"{other.run.name} (b)"),
        (40.0, "killed", f"{one.run.name} (a), for the 2nd time"),
    ]
    many = [mark.told.split()[-2] for mark in kills([replace(one, killed_at=tuple(map(float, range(23))))])]
    assert (many[2], many[10], many[12], many[20], many[22]) == ("3rd", "11th", "13th", "21st", "23rd")
    drawn = gantt_plot([one, other], TIERS, 100.0)
    assert drawn.count('class="killed"') == 3
    assert "killed for want of memory at 20s, 40s" in drawn


def test_a_watched_planner_plans_the_same() -> None:
    """Its plan is passed on; what has to give way is marked with the time since the start, and why."""
    work = Work("nightly", "batch")
    active = ActiveRun("a", work, "full", 1000.0)
    reason = Reason(ReasonCode.MEMORY, "room for `forecast`")
    decided = Plan(
        1010.0,
        "r",
        running=tuple(
            ActiveDecision(verdict, work, "batch", "full", (reason,), (active,))
            for verdict in (Verdict.KEEP, Verdict.SUSPEND)
        ),
    )
    watched = Watched(lambda snapshot, book: decided, 1000.0)
    assert watched(Snapshot(1010.0), PolicyBook(version=1)) is decided
    assert watched.marks == [Mark(10.0, "preempted", "nightly suspended: room for `forecast`")]


def test_settings_are_said_in_words() -> None:
    """Runs at once, limits by tier, shares."""
    assert setting_text({"runs": 8, "standard": 3}) == "8 runs, standard 3"
    assert setting_text({"runs": 1}) == "1 run"
    assert setting_text({"cpu_share": 0.5443}) == "CPU up to 54%"
