"""What people use today, in the same world: who starts when, and at which setting."""

from dataclasses import replace
from typing import Any

import pytest

from adaptive_assets.planning.decisions import Plan
from adaptive_assets.planning.snapshot import Snapshot
from adaptive_assets.policy import DeclaredEstimate, Policy, PolicyBook
from adaptive_assets.simulation.baselines.bounds import most_work, oracle, soonest_end
from adaptive_assets.simulation.baselines.easy import Easy
from adaptive_assets.simulation.baselines.observed_requests import requested
from adaptive_assets.simulation.baselines.requests import Requests
from adaptive_assets.simulation.baselines.stock import Edf, Stock, TagLimits
from adaptive_assets.simulation.engine.cluster import Cluster, NodeSpec
from adaptive_assets.simulation.engine.policy_assignment import USUAL, plain_book
from adaptive_assets.simulation.engine.settings import Knowledge, Settings
from adaptive_assets.simulation.evaluation.measures import measure
from adaptive_assets.simulation.evaluation.outcome import Outcome
from adaptive_assets.simulation.evaluation.score import score
from adaptive_assets.simulation.evaluation.sweep import best_of, sweep, typical_runs
from adaptive_assets.simulation.traces.trace import TracedRun, Workload
from tests.simulation.worlds import BARE, GIB, Scripted, by_id, ends, play, traced


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
    """The outcome under EASY, where every run requests what it takes."""
    planner = Easy(cluster, startup_s=0.0, **more)
    return play(*runs, cluster=cluster, planner=planner, knowledge=Knowledge.PERFECT)


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


def requests(*runs: TracedRun, slots: int = 99, **more: Any) -> Outcome:
    """The outcome of requests on a machine of 4 cores and 8 GiB."""
    cluster = Cluster.of(4, 8 * GIB)
    return play(*runs, cluster=cluster, planner=Requests(cluster, slots), knowledge=Knowledge.SHOWN, **more)


def test_before_a_kind_has_shown_anything_it_requests_what_was_declared() -> None:
    """By the trace, by the policy, or by nobody: then the prior, with which both are started at once."""
    said = DeclaredEstimate(cpu=1, memory=6 * GIB, duration=100)
    policy = Policy(name="p", jobs=("kind",), estimate=said)
    runs = [traced(name, 100, name="kind", memory=6 * GIB) for name in ("a", "b")]
    declared = [replace(run, declared=said) for run in runs]
    one_by_one = {"a": 100, "b": 200}
    assert ends(requests(*declared)) == one_by_one
    assert ends(requests(*runs, book=PolicyBook(version=1, policies=(policy,)))) == one_by_one
    assert sum(run.oom_kills for run in requests(*runs).runs) >= 1


def test_a_kind_requests_what_it_has_shown() -> None:
    """From its first end on, however many of it wait; nobody is killed, nobody knows it before."""
    first = traced("first", 100, name="kind", memory=6 * GIB)
    later = [traced(f"r{n}", 100, at=10.0, name="kind", memory=6 * GIB, priority=-1) for n in range(3)]
    outcome = requests(first, *later, traced("other", 10, at=20), settings=BARE, slots=2)
    assert sum(run.oom_kills for run in outcome.runs) >= 1, "two of them before any had ended"
    outcome = requests(first, *(replace(run, submit_s=150.0) for run in later), traced("other", 10, at=160))
    assert sum(run.oom_kills for run in outcome.runs) == 0
    assert ends(outcome) == {"first": 100, "r0": 250, "r1": 350, "r2": 450, "other": 170}


def test_a_request_is_the_ninetieth_percentile_of_what_was_shown() -> None:
    """Nine of ten runs that ended took no more: cores, bytes and seconds each by themselves."""
    seen: list[Snapshot] = []

    def watching(snapshot: Snapshot, book: PolicyBook) -> Plan:
        seen.append(snapshot)
        return Stock(1)(snapshot, book)

    runs = [
        traced(f"r{n}", float(n), at=100.0 * n, name="kind", cpu=n / 10, memory=n * GIB) for n in range(1, 11)
    ]
    last = traced("last", at=2000, name="kind")
    play(*runs, last, cores=4, planner=watching, knowledge=Knowledge.SHOWN)
    assert not seen[0].estimates, "nothing is known of the future"
    found = requested(seen[-1].queued[0], seen[-1], PolicyBook(version=1))
    assert (found.cpu, found.duration) == pytest.approx((0.9, 9.0))
    assert found.memory == 9 * GIB


