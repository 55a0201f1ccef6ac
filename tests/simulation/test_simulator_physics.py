"""The physics of the simulated machine, in cases small enough to be worked out by hand."""

from dataclasses import replace

import pytest

from adaptive_assets.planning.decisions import Verdict
from adaptive_assets.planning.plan import plan
from adaptive_assets.planning.snapshot import RunState
from adaptive_assets.simulation.engine.cluster import Cluster
from adaptive_assets.simulation.scenarios.events import Scenario, SlowDisk, StrangerCpu, StrangerMemory
from tests.simulation.worlds import BARE, GIB, Scripted, by_id, ends, play, traced


def test_a_run_alone_takes_as_long_as_it_takes() -> None:
    """Nothing slows down one run on a machine that is large enough."""
    assert ends(play(traced("a", 100), cores=4)) == {"a": 100}


def test_two_runs_share_one_core() -> None:
    """Each gets half of it, so both take twice as long."""
    assert ends(play(traced("a", 100), traced("b", 100))) == {"a": 200, "b": 200}


def test_what_a_short_run_leaves_goes_to_the_others() -> None:
    """30, 60 and 90 seconds on one core: 3 x 30, then 2 x 30 more, then 30 alone."""
    outcome = play(traced("a", 30), traced("b", 60), traced("c", 90))
    assert ends(outcome) == {"a": 90, "b": 150, "c": 180}


def test_a_run_that_comes_later_shares_what_is_left() -> None:
    """50 seconds alone, then both at half speed for 100, then the second has 50 left to do alone."""
    outcome = play(traced("a", 100), traced("b", 100, at=50))
    assert ends(outcome) == {"a": 150, "b": 200}


def test_a_run_wider_than_the_machine_takes_longer() -> None:
    """Four cores' worth of work on two cores goes at half speed."""
    assert ends(play(traced("a", 100, cpu=4.0), cores=2)) == {"a": 200}


def test_wide_and_narrow_runs_slow_down_alike() -> None:
    """3 + 1 cores asked of 2: both at half speed until the first ends, and then at full."""
    outcome = play(traced("wide", 100, cpu=3.0), traced("narrow", 60, cpu=1.0), cores=2)
    assert ends(outcome) == {"wide": 120 + 40 * 1.5, "narrow": 120}


def test_strangers_take_their_share() -> None:
    """A stranger with one core beside a run on one core: half speed while it lasts."""
    scenario = Scenario((StrangerCpu(at=0, lasts=50, cores=1.0),))
    assert ends(play(traced("a", 100), scenario=scenario)) == {"a": 125}


def test_runs_share_by_the_weight_they_were_launched_with() -> None:
    """Weight 20 is nice 7: 1 part of a core where the usual weight has 1.25 ** 7, start-up included."""
    weights = {"a": 100, "b": 20}
    outcome = play(traced("a", 100), traced("b", 100), planner=Scripted(weights=weights))
    assert ends(outcome) == {"a": round(100 * (1 + 1.25**-7), 3), "b": 200}
    settings = replace(BARE, startup_s=10.0)
    outcome = play(traced("a", 100), traced("b", 100), planner=Scripted(weights=weights), settings=settings)
    assert by_id(outcome)["a"].started_s == pytest.approx(10 * (1 + 1.25**-7))
    assert ends(outcome)["b"] == 220


def test_a_weight_above_the_usual_counts_as_the_usual() -> None:
    """Nobody goes below nice 0 without privileges; and no level is above 19."""
    outcome = play(traced("a", 100), traced("b", 100), planner=Scripted(weights={"a": 500}))
    assert ends(outcome) == {"a": 200, "b": 200}
    outcome = play(traced("a", 100), traced("b", 100), planner=Scripted(weights={"b": 1}))
    assert ends(outcome) == {"a": round(100 * (1 + 1.25**-19), 3), "b": 200}


def test_what_a_heavy_run_cannot_use_goes_to_light_ones() -> None:
    """On two cores a thread of the usual weight has one for itself, and two light ones share the other."""
    weights = {"light": 4, "other": 4}
    runs = (traced("heavy", 100), traced("light", 100), traced("other", 100))
    outcome = play(*runs, cores=2, planner=Scripted(weights=weights))
    assert ends(outcome) == {"heavy": 100, "light": 150, "other": 150}


def test_strangers_have_the_usual_weight() -> None:
    """Beside a stranger of one core on one core, a run of nice 7 gets little; alone it gets all."""
    scenario = Scenario((StrangerCpu(at=0, lasts=50, cores=1.0),))
    share = 1.25**-7 / (1 + 1.25**-7)
    outcome = play(traced("a", 100), scenario=scenario, planner=Scripted(weights={"a": 20}))
    assert ends(outcome) == {"a": round(50 + 100 - 50 * share, 3)}


