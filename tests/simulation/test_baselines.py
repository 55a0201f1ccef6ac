"""What people use today, in the same world: who starts when, and at which setting."""

from typing import Any

import pytest

from adaptive_assets.policy import Estimate, Policy, PolicyBook
from adaptive_assets.simulation.baselines import Edf, Stock, TagLimits
from adaptive_assets.simulation.bounds import most_work, oracle, soonest_end
from adaptive_assets.simulation.cluster import Cluster, NodeSpec
from adaptive_assets.simulation.easy import Easy, declared_demands
from adaptive_assets.simulation.measures import measure
from adaptive_assets.simulation.outcome import Outcome
from adaptive_assets.simulation.policies import USUAL
from adaptive_assets.simulation.settings import Settings
from adaptive_assets.simulation.sweep import best_of, sweep, typical_runs
from adaptive_assets.simulation.trace import TracedRun, Workload
from tests.simulation.worlds import BARE, GIB, by_id, ends, play, traced


def started(outcome: Outcome) -> list[str]:
    """The runs in the order in which they were launched."""
    runs = [run for run in outcome.runs if run.launched_s is not None]
    return [run.run.run_id for run in sorted(runs, key=lambda run: run.launched_s or 0.0)]


def test_stock_is_priority_and_then_first_in_first_out() -> None:
    """As many at once as its setting says, whatever the machine is doing."""
    runs = (
        traced("first", 10),
        traced("second", 10, at=1),
        traced("third", 10, at=2),
        traced("urgent", 10, at=3, priority=5),
    )
    outcome = play(*runs, cores=4, planner=Stock(1))
    assert started(outcome) == ["first", "urgent", "second", "third"]
    assert ends(outcome) == {"first": 10, "urgent": 20, "second": 30, "third": 40}
    assert play(*runs, cores=4, planner=Stock(9)).end_s == 13


def test_stock_knows_tiers_as_far_as_people_give_them_priorities() -> None:
    """With priorities by tier the critical run goes first; without, it waits for its turn."""
    runs = (
        traced("busy", 10, tier="batch"),
        traced("batch", 10, at=1, tier="batch"),
        traced("critical", 10, at=2, tier="critical"),
    )
    assert started(play(*runs, cores=4, planner=Stock(1))) == ["busy", "critical", "batch"]
    assert started(play(*runs, cores=4, planner=Stock(1, by_tier=False))) == ["busy", "batch", "critical"]


def test_what_was_killed_goes_to_the_end_of_the_line() -> None:
    """Dagster retries it as a new run, so first in first out has the others go first."""
    runs = (
        traced("a", 100, memory=6 * GIB),
        traced("b", 100, memory=5 * GIB),
        traced("waits", 100, at=1),
    )
    outcome = play(*runs, cores=4, memory=8 * GIB, planner=Stock(2), settings=BARE)
    killed = by_id(outcome)["a"]
    assert (killed.oom_kills, killed.released_s) == (1, 0)
    assert ends(outcome) == {"a": 200, "b": 100, "waits": 115}
    assert killed.wait_s == 80


def test_tag_limits_keep_slots_free_for_others() -> None:
    """A tier at its limit is passed by, and does not hold up the next."""
    runs = (
        *(traced(f"batch{n}", 100, tier="batch") for n in range(4)),
        traced("critical", 10, at=20, tier="critical"),
    )
    outcome = play(*runs, cores=8, planner=TagLimits(3, {"batch": 2}))
    assert ends(outcome) == {"batch0": 100, "batch1": 100, "batch2": 200, "batch3": 200, "critical": 30}


def test_edf_takes_the_earliest_deadline_first() -> None:
    """A run's own, or that of its policy; what is never due comes last."""
    policy = Policy.model_validate({"name": "p", "jobs": ["promised"], "objective": {"deadline": 60.0}})
    runs = (
        traced("busy", 10),
        traced("never", 10, at=1),
        traced("promised", 10, at=1),
        traced("soon", 10, at=2, deadline_s=30),
        traced("late", 10, at=2, deadline_s=3000),
    )
    outcome = play(*runs, cores=4, planner=Edf(1), book=PolicyBook(version=1, policies=(policy,)))
    assert started(outcome) == ["busy", "soon", "promised", "late", "never"]


def easy(*runs: TracedRun, cluster: Cluster, **more: Any) -> Outcome:
    """The outcome under EASY."""
    declared = declared_demands(Workload.of("w", runs))
    return play(*runs, cluster=cluster, planner=Easy(cluster, declared, startup_s=0.0, **more))


def test_easy_fills_gaps_without_moving_the_head() -> None:
    """The head needs the whole machine at 100: what ends before that may go ahead of it, and no more."""
    outcome = easy(
        traced("running", 100, cpu=3.0),
        traced("head", 50, cpu=4.0, at=1),
        traced("too long", 200, cpu=1.0, at=2),
        traced("short", 50, cpu=1.0, at=3),
        cluster=Cluster.of(4, 64 * GIB),
    )
    assert ends(outcome) == {"running": 100, "head": 150, "short": 53, "too long": 350}


