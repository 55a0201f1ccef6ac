"""What the coordinator learns from runs that ended, and what becomes of it."""

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from adaptive_assets.assets import tags
from adaptive_assets.coordinator import active_watch, lost_runs
from adaptive_assets.coordinator import experience as experience_module
from adaptive_assets.coordinator.experience import Experience
from adaptive_assets.ledger import Ledger, RunUsageRow, sqlite_ledger_url
from adaptive_assets.planning.estimates import Source
from adaptive_assets.planning.resource_request import estimate_key
from adaptive_assets.planning.snapshot import MachineReading, QueuedRun, Snapshot, Work
from adaptive_assets.planning.work_key import work_key
from tests.coordinator.conftest import MakeWorld
from tests.coordinator.world import World, open_world

GIB = 2**30
ROOMY = """\
version: 1
guards: {cpu: 100%, memory: 100%}
default: {estimate: {cpu: 0, memory: 1MiB, duration: 1s}}
"""


def ledger_of(world: World) -> Ledger:
    """The ledger that the coordinator writes to."""
    return Ledger.open(sqlite_ledger_url(Path(world.instance.root_directory) / "storage" / "history"))


def usage(run_id: str, key: str, ended_at: float, seconds: float, memory: int = GIB) -> RunUsageRow:
    """A run that succeeded."""
    return RunUsageRow(
        run_id=run_id,
        work_key=key,
        policy="default",
        mode="full",
        node="here",
        status="SUCCESS",
        submitted_at=ended_at - seconds - 5,
        launched_at=None,
        started_at=ended_at - seconds,
        ended_at=ended_at,
        cpu_seconds=seconds / 2,
        memory_peak=memory,
    )


def test_a_new_daemon_knows_what_runs_took_before_it(make_world: MakeWorld, tmp_path: Path) -> None:
    """The runs in the ledger are learned from; what was learned is in the snapshot and rules the decision."""
    world = make_world(ROOMY)
    first = world.submit("readings")
    world.pass_()
    ledger = ledger_of(world)
    (row,) = ledger.decisions_for_run(first)
    now = time.time()
    ledger.record_usage(
        usages=[usage(f"r{n}", row.work_key, now - 600 + n, 120.0 + n, 10**6 * GIB) for n in range(12)]
    )
    with (
        dg.DagsterInstance.from_ref(world.instance.get_ref()) as again,
        open_world(again, tmp_path, world.policies) as restarted,
    ):
        second = restarted.submit("readings")
        assert restarted.pass_() == []
        assert restarted.run(second).tags[tags.REASON].startswith("never_fits: ")
    cycle = ledger.decisions_for_run(second)[-1].cycle_id
    snapshot = ledger.snapshot(cycle)
    work = snapshot.queued[-1].work
    learned = snapshot.estimates[estimate_key(work, "full")]
    assert learned.source is Source.OWN
    assert learned.duration.p50 == pytest.approx(125.5, rel=0.05)
    assert learned.memory.p50 == pytest.approx(10**6 * GIB, rel=0.05)


def test_runs_teach_once(world: World) -> None:
    """What is recalled again changes nothing, and usage by owner is that of the runs."""
    run_id = world.submit("readings")
    world.pass_()
    ledger = ledger_of(world)
    key = ledger.decisions_for_run(run_id)[0].work_key
    work = ledger.works()[key]
    assert work_key(work) == key
    ledger.record_usage(usages=[usage("r1", key, 1000.0, 100.0)])
    experience = Experience()
    cycle = ledger.decisions_for_run(run_id)[0].cycle_id
    snapshot = ledger.snapshot(cycle)
    experience.recall(ledger)
    experience.recall(ledger)
    known = experience.into(snapshot)
    assert known.estimates[estimate_key(work, "full")].runs == pytest.approx(1.0, abs=0.5)
    experience.ended([(work, usage("r2", key, snapshot.at, 100.0))])
    assert experience.into(snapshot).usage["default"] == pytest.approx(50.0, rel=0.01)


def test_a_run_that_ended_while_all_cores_were_busy_does_not_lower_what_is_known_of_its_cpu() -> None:
    """The machine's readings, as the cycles saw them, say when that was."""
    experience, work = Experience(), Work("w", "default")
    queued = (QueuedRun("q", work, 0.0),)

    def known_after(at: float, cores: float, seconds: float) -> float:
        machine = MachineReading(at, 4.0, cores, 8 * GIB, GIB)
        experience.into(Snapshot(at, queued, machine=machine))
        row = replace(usage(f"r{at}", "k", at + 60.0, 60.0), cpu_seconds=seconds)
        experience.ended([(work, row)])
        return experience.into(Snapshot(at + 60.0, queued)).estimates[estimate_key(work, "full")].cpu.p50

    calm = known_after(1000.0, 1.0, 62.0)
    assert calm == pytest.approx(1.0, rel=0.05)
    assert known_after(2000.0, 4.0, 6.0) == calm
    assert known_after(3000.0, 1.0, 6.0) < calm


