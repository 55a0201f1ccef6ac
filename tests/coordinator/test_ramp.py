"""The ramp counts launches, whatever became of the runs since."""

from adaptive_assets.assets import tags
from adaptive_assets.coordinator.launch_watch import LaunchWatch
from tests.coordinator.conftest import MakeWorld
from tests.coordinator.test_held_back import ends, passes, submit
from tests.coordinator.world import World

RAMP = """\
version: 1
guards: {cpu: 100%, memory: 100%, ramp: {runs: 2, every: 1h}}
default: {estimate: {cpu: 0, memory: 1MiB, duration: 1s}}
"""


def test_runs_that_end_at_once_count(make_world: MakeWorld) -> None:
    """Two launches in any hour, and not two of those still active."""
    world = make_world(RAMP)
    runs = submit(world, 5, "plain")
    launched = []
    for _ in range(4):
        for run in world.pass_():
            launched.append(run)
            ends(world, run)
    assert launched == runs[:2]
    assert world.run(runs[2]).tags[tags.REASON].startswith("ramp: 2 runs were launched in the last 1h")


def test_launches_are_recalled_after_a_restart(make_world: MakeWorld) -> None:
    """From Dagster's own records of the runs, of active ones and of those that have ended."""
    world = make_world(RAMP)
    runs = submit(world, 4, "plain")
    first = world.pass_()
    assert first == runs[:2]
    ends(world, first[0])
    ends(world, first[1])
    restart(world)
    assert passes(world, 3) == []


def test_what_never_was_launched_does_not_count(make_world: MakeWorld) -> None:
    """Cancelled in the queue."""
    world = make_world(RAMP)
    for run in submit(world, 3, "plain"):
        world.instance.report_run_canceled(world.run(run))
    runs = submit(world, 3, "plain")
    assert passes(world, 2) == runs[:2]


def test_a_launch_that_failed_counts(make_world: MakeWorld) -> None:
    """A process was started for it, or was to be."""
    world = make_world(RAMP)
    runs = submit(world, 3, "plain")
    for run in world.pass_():
        world.instance.report_run_failed(world.run(run))
    assert passes(world, 2) == []
    assert world.run(runs[2]).tags[tags.REASON].startswith("ramp: ")


def test_a_launch_counts_for_as_long_as_the_ramp_looks(world: World) -> None:
    """It is forgotten after that; a run that is active is told by the caller, not here."""
    run = submit(world, 1, "plain")
    world.pass_()
    ends(world, run[0])
    record = world.instance.get_run_record_by_id(run[0])
    assert record is not None
    started = record.start_time
    assert started is not None
    watch = LaunchWatch(world.instance)
    assert watch.observe(started + 1, 60, ()) == (started,)
    assert watch.observe(started + 2, 60, run) == ()
    assert watch.observe(started + 59, 60, ()) == (started,)
    assert watch.observe(started + 60, 60, ()) == ()


def restart(world: World) -> None:
    """The daemon's process ends, and another begins: nothing in memory is left."""
    world.coordinator._cycle = None
