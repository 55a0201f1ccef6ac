"""A pass that is due before its time: begun when there is something new, and not otherwise."""

import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg
import pytest
from dagster._daemon.daemon import SpanMarker
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon
from typing_extensions import override

from adaptive_assets.coordinator.next_pass import LEAST_S, PAUSE, SETTLE_S, SHARE, NextPass
from adaptive_assets.dagster_compat.daemon import cut_wait_short
from tests.coordinator.conftest import MakeWorld
from tests.coordinator.world import RecordingLauncher, World

HOUR_S = 3_600
PATIENCE_S = 60.0
ONE_AT_A_TIME = {"max_concurrent_runs": 1}


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """The time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """At some time."""
    return Clock()


@pytest.fixture
def next_pass(world: World, clock: Clock) -> NextPass:
    """That of a cycle which saw an empty queue, a while ago."""
    made = NextPass(world.instance, clock, lambda: 0.0)
    made.begin()
    made.end([], [], [])
    clock.now += HOUR_S
    return made


def _report(world: World, run_id: str, kind: dg.DagsterEventType) -> None:
    run = world.run(run_id)
    world.instance.report_dagster_event(dg.DagsterEvent(kind.value, run.job_name), run_id)


@contextmanager
def _running(world: World) -> Iterator[list[str]]:
    """The dequeue daemon as Dagster runs it, one pass an hour; the runs that it launches."""
    daemon, stop = QueuedRunCoordinatorDaemon(interval_seconds=HOUR_S), threading.Event()
    given = world.process_context, "the-daemon", stop, 30.0, 300
    thread = threading.Thread(target=daemon.run_daemon_loop, args=given, daemon=True)
    launcher = world.instance.run_launcher
    assert isinstance(launcher, RecordingLauncher)
    cut_wait_short(daemon, world.coordinator._is_pass_due)  # from the first wait on, which has no cycle yet
    thread.start()
    try:
        yield launcher.launched
    finally:
        stop.set()
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


def _await(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_run_is_launched_long_before_the_interval_is_over(world: World) -> None:
    """One that is submitted while the daemon waits for its next pass."""
    first = world.submit("readings")
    with _running(world) as launched:
        _await(lambda: launched == [first])
        second = world.submit("report")
        _await(lambda: launched == [first, second])


def test_the_end_of_a_run_lets_the_next_one_go_at_once(make_world: MakeWorld) -> None:
    """Where the places are few, and one of them has become free."""
    world = make_world(config=ONE_AT_A_TIME)
    first, second = world.submit("readings"), world.submit("report")
    with _running(world) as launched:
        _await(lambda: launched == [first])
        _report(world, first, dg.DagsterEventType.RUN_SUCCESS)
        _await(lambda: launched == [first, second])


def test_nothing_new_is_no_reason_for_a_pass(next_pass: NextPass, world: World) -> None:
    """Neither in an empty queue, nor because the runs that were seen are still there."""
    assert not next_pass.is_due()
    seen = world.submit("readings")
    next_pass.begin()
    next_pass.end([seen], [], [])
    assert not next_pass.is_due()


def test_a_submitted_run_is_told_of_once(next_pass: NextPass, world: World) -> None:
    """However often it is asked before the next cycle: a pass that fails is not begun again at once."""
    world.submit("readings")
    assert next_pass.is_due()
    assert not next_pass.is_due()
    next_pass.begin()
    assert not next_pass.is_due()


def test_a_run_that_no_pass_can_see_is_no_reason_for_one_after_the_other(
    next_pass: NextPass, world: World, clock: Clock
) -> None:
    """What is wrong with it is told by the passes that come in their time."""
    world.submit("readings")
    assert next_pass.is_due()
    next_pass.begin()
    next_pass.end([], [], [])
    clock.now += HOUR_S
    assert not next_pass.is_due()


def test_an_end_matters_while_others_wait(next_pass: NextPass, world: World, clock: Clock) -> None:
    """With an empty queue nobody waits for the place, and what the run took is learned in time."""
    running, waiting = world.submit("readings"), world.submit("report")
    _report(world, running, dg.DagsterEventType.RUN_SUCCESS)
    for queued, due in (([], False), ([waiting], True)):
        next_pass.begin()
        next_pass.end(queued, [running], [])
        world.instance.add_run_tags(waiting, {"unrelated": "tag"})
        clock.now += HOUR_S
        if not queued:
            _report(world, waiting, dg.DagsterEventType.RUN_STARTING)
        assert next_pass.is_due() is due


def test_the_end_of_a_run_that_was_just_admitted_matters_as_well(
    next_pass: NextPass, world: World, clock: Clock
) -> None:
    """A short one may have ended before the pass that launches it is over."""
    short, waiting = world.submit("readings"), world.submit("report")
    _report(world, short, dg.DagsterEventType.RUN_SUCCESS)
    next_pass.begin()
    next_pass.end([short, waiting], [], [short])
    clock.now += HOUR_S
    assert next_pass.is_due()


def test_after_an_end_the_machine_is_looked_at_again_when_the_process_is_gone(
    next_pass: NextPass, world: World, clock: Clock
) -> None:
    """Once: the memory of a run is free a moment after its end."""
    running, waiting = world.submit("readings"), world.submit("report")
    next_pass.begin()
    next_pass.end([waiting], [running], [])
    _report(world, running, dg.DagsterEventType.RUN_SUCCESS)
    clock.now += LEAST_S
    assert next_pass.is_due()
    for settled in (True, False):
        next_pass.begin()
        next_pass.end([waiting], [], [])
        clock.now += LEAST_S
        assert not next_pass.is_due()
        clock.now += SETTLE_S
        assert next_pass.is_due() is settled


@pytest.mark.parametrize(("took", "computed", "pause"), [(2.0, 0.0, 2.0 * PAUSE), (2.0, 2.0, 2.0 * SHARE)])
def test_a_pass_that_cost_much_is_not_repeated_at_once(
    world: World, clock: Clock, took: float, computed: float, pause: float
) -> None:
    """Planning leaves most of its core to others, and half of the time of the storage, however many come."""
    computing = Clock()
    made = NextPass(world.instance, clock, computing)
    began = clock.now
    made.begin()
    clock.now, computing.now = clock.now + took, computing.now + computed
    made.end([], [], [])
    world.submit("readings")
    clock.now = began + pause - 0.1
    assert not made.is_due()
    clock.now = began + pause
    assert made.is_due()


def test_storage_that_cannot_be_read_begins_no_pass(
    next_pass: NextPass, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And raises nothing: an error there would restart the daemon's loop."""
    world.submit("readings")
    with monkeypatch.context() as patched:
        patched.setattr(world.instance.run_storage, "get_run_ids", lambda *_, **__: 1 / 0)
        assert not next_pass.is_due()
    assert not next_pass.is_due()  # not before the next pass has read it


class IdleDaemon(QueuedRunCoordinatorDaemon):
    """Dagster's loop around passes that do nothing."""

    @override
    def run_iteration(self, *_: Any, **__: Any) -> Generator[None]:
        yield None


def test_the_daemons_own_loop_asks_its_interval(world: World) -> None:
    """The contract: it adds its jitter to ``interval_seconds`` once a pass, and compares twice a second."""
    daemon, asked = IdleDaemon(interval_seconds=HOUR_S), 0

    def is_over() -> bool:
        nonlocal asked
        asked += 1
        return asked == 3

    cut_wait_short(daemon, is_over)
    cut_wait_short(daemon, is_over)  # as after another daemon has launched for a while
    assert daemon.interval_seconds == HOUR_S
    began = []
    for step in daemon.core_loop(world.process_context, threading.Event()):
        began += [asked] if step is SpanMarker.START_SPAN else []
        if asked > 3:
            break
    assert began == [0, 3]
