"""What becomes of runs in the simulated deployment: in the queue, after losses, and at the end."""

from dataclasses import replace
from typing import Any

import pytest

from adaptive_assets.planning.decisions import Plan, Verdict
from adaptive_assets.planning.plan import plan
from adaptive_assets.planning.snapshot import Action, Snapshot
from adaptive_assets.policy import (
    DeclaredEstimate,
    Gates,
    Objective,
    Policy,
    PolicyBook,
    PolicyError,
    Rung,
)
from adaptive_assets.simulation.engine.capabilities import Capabilities
from adaptive_assets.simulation.engine.cluster import Cluster, NodeSpec
from adaptive_assets.simulation.engine.settings import Knowledge, Settings
from adaptive_assets.simulation.engine.simulator import simulate
from adaptive_assets.simulation.scenarios.events import (
    ClockSkew,
    DataTrouble,
    DurationDrift,
    Event,
    NodeLoss,
    Scenario,
    StrangerCpu,
    StrangerMemory,
)
from adaptive_assets.simulation.traces.trace import TraceError, Workload
from tests.planning.compact import book_of
from tests.simulation.worlds import BARE, GIB, Scripted, by_id, ends, play, traced

TWO_NODES = Cluster((NodeSpec("one", 4, 16 * GIB), NodeSpec("two", 4, 16 * GIB, "spot")))


def test_a_run_is_released_when_its_parents_have_ended() -> None:
    """Its submission, and its deadline, count from then; or from its own time where that is later."""
    outcome = play(
        traced("a", 50),
        traced("b", 80),
        traced("child", 10, depends_on=("a", "b"), deadline_s=15),
        traced("late", 10, at=200, depends_on=("a",)),
        cores=4,
    )
    child, late = by_id(outcome)["child"], by_id(outcome)["late"]
    assert (child.released_s, child.ended_s, child.deadline_s) == (80, 90, 95)
    assert not child.missed
    assert (late.released_s, late.ended_s) == (200, 210)


def test_what_depends_on_a_failed_run_is_told_apart() -> None:
    """It is never released, says which run is to blame, and has missed any deadline that it had."""
    settings = replace(BARE, oom_retries=0)
    outcome = play(
        traced("big", memory=9 * GIB),
        traced("child", depends_on=("big",)),
        traced("grandchild", depends_on=("child",), deadline_s=1000),
        memory=8 * GIB,
        settings=settings,
    )
    big, child, grandchild = outcome.runs
    assert big.unfinished == "killed once for want of memory"
    assert child.unfinished == grandchild.unfinished == "depends on `big`, which failed"
    assert child.released_s is None
    assert (child.missed, grandchild.missed) == (False, True)


def test_deadlines_are_of_the_run_or_of_its_policy() -> None:
    """A run's own counts before its policy's; both count from the release."""
    objective = Objective(deadline=50)
    book = PolicyBook(version=1, policies=(Policy(name="p", jobs=("a", "b"), objective=objective),))
    outcome = play(traced("a", 60), traced("b", 60, deadline_s=70), traced("c", 60), cores=4, book=book)
    assert [run.deadline_s for run in outcome.runs] == [50, 70, None]
    assert [run.missed for run in outcome.runs] == [True, False, False]
    assert [run.policy for run in outcome.runs] == ["p", "p", "default"]


def test_a_lost_node_loses_its_runs() -> None:
    """They come back when Dagster has found out, start from nothing, and what they had done is wasted."""
    planner = Scripted(node="one")
    scenario = Scenario((NodeLoss(node="one", at=30, lasts=20),))
    outcome = play(traced("a", 100), cluster=TWO_NODES, planner=planner, scenario=scenario)
    a = outcome.runs[0]
    assert a.launched_s is not None
    assert 30 + 60 <= a.launched_s <= 30 + 120 + 1
    assert a.ended_s == a.launched_s + 100
    assert a.attempts == 2
    assert a.wasted_core_s == pytest.approx(30)
    other = play(traced("a", 100), cluster=TWO_NODES, planner=Scripted(node="one"), scenario=scenario, seed=1)
    assert other.runs[0].ended_s != a.ended_s


def test_a_silent_node_is_heard_of_no_more() -> None:
    """Its sign of life grows old, its runs go on to count, and another node takes new work."""
    planner = Scripted(hold={"b": 200})
    scenario = Scenario((NodeLoss(node="one", at=30, lasts=500),))
    play(traced("a", 100), traced("b"), cluster=TWO_NODES, planner=planner, scenario=scenario)
    seen = planner.at(50)
    one, two = seen.nodes
    assert seen.machine is None
    assert seen.at - one.heard_at >= 20
    assert seen.at - two.heard_at <= 2
    assert two.node_class == "spot"
    assert [run.node for run in seen.active] == ["one"]