def kept_by(world: World, ends: range, *, until: float) -> tuple[Ledger, Experience]:
    """A ledger in which runs of ``WORK`` end at these seconds, and an experience kept after all of them."""
    ledger = ledger_of(world)
    submitted = world.submit("readings")
    world.pass_()
    (row,) = ledger.decisions_for_run(submitted)
    work = ledger.works()[row.work_key]
    runs = [(work, usage(f"r{at}", row.work_key, float(at), 60.0)) for at in ends]
    ledger.record_usage(usages=[each for _, each in runs])
    experience = Experience()
    experience.recall(ledger)
    experience.keep(ledger, 1e6, until)
    return ledger, experience


def known_of(experience: Experience, ledger: Ledger) -> tuple[float, float]:
    """The runs behind the estimate of the only kind, and what its owner has used."""
    (work,) = ledger.works().values()
    seen = experience.into(Snapshot(1000.0, (QueuedRun("next", work, 1000.0),)))
    return seen.estimates[estimate_key(work, "full")].runs, seen.usage["default"]


def test_a_new_daemon_takes_up_what_was_kept_and_reads_only_what_ended_since(make_world: MakeWorld) -> None:
    """Runs that were pruned from the ledger count; those that it still has are not learned from twice."""
    world = make_world(ROOMY)
    ledger, experience = kept_by(world, range(900, 960), until=940.0)
    before = known_of(experience, ledger)
    (work,) = ledger.works().values()
    ledger.prune(before=930.0)
    again = Experience()
    again.recall(ledger)
    assert known_of(again, ledger) == pytest.approx(before)
    late = usage("late", work_key(work), 945.0, 60.0)  # read after what was kept, ended before
    ledger.record_usage(usages=[late])
    after = Experience()
    after.recall(ledger)
    experience.ended([(work, late)])
    assert known_of(after, ledger) == pytest.approx(known_of(experience, ledger))
    assert known_of(after, ledger)[1] > before[1]


@pytest.mark.parametrize(
    "kept",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"learned": {"version": 99}, "usage": {}, "until": 0, "runs": {}}',
        '{"learned": {"version": 1}, "usage": 7, "until": null, "runs": 3}',
        "[" * 100_000,
        "\n" * 3,
    ],
)
def test_what_another_version_kept_is_learned_anew(make_world: MakeWorld, kept: str) -> None:
    """From the usages of the ledger."""
    world = make_world(ROOMY)
    ledger, experience = kept_by(world, range(900, 960), until=940.0)
    ledger.keep(experience_module.KEY, kept)
    again = Experience()
    again.recall(ledger)
    assert known_of(again, ledger) == pytest.approx(known_of(experience, ledger))


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ('"level":[', '"level":["x",'),
        ('"until":940.0', '"until":1e999'),
        ('"headroom":[0.0', '"headroom":[Infinity'),
        ('"values":[', '"values":[1' + "0" * 400 + ","),
        ('"values":[', '"values":[NaN,'),
        ('"r959":959.0', '"r959":null'),
    ],
)
def test_what_is_kept_and_was_damaged_is_learned_anew(make_world: MakeWorld, right: str, wrong: str) -> None:
    """One number that is none would stop learning, or spoil estimates, for good."""
    world = make_world(ROOMY)
    ledger, experience = kept_by(world, range(900, 960), until=940.0)
    kept = ledger.kept(experience_module.KEY) or ""
    damaged = kept.replace(right, wrong, 1)
    assert damaged != kept
    ledger.keep(experience_module.KEY, damaged)
    again = Experience()
    again.recall(ledger)
    assert known_of(again, ledger) == pytest.approx(known_of(experience, ledger))
    (work,) = ledger.works().values()
    late = usage("late", work_key(work), 960.0, 60.0)
    for each in (experience, again):
        each.ended([(work, late)])
        each.keep(ledger, 2e6, 950.0)
    assert known_of(again, ledger) == pytest.approx(known_of(experience, ledger))


