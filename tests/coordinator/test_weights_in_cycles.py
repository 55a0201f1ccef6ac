"""CPU weights in the cycles of a daemon: what they do to a run, and what snapshot and ledger say of them."""

import subprocess
import sys
import time

import dagster as dg
import psutil
from dagster._core.events import EngineEventData

from adaptive_assets.coordinator.cycle import Cycle
from adaptive_assets.coordinator.deployment import open_ledger
from adaptive_assets.coordinator.weight_watch import KEY, Weighting
from tests.coordinator.conftest import MakeWorld
from tests.coordinator.world import IDLE, World

POLICIES = (
    IDLE + "policies: [{name: nightly, jobs: [plain], tier: batch}, {name: p, jobs: [p], tier: critical}]\n"
)


def start(world: World) -> tuple[str, "subprocess.Popen[bytes]"]:
    """A run of the lowest tier that is at work in a process of its own, as its launcher's would be."""
    run = world.create(job="plain")
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", run.run_id])
    told = f"Started process for run (pid: {process.pid})."
    world.instance.report_engine_event(told, run, EngineEventData.in_process(process.pid))
    event = dg.DagsterEvent(dg.DagsterEventType.RUN_START.value, run.job_name)
    world.instance.report_dagster_event(event, run.run_id)
    return run.run_id, process


def kept(world: World) -> Weighting | None:
    """What the ledger says of weights."""
    ledger = open_ledger(world.instance, None)
    try:
        return Weighting.of_text(ledger.kept(KEY))
    finally:
        ledger.dispose()


def cycle_of(world: World) -> Cycle:
    """The cycle of the daemon."""
    cycle = world.coordinator._cycle
    assert cycle is not None
    return cycle


def test_a_run_that_no_thread_has_seen_is_weighed_by_the_next_cycle(make_world: MakeWorld) -> None:
    """As after a restart; and a refusal by the system is told once, while the run goes on."""
    world = make_world(POLICIES)
    world.pass_()
    found = kept(world)
    assert found is not None
    assert (
        "RecordingLauncher launches the runs" in found.why
    )  # Dagster's own are weighed, others must show it
    run_id, process = start(world)
    try:
        world.pass_()
        assert psutil.Process(process.pid).nice() == 14
        assert kept(world) == Weighting()
        assert cycle_of(world)._observe(time.time(), {}).weighted

        weighed = cycle_of(world)._weights._processes.weigh(run_id, 4)
        assert weighed is not None
        weighed.refused = "Operation not permitted"
        for _ in range(3):
            world.pass_()
        why = "the system refuses to raise the nice of their processes: Operation not permitted"
        told = [error for error in world.daemon_errors() if "nice" in error]
        assert told == [f"weights: CPU weights are not in force: {why}"]
        assert kept(world) == Weighting(why)
        assert not cycle_of(world)._observe(time.time(), {}).weighted
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()