def test_work_launched_onto_a_lost_node_is_lost_too() -> None:
    """Nobody knows yet that the node is gone; the run comes back all the same."""
    scenario = Scenario((NodeLoss(node="one", at=5, lasts=10),))
    planner = Scripted(node="one", hold={"a": 7})
    outcome = play(traced("a", 10), cluster=TWO_NODES, planner=planner, scenario=scenario)
    assert outcome.runs[0].attempts == 2
    assert outcome.runs[0].wasted_core_s == 0
    assert outcome.runs[0].finished


def test_a_wrong_clock_is_what_the_planner_sees() -> None:
    """On the only machine, or on all of them, it is the planner's own."""
    planner = Scripted(hold={"b": 400})
    scenario = Scenario((ClockSkew(at=10, lasts=20, seconds=300),))
    play(traced("a", 50), traced("b", 1), planner=planner, scenario=scenario)
    times = [snapshot.at - BARE.starts_at for snapshot in planner.seen]
    assert 315 in times
    assert 15 not in times
    assert 35 in times


def test_drift_changes_what_starts_after_it() -> None:
    """By name, for good."""
    scenario = Scenario((DurationDrift(at=10, factor=3.0, names=("a",)),))
    outcome = play(
        traced("a0", 20, name="a"),
        traced("a1", 20, at=50, name="a"),
        traced("b", 20, at=50),
        cores=4,
        scenario=scenario,
    )
    assert ends(outcome) == {"a0": 20, "a1": 110, "b": 70}


def gated(**gates: Any) -> PolicyBook:
    """A book whose only policy asks for its data to be fit."""
    return PolicyBook(version=1, policies=(Policy(name="p", jobs=("reader",), gates=Gates(**gates)),))


@pytest.mark.parametrize(
    ("trouble", "gates", "waits"),
    [
        ("late", {"fresh": "pass"}, True),
        ("broken", {"checks": "warn"}, True),
        ("drifting", {"checks": "pass"}, True),
        ("drifting", {"checks": "warn"}, False),
        ("broken", {"fresh": "pass"}, False),
    ],
)
def test_trouble_with_data_closes_gates(trouble: Any, gates: dict[str, Any], waits: bool) -> None:
    """What reads the data waits until the trouble is over, if its policy asks for what is troubled."""
    scenario = Scenario((DataTrouble(name="source", at=5, lasts=95, trouble=trouble),))
    outcome = play(
        traced("s", 10, name="source"),
        traced("r", 10, name="reader", depends_on=("s",)),
        cores=4,
        planner=plan,
        scenario=scenario,
        book=gated(**gates),
    )
    reader = by_id(outcome)["r"]
    assert reader.released_s is not None
    assert reader.wait_s == (100 - reader.released_s if waits else 0)


def test_rungs_take_as_much_less_as_they_declare() -> None:
    """A quarter of the declared time, half of the declared memory; the last good version next to nothing."""
    rungs = (
        Rung(mode="reduced", estimate=DeclaredEstimate(cpu=1, memory=GIB, duration=25)),
        Rung(mode="last_good"),
    )
    policy = Policy(
        name="p", jobs=("a",), degrade=rungs, estimate=DeclaredEstimate(cpu=2, memory=2 * GIB, duration=100)
    )
    book = PolicyBook(version=1, policies=(policy,))
    run = traced("a", 200, cpu=4.0, memory=8 * GIB)
    reduced = play(run, cores=4, book=book, planner=Scripted(mode="reduced")).runs[0]
    assert (reduced.ended_s, reduced.mode, reduced.useful_core_s) == (50, "reduced", 100)
    last = play(run, cores=4, book=book, planner=Scripted(mode="last_good")).runs[0]
    assert (last.ended_s, last.useful_core_s) == (10, 2.5)


def test_the_horizon_ends_it() -> None:
    """What has not ended says how far it came, and a deadline that lies beyond is not missed yet."""
    settings = replace(BARE, horizon_s=50.0)
    outcome = play(
        traced("a", 40),
        traced("b", 100, deadline_s=60),
        traced("c", 10, deadline_s=30),
        traced("d", 10, at=70),
        traced("e", 10, depends_on=("b",)),
        cores=4,
        settings=settings,
        planner=Scripted(hold={"c": 500}),
    )
    assert outcome.end_s == 50
    said = {run.run.run_id: run.unfinished for run in outcome.runs}
    assert said == {
        "a": "",
        "b": "still running",
        "c": "still queued: fits",
        "d": "not submitted yet",
        "e": "waits for what it depends on",
    }
    assert [run.missed for run in outcome.runs] == [False, False, True, False, False]
    assert by_id(outcome)["c"].wait_s == 50