def test_easy_lets_pass_what_the_head_leaves_room_for() -> None:
    """A long run of one core goes beside a head that will leave one core."""
    outcome = easy(
        traced("running", 100, cpu=3.0),
        traced("head", 50, cpu=3.0, at=1),
        traced("beside", 500, cpu=1.0, at=2),
        cluster=Cluster.of(4, 64 * GIB),
    )
    assert ends(outcome) == {"running": 100, "head": 150, "beside": 502}


def test_easy_counts_memory_and_knows_several_machines() -> None:
    """Two runs of 6 GiB do not share 8, but each finds a machine; the third waits for the first to end."""
    cluster = Cluster((NodeSpec("one", 4, 8 * GIB), NodeSpec("two", 4, 8 * GIB)))
    runs = [traced(name, 100, memory=6 * GIB) for name in ("a", "b", "c")]
    outcome = easy(*runs, cluster=cluster)
    assert ends(outcome) == {"a": 100, "b": 100, "c": 200}
    assert {run.node for run in outcome.runs[:2]} == {"one", "two"}
    assert sum(run.oom_kills for run in outcome.runs) == 0


def test_easy_may_overcommit_cores() -> None:
    """With twice the cores to promise, two runs of all of them go at once, each at half speed."""
    runs = (traced("a", 100, cpu=4.0), traced("b", 100, cpu=4.0))
    assert ends(easy(*runs, cluster=Cluster.of(4, 64 * GIB), cpu_share=2.0)) == {"a": 200, "b": 200}
    assert ends(easy(*runs, cluster=Cluster.of(4, 64 * GIB))) == {"a": 100, "b": 200}


def test_what_a_trace_does_not_declare_is_known_by_its_name() -> None:
    """The 90th percentile of all runs of the name; what is declared counts as declared."""
    runs = [traced(f"r{n}", float(n), name="x") for n in range(1, 11)]
    declared = traced("d", 1000.0, name="x", declared=Estimate(duration=7, memory=GIB))
    demands = declared_demands(Workload.of("w", [*runs, declared]))
    assert demands["r1"].duration == 10
    assert (demands["d"].duration, demands["d"].memory, demands["d"].cpu) == (7, GIB, 1)


def surge(count: int = 24) -> Workload:
    """Batch work, and critical work with deadlines in the middle of it."""
    batch = [traced(f"b{n}", 60, at=2.0 * n, tier="batch", memory=GIB) for n in range(count)]
    critical = [
        traced(f"c{n}", 20, at=10.0 + 5 * n, tier="critical", deadline_s=40) for n in range(count // 4)
    ]
    return Workload.of("surge", [*batch, *critical])


BOOK = PolicyBook(
    version=1,
    tiers=USUAL,
    policies=tuple(Policy(name=tier, tier=tier, run_tags={"t": tier}) for tier in ("critical", "batch")),
)


def test_the_sweep_finds_the_best_setting_and_shows_all() -> None:
    """Each family has one best trial, which no other of it beats; what was tried is not tried twice."""
    workload, cluster = surge(), Cluster.of(4, 16 * GIB)
    told: list[str] = []
    trials = sweep(workload, BOOK, cluster, settings=BARE, progress=told.append)
    assert len(told) == len(trials) == len(set(told))
    families = {trial.family for trial in trials}
    assert len(families) == 5
    for family in families:
        own = [trial for trial in trials if trial.family == family]
        (best,) = [trial for trial in own if trial.best]
        assert best is best_of(own)
        assert best.outcome is not None
        assert best.measures == measure(best.outcome)
        assert all(trial.outcome is None for trial in own if trial is not best)
    stock = next(t for t in trials if t.family == "stock" and t.best).measures
    by_tier = next(t for t in trials if t.family == "stock, priority by tier" and t.best).measures
    assert by_tier.tiers[0].missed <= stock.tiers[0].missed


def test_the_sweep_starts_at_what_the_cluster_has_room_for() -> None:
    """By cores or by memory, whichever is short."""
    assert typical_runs(surge(), Cluster.of(4, 160 * GIB)) == 4
    assert typical_runs(surge(), Cluster.of(64, 2 * GIB)) in (2, 3)
    assert typical_runs(Workload.of("none", []), Cluster.of(1, GIB)) == 1


def test_nobody_works_faster_than_the_work_bound() -> None:
    """Capacity times time, from when there is work; the oracle stays below it too."""
    workload = Workload.of("w", [traced("a", 100), traced("b", 100), traced("c", 100, at=500)])
    cluster = Cluster.of(1, 64 * GIB)
    assert most_work(workload, cluster, 150) == 150
    assert most_work(workload, cluster, 500) == 200
    assert most_work(workload, cluster, 550) == 250
    assert most_work(workload, cluster, 5000) == 300
    assert soonest_end(workload, cluster) == 600
    chain = Workload.of("w", [traced("a", 100, depends_on=("b",)), traced("b", 100)])
    assert soonest_end(chain, Cluster.of(8, 64 * GIB)) == 200
    found = oracle(workload, PolicyBook(version=1), cluster, settings=Settings(horizon_s=550.0))
    assert found.planner == "oracle"
    assert measure(found).all.work_core_s <= most_work(workload, cluster, 550)
    assert pytest.approx(found.end_s) == 550