def test_where_weights_are_not_in_force_all_weigh_the_same() -> None:
    """And the planner is told, whichever it is, for one machine and for several."""
    planner = Scripted(weights={"b": 1})
    outcome = play(traced("a"), traced("b"), planner=planner, settings=replace(BARE, weighted=False))
    assert ends(outcome) == {"a": 200, "b": 200}
    assert {seen.weighted for seen in planner.seen} == {False}
    several = Cluster.of(1, 64 * GIB, 2)
    for weighted in (True, False):
        planner = Scripted()
        play(traced("a"), planner=planner, cluster=several, settings=replace(BARE, weighted=weighted))
        assert {node.weighted for seen in planner.seen for node in seen.nodes} == {weighted}
        assert {seen.weighted for seen in planner.seen} == {weighted}


def test_a_reading_tells_our_cpu_from_strangers() -> None:
    """Both smoothed alike: what is used less what ours use is what strangers use."""
    scenario = Scenario((StrangerCpu(at=0, lasts=500, cores=0.75),))
    planner = Scripted(hold={"late": 60})
    play(traced("a", 100), traced("late", 1), cores=2, scenario=scenario, planner=planner)
    for at in (5, 9, 40):
        reading = planner.at(at).machine
        assert reading is not None
        assert reading.our_cpu == pytest.approx(reading.cpu_used / 1.75)
    settled = planner.at(40).machine
    assert settled is not None
    assert settled.our_cpu == pytest.approx(1.0, abs=0.001)


def test_a_suspended_run_keeps_its_memory_and_uses_no_cpu() -> None:
    """It stands still for the time of its suspension, and what it holds is not free."""
    script = {10.0: [(Verdict.SUSPEND, "a")], 60.0: [(Verdict.RESUME, "a")]}
    planner = Scripted(script, hold={"b": 100})
    outcome = play(traced("a", 100, memory=8 * GIB), traced("b", 1), planner=planner, cores=2)
    assert ends(outcome)["a"] == 150
    suspended = planner.at(40).active[0]
    assert suspended.state is RunState.SUSPENDED
    assert suspended.cpu_used == pytest.approx(0, abs=0.01)
    machine = planner.at(40).machine
    assert machine is not None
    assert suspended.memory_used == machine.memory_used > GIB
    resumed = planner.at(90).active[0]
    assert resumed.ran_s == pytest.approx(40)
    assert resumed.preempted == 1
    assert any(sample.suspended for sample in outcome.series)


def test_requeueing_loses_progress_and_takes_time() -> None:
    """Cancelled at 40, gone at 45, launched again then, 100 s once more; 40 core-seconds are wasted."""
    planner = Scripted({40: [(Verdict.REQUEUE, "a")]}, hold={"b": 200})
    outcome = play(traced("a", 100, memory=GIB), traced("b", 1), planner=planner)
    a = by_id(outcome)["a"]
    assert a.ended_s == pytest.approx(145)
    assert (a.attempts, a.preemptions, a.wait_s) == (2, 1, 0)
    assert a.wasted_core_s == pytest.approx(40)
    leaving = planner.at(41).active[0]
    assert leaving.state is RunState.LEAVING
    assert leaving.actions == ()
    assert leaving.memory_used == GIB


def test_memory_grows_to_its_peak_over_a_fifth_of_a_life() -> None:
    """In four equal steps, from a tenth of the peak."""
    planner = Scripted(hold={"b": 300})
    play(traced("a", 200, memory=10 * GIB), traced("b", 1), planner=planner)
    held = [planner.at(now).active[0].memory_used for now in (1, 11, 21, 31, 41, 190)]
    assert held == [round(GIB * share) for share in (1, 3.25, 5.5, 7.75, 10, 10)]


def test_out_of_memory_kills_the_largest_and_it_is_retried() -> None:
    """Of 6 and 5 GiB on 8 GiB, the larger goes as soon as both do not fit, and comes back later."""
    planner = Scripted()
    outcome = play(
        traced("a", 100, memory=6 * GIB),
        traced("b", 100, memory=5 * GIB),
        cores=8,
        memory=8 * GIB,
        planner=planner,
        settings=replace(BARE, retry_s=200.0),
    )
    a, b = by_id(outcome)["a"], by_id(outcome)["b"]
    assert (b.oom_kills, b.attempts) == (0, 1)
    assert (a.killed_at, a.attempts, a.wait_s) == ((15.0,), 2, 0)
    assert ends(outcome) == {"a": 315, "b": 100}  # at 15 s each had 77.5 % of its peak
    assert a.wasted_core_s == pytest.approx(15)
    asked = [run.estimate.memory.p90 for each in planner.seen for run in each.queued if run.estimate]
    assert asked
    assert asked == [pytest.approx(0.8 * 8 * GIB)]  # 1.5 times what it held is more than there is