def test_what_can_never_run_does_not_hang_the_world() -> None:
    """A planner that admits nothing is given up on, and the reason that it gave is told."""
    planner = Scripted(hold={"a": float("inf")})
    outcome = play(traced("a"), settings=Settings(stall_s=7200.0), planner=planner)
    a = outcome.runs[0]
    assert a.unfinished == "still queued: fits"
    assert a.blocked_by == {"fits": pytest.approx(a.wait_s)}
    assert outcome.end_s > 6000
    assert outcome.cycles < 300


CENTURY_S = 100 * 365 * 86_400.0


@pytest.mark.parametrize(
    "event",
    [
        DataTrouble(name="other", at=1, lasts=CENTURY_S, trouble="late"),
        StrangerCpu(at=1, lasts=CENTURY_S, cores=1),
        StrangerMemory(at=1, lasts=CENTURY_S, grows_per_s=1),
    ],
    ids=["data", "cpu", "leak"],
)
def test_events_that_outlast_all_work_do_not_make_it_longer(event: Event) -> None:
    """The end is that of the last run, and the machine was in use until then."""
    outcome = play(traced("a", 50), cores=2, scenario=Scenario((event,)))
    assert ends(outcome) == {"a": 50}
    assert outcome.end_s == 50
    horizon = replace(BARE, horizon_s=1000)
    assert play(traced("a", 50), cores=2, scenario=Scenario((event,)), settings=horizon).end_s == 50


@pytest.mark.parametrize("takes", [{"amount": 64 * GIB}, {"grows_per_s": 2**20}], ids=["at once", "a leak"])
def test_a_stranger_for_a_century_can_be_lived_through(takes: dict[str, Any]) -> None:
    """Whoever waits for him is looked at ever more seldom, and goes when he has gone."""
    stranger = StrangerMemory(at=0, lasts=CENTURY_S, **takes)
    outcome = play(
        traced("a", 50, memory=7 * GIB),
        memory=8 * GIB,
        planner=Scripted(hold={"a": CENTURY_S}),
        scenario=Scenario((stranger,)),
        settings=Settings(startup_s=0.0),
    )
    (run,) = outcome.runs
    assert run.ended_s is not None
    assert CENTURY_S < run.ended_s < CENTURY_S * 1.01
    assert outcome.cycles < 20_000


def test_idle_time_costs_nothing() -> None:
    """Two runs ten days apart take as many cycles as two runs in a minute."""
    outcome = play(traced("a", 10), traced("b", 10, at=864_000), settings=Settings(), planner=plan)
    assert outcome.cycles <= 4
    assert len(outcome.series) < 20
    assert all(run.finished for run in outcome.runs)


def test_the_wait_is_told_by_its_reasons() -> None:
    """Seconds in the queue by what was in the way; together they are the wait, but for a cycle."""
    outcome = play(
        *(traced(f"r{n}", 60, memory=3 * GIB) for n in range(3)),
        cores=8,
        memory=8 * GIB,
        planner=plan,
        knowledge=Knowledge.PERFECT,
    )
    last = max(outcome.runs, key=lambda run: run.wait_s)
    assert last.wait_s > 30
    assert last.blocked_by
    assert sum(last.blocked_by.values()) == pytest.approx(last.wait_s, abs=1.5)


def test_the_planner_is_told_what_it_may_know() -> None:
    """Perfectly: all of it; declared: that alone; learned: what was declared until runs have ended."""
    declared = DeclaredEstimate(cpu=2, memory=2 * GIB, duration=300)
    runs = [traced(f"a{n}", 40, at=100.0 * n, name="a", declared=declared) for n in range(8)]

    def told(knowledge: Knowledge) -> list[Snapshot]:
        planner = Scripted(hold={run.run_id: run.submit_s + 5 for run in runs})
        play(*runs, planner=planner, knowledge=knowledge)
        return planner.seen

    known = told(Knowledge.PERFECT)
    perfect = [run.estimate for each in known for run in each.queued]
    perfect += [run.estimate for each in known for run in each.active]
    assert {estimate.duration.p50 for estimate in perfect if estimate} == {40}
    assert None not in perfect
    only = told(Knowledge.DECLARED)
    assert {run.estimate.duration.p99 for each in only for run in each.queued if run.estimate} == {300}
    assert not any(each.estimates for each in only)
    learned = told(Knowledge.LEARNED)
    first, last = learned[0], learned[-2]
    assert first.queued[0].estimate is not None
    assert first.queued[0].estimate.duration.p50 == 300
    assert not first.estimates
    assert all(run.estimate is None for run in last.queued)
    (estimate,) = last.estimates.values()
    assert estimate.duration.p50 == pytest.approx(40, rel=0.1)


