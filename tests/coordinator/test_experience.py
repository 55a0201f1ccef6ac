"""What the coordinator learns from runs that ended, and what becomes of it."""

import time
from pathlib import Path

import dagster as dg
import pytest

from adaptive_assets.assets import tags
from adaptive_assets.coordinator import active_watch, lost_runs
from adaptive_assets.coordinator.experience import Experience
from adaptive_assets.ledger import Ledger, RunUsageRow, sqlite_ledger_url
from adaptive_assets.planning.estimates import Source
from adaptive_assets.planning.resource_request import estimate_key
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