def test_after_a_kill_the_other_runs_of_the_kind_still_fit_the_machine() -> None:
    """One that held most of the machine when it was killed asks for all of it, and not for more than that."""
    crowd = [traced(str(number), 60, at=300.0 * number, name="report", memory=6 * GIB) for number in range(4)]
    stranger = Scenario((StrangerMemory(at=20, lasts=20, amount=3 * GIB),))
    outcome = play(*crowd, memory=8 * GIB, scenario=stranger, planner=plan)
    assert [run.oom_kills for run in outcome.runs] == [1, 0, 0, 0]
    assert all(run.finished for run in outcome.runs)


def test_a_run_that_never_fits_its_machine_fails_in_the_end() -> None:
    """It is killed again and again, and given up after the retries that there are."""
    settings = replace(BARE, oom_retries=2)
    outcome = play(traced("a", 100, memory=9 * GIB), memory=8 * GIB, settings=settings)
    a = by_id(outcome)["a"]
    assert (a.ended_s, a.attempts, a.oom_kills) == (None, 3, 3)
    assert list(a.killed_at) == sorted(set(a.killed_at))
    assert a.unfinished == "killed 3 times for want of memory"


def test_little_memory_slows_runs_down() -> None:
    """With all of it in use runs go at half speed; they do at 95 % at three quarters."""
    full = play(traced("a", 100, memory=10 * GIB), memory=10 * GIB)
    # 20 s to grow: 77.5 % at most for the first three quarters of that, and the last step is the peak.
    assert ends(full) == {"a": 20 + 80 * 2}
    tight = play(traced("a", 100, memory=95 * GIB), memory=100 * GIB)
    assert by_id(tight)["a"].ended_s == pytest.approx(20 + 80 / 0.75)


def test_a_leak_of_a_stranger_ends_in_a_kill() -> None:
    """A stranger that takes more and more leaves no room for the run, until the stranger is gone."""
    scenario = Scenario((StrangerMemory(at=10, lasts=100, grows_per_s=GIB // 10),))
    outcome = play(traced("a", 100, memory=4 * GIB), memory=8 * GIB, scenario=scenario)
    a = by_id(outcome)["a"]
    assert a.oom_kills > 0
    assert a.finished


def test_a_slow_disk_slows_down_by_the_share_of_io() -> None:
    """A run that waits for its disk half of the time takes twice as long on a disk a third as fast."""
    scenario = Scenario((SlowDisk(at=0, lasts=1000, factor=3.0),))
    runs = (traced("io", 100, io=0.5), traced("cpu", 100, io=0.0))
    assert ends(play(*runs, cores=4, scenario=scenario)) == {"io": 200, "cpu": 100}


def test_too_many_at_one_disk_slow_each_other_down() -> None:
    """A machine of two cores serves one stream; four quarters at once are fine, eight are not."""
    few = play(*(traced(f"r{n}", 100, cpu=0.1, io=0.25) for n in range(4)), cores=2)
    assert set(ends(few).values()) == {100}
    many = play(*(traced(f"r{n}", 100, cpu=0.1, io=0.25) for n in range(8)), cores=2)
    assert set(ends(many).values()) == {125}


def test_start_up_takes_time_and_cpu() -> None:
    """Four seconds with one core each: two at once on one core take eight, before user code starts."""
    settings = replace(BARE, startup_s=4.0)
    outcome = play(traced("a", 100), traced("b", 100), settings=settings)
    assert [run.started_s for run in outcome.runs] == pytest.approx([8, 8])
    assert ends(outcome) == {"a": 208, "b": 208}
    assert outcome.used_core_s == pytest.approx(208)
    idle = play(traced("a", 100), traced("b", 100), cores=2, settings=settings)
    assert [run.started_s for run in idle.runs] == [4, 4]


def test_readings_lag_behind() -> None:
    """What has just begun is hardly seen yet; after a few time constants it is."""
    planner = Scripted(hold={"b": 90})
    play(traced("a", 100), traced("b", 1), planner=planner, cores=4)
    used = [planner.at(now).machine for now in (1, 5, 30)]
    shown = [round(reading.cpu_used, 2) for reading in used if reading]
    assert shown == [0.0, 0.55, 1.0]  # the reading at 5 s is of 4 s: 1 - exp(-4/5)
    assert planner.at(5).active[0].cpu_used == pytest.approx(0.63, abs=0.01)


def test_a_run_of_no_length_ends_at_once() -> None:
    """Traces have them, and they must not stop the clock."""
    assert ends(play(traced("a", 0.0), traced("b", 0.0, cpu=0.0, memory=0))) == {"a": 0, "b": 0}