def test_what_a_plan_leaves_travels_from_plan_to_plan() -> None:
    """What a plan leaves behind is in the next snapshot."""
    told = []

    def planner(snapshot: Snapshot, book: PolicyBook) -> Plan:
        told.append(snapshot.promoted_at)
        made = plan(snapshot, book)
        left.append(made.promoted_at)
        return made

    left: list[Any] = []
    runs = (traced(f"r{n}", 30, memory=2 * GIB) for n in range(6))
    play(*runs, memory=8 * GIB, planner=planner, knowledge=Knowledge.PERFECT)
    assert len(left) > 2
    assert told[0] is None
    assert told[1:] == left[:-1]


def test_use_is_charged_to_its_owner_and_cost_to_its_policy() -> None:
    """One core for an hour at 2, on the class of nodes that the price is for."""
    book = PolicyBook.model_validate(
        {
            "version": 1,
            "policies": [{"name": "p", "jobs": ["a"], "owner": "ann"}],
            "prices": [{"per_core_hour": 1.0}, {"per_core_hour": 2.0, "node_class": "spot"}],
        }
    )
    planner = Scripted(node="two", hold={"b": 1800})
    outcome = play(traced("a", 3600), traced("b", 1), cluster=TWO_NODES, planner=planner, book=book)
    assert outcome.spend["p"] == pytest.approx(2)
    assert outcome.cost == pytest.approx(2, rel=0.01)
    assert planner.at(1000).usage["ann"] > 0


@pytest.mark.parametrize(
    ("script", "actions", "says"),
    [
        ({1: [(Verdict.SUSPEND, "a")]}, (Action.REQUEUE,), "its launcher cannot do"),
        ({1: [(Verdict.LAUNCH, "a")]}, tuple(Action), "which is active"),
    ],
)
def test_a_planner_that_is_wrong_does_not_look_right(script: Any, actions: Any, says: str) -> None:
    """What cannot be done is an error that names the run."""
    settings = replace(BARE, capabilities=Capabilities(actions))
    with pytest.raises(ValueError, match=f"`a`, .*{says}"):
        play(traced("a"), traced("b"), planner=Scripted(script, {"b": 50}), settings=settings)


def test_a_node_that_there_is_not_is_an_error() -> None:
    """So that a misspelt placement is not a silent one."""
    with pytest.raises(ValueError, match="no node"):
        play(traced("a"), planner=Scripted(node="elsewhere"))


def test_what_does_not_go_together_is_refused() -> None:
    """A tier that no policy has, and a node that there is not."""
    workload = Workload.of("w", [traced("a", tier="urgent")])
    with pytest.raises(TraceError, match="urgent"):
        simulate(workload, PolicyBook(version=1), Cluster.of(1, GIB))
    with pytest.raises(PolicyError, match="elsewhere"):
        play(traced("a"), scenario=Scenario((NodeLoss(node="elsewhere", at=1, lasts=1),)))


def test_progress_is_told() -> None:
    """In shares of the runs, rising to one."""
    shares: list[float] = []
    play(*(traced(f"r{n}", 1, at=float(n)) for n in range(10)), progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_an_empty_workload_is_over_at_once() -> None:
    """Nothing to do takes no time."""
    outcome = play()
    assert (outcome.runs, outcome.end_s, outcome.cycles) == ((), 0, 0)


def test_the_ramp_holds_for_runs_that_end_at_once() -> None:
    """The simulator tells launches of runs that have ended as production does: two in any minute."""
    book = book_of({"guards": {"ramp": {"runs": 2, "every": "60s"}, "adaptive": False}})
    runs = [traced(f"r{number}", 1.0, cpu=0.1) for number in range(6)]
    outcome = play(*runs, cores=8.0, book=book, planner=plan, knowledge=Knowledge.PERFECT)
    launched = sorted(run.launched_s for run in outcome.runs if run.launched_s is not None)
    assert len(launched) == 6
    assert all(later - first >= 60 for first, later in zip(launched, launched[2:], strict=False))