@pytest.mark.parametrize("wrong", [{"memory_peak": -1}, {"cpu_seconds": -5.0}, {"ended_at": 2e300}])
def test_a_run_that_was_recorded_wrongly_keeps_nothing_of_the_others_back(
    make_world: MakeWorld, wrong: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Neither when it ends nor when it is read from the ledger after a restart; the log names it."""
    world = make_world(ROOMY)
    ledger, experience = kept_by(world, range(900, 960), until=940.0)
    (work,) = ledger.works().values()
    bad = replace(usage("bad", work_key(work), 950.5, 60.0), **wrong)
    good = usage("good", work_key(work), 961.0, 60.0)
    ledger.record_usage(usages=[bad, good])
    ledger.keep(experience_module.KEY, "")
    again = Experience()
    again.recall(ledger)
    experience.ended([(work, bad), (work, good)])
    assert known_of(again, ledger) == pytest.approx(known_of(experience, ledger))
    assert known_of(again, ledger)[1] > 60 * 30
    assert "Nothing is learned of run bad" in caplog.text


def test_what_ends_while_the_ledger_is_away_is_learned_from_once(make_world: MakeWorld) -> None:
    """At once, and again with what was known before as soon as that can be read."""
    world = make_world(ROOMY)
    ledger, experience = kept_by(world, range(900, 960), until=940.0)
    (work,) = ledger.works().values()
    early = usage("early", work_key(work), 970.0, 60.0)
    again = Experience()
    again.ended([(work, early)])
    assert known_of(again, ledger)[0] == 1.0
    ledger.record_usage(usages=[early])
    again.recall(ledger)
    experience.ended([(work, early)])
    assert known_of(again, ledger) == pytest.approx(known_of(experience, ledger))


def test_it_is_kept_now_and_then_where_something_was_learned(make_world: MakeWorld) -> None:
    """At most every ten minutes; and not before it was recalled, or it would replace what is there."""
    world = make_world(ROOMY)
    ledger, experience = kept_by(world, range(900, 905), until=900.0)
    first = ledger.kept(experience_module.KEY)
    assert first is not None
    (work,) = ledger.works().values()
    Experience().keep(ledger, 2e6, 0.0)
    experience.keep(ledger, 2e6, 900.0)
    experience.ended([(work, usage("next", work_key(work), 950.0, 60.0))])
    experience.keep(ledger, 1e6 + 599, 900.0)
    assert ledger.kept(experience_module.KEY) == first
    experience.keep(ledger, 1e6 + 600, 900.0)
    assert ledger.kept(experience_module.KEY) != first


def test_cycles_keep_what_they_learn(make_world: MakeWorld) -> None:
    """The first one after a run has ended, if the ledger can be written."""
    world = make_world(ROOMY)
    run_id = world.submit("readings")
    world.pass_()
    assert ledger_of(world).kept(experience_module.KEY) is None
    world.instance.report_run_failed(world.run(run_id))
    world.pass_()
    kept = json.loads((ledger_of(world).kept(experience_module.KEY) or "").partition("\n")[2])
    assert list(kept["runs"]) == [run_id]
    assert len(kept["learned"]["kinds"]["kinds"]) == 1


def test_a_run_that_ends_between_two_daemons_is_learned_from_once(
    make_world: MakeWorld, tmp_path: Path
) -> None:
    """The second one reads it back, the third finds it in the ledger."""
    world = make_world(ROOMY)
    run_id = world.submit("readings")
    assert world.pass_() == [run_id]
    world.instance.report_run_failed(world.run(run_id))
    for _ in range(2):
        with (
            dg.DagsterInstance.from_ref(world.instance.get_ref()) as again,
            open_world(again, tmp_path, world.policies) as restarted,
        ):
            restarted.pass_()
            restarted.pass_()
    (row,) = ledger_of(world).usages()
    assert (row.run_id, row.status) == (run_id, "FAILURE")


def test_a_run_that_never_starts_is_told_and_gives_its_place_back(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard on concurrency counts runs of which something is left."""
    monkeypatch.setattr(lost_runs, "GRACE_S", 0.0)
    monkeypatch.setattr(lost_runs, "AGAIN_S", 0.0)
    monkeypatch.setattr(active_watch, "NEVER_STARTED_S", 0.0)
    world = make_world(ROOMY.replace("memory: 100%", "memory: 100%, concurrency: 1"))
    lost = world.submit("readings")
    assert world.pass_() == [lost]
    world.instance.report_dagster_event(
        dg.DagsterEvent(dg.DagsterEventType.PIPELINE_STARTING.value, "__ASSET_JOB"), lost
    )
    waiting = world.submit("summary")
    assert world.pass_() == []
    assert world.pass_() == [waiting]
    (told,) = [message for message in world.daemon_errors() if lost in message]
    assert "Cancel it" in told