def test_what_was_killed_requests_more() -> None:
    """Half as much again as it held, though all that ended of its kind took little."""
    small = [traced(f"s{n}", 10, at=20.0 * n, name="kind") for n in range(20)]
    outcome = requests(
        *small,
        traced("hog", 150, at=399, name="kind", memory=6 * GIB),
        traced("other", 300, at=400, name="other", memory=3 * GIB, declared=DeclaredEstimate(memory=3 * GIB)),
    )
    hog = by_id(outcome)["hog"]
    assert hog.oom_kills == 1
    assert hog.launched_s == pytest.approx(705, abs=5), "there is no room for it beside the other"


def test_requests_pass_by_what_does_not_fit() -> None:
    """And go on with the next in order, as far as there are slots."""
    big, small = DeclaredEstimate(cpu=4, memory=GIB), DeclaredEstimate(cpu=1, memory=GIB)
    runs = (
        traced("running", 100, declared=small),
        traced("big", 10, at=1, cpu=4.0, tier="critical", declared=big),
        traced("small", 10, at=2, tier="batch", declared=small),
        traced("next", 10, at=2, tier="batch", declared=small),
    )
    assert ends(requests(*runs)) == {"running": 100, "big": 110, "small": 12, "next": 12}
    assert ends(requests(*runs, slots=2)) == {"running": 100, "big": 110, "small": 12, "next": 22}


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
    assert len(families) == 6
    for family in families:
        own = [trial for trial in trials if trial.family == family]
        (best,) = [trial for trial in own if trial.best]
        assert best is best_of(own)
        assert best.outcome is not None
        assert best.measures == measure(best.outcome)
        assert best.score == score(best.outcome) == min(trial.score for trial in own)
        assert all(trial.outcome is None for trial in own if trial is not best)
    stock = next(t for t in trials if t.family == "stock" and t.best)
    by_tier = next(t for t in trials if t.family == "stock, priority by tier" and t.best)
    assert by_tier.score < stock.score


def test_a_setting_that_saves_waits_by_overloading_the_cpu_is_not_the_best() -> None:
    """Thirty runs at once on four cores wait for nothing, and all take eight times as long."""
    runs = [traced(f"r{n}", 60, at=0.5 * n) for n in range(30)]
    workload, cluster = Workload.of("crowd", runs), Cluster.of(4, 160 * GIB)
    trials = sweep(workload, plain_book(workload), cluster, settings=BARE, families=("stock",))
    (best,) = [trial for trial in trials if trial.best]
    assert best.setting["runs"] <= 6
    all_at_once = measure(play(*runs, cores=4, memory=160 * GIB, planner=Stock(30))).all
    assert (all_at_once.wait_p95_s or 0.0) < (best.measures.all.wait_p95_s or 0.0)
    assert (all_at_once.turnaround_mean_s or 0.0) > (best.measures.all.turnaround_mean_s or 0.0)


def test_the_score_gains_nothing_by_starving_a_tier() -> None:
    """A run that has not ended counts as lasting until the end; missed deadlines count beside turnarounds."""
    kept = play(traced("a", 100, tier="critical"), traced("b", 100, tier="batch"), cores=2)
    hold, settings = {"b": 1e6}, replace(BARE, horizon_s=1000.0)
    starved = play(
        traced("a", 100, tier="critical"),
        traced("b", 100, tier="batch"),
        cores=2,
        planner=Scripted(hold=hold),
        settings=settings,
    )
    assert score(kept) == pytest.approx((1 * 100**4) ** (1 / 5))
    assert score(starved) == pytest.approx((1 * 100**2 * 1000**2) ** (1 / 5))
    late = play(traced("a", 100, tier="critical", deadline_s=50), traced("b", 100, tier="batch"), cores=2)
    assert score(late) == pytest.approx((2 * 100**4) ** (1 / 5))
    assert score(replace(kept, runs=())) == 0.0


def test_the_sweep_starts_at_what_the_cluster_has_room_for() -> None:
    """By cores or by memory, whichever is short."""
    assert typical_runs(surge(), Cluster.of(4, 160 * GIB)) == 4
    assert typical_runs(surge(), Cluster.of(64, 2 * GIB)) in (2, 3)
    assert typical_runs(Workload.of("none", []), Cluster.of(1, GIB)) == 1


def test_nobody_works_faster_than_the_work_bound() -> None:
    """FreeCapacity times time, from when there is work; the oracle stays below it too."""
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
