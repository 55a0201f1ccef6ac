"""The daemon predicts starts in the time that it has, and keeps what became of them."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from adaptive_assets.coordinator.start_watch import KEPT_EVERY_S, PER_PASS_S, SHARE, StartWatch
from adaptive_assets.learning.start_calibration import KEY, LEAST_RUNS, StartCalibration
from adaptive_assets.ledger import Ledger, sqlite_ledger_url
from adaptive_assets.planning.plan import plan
from adaptive_assets.planning.snapshot import Snapshot
from tests.coordinator.conftest import MakeWorld
from tests.planning.compact import book_of, snapshot_of

LARGE = {"name": "large", "estimate": {"memory": "6GiB", "duration": "60s"}}
BOOK = book_of({"policies": [LARGE]})
TIER = BOOK.policy("large").tier


class Clock:
    """Each look at it takes ``step`` seconds."""

    def __init__(self, step: float) -> None:
        self.step = step
        self.now = 0.0

    def __call__(self) -> float:
        """The time, after the look."""
        self.now += self.step
        return self.now


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """An empty one."""
    opened = Ledger.open(sqlite_ledger_url(tmp_path))
    yield opened
    opened.dispose()


def full(run_id: str, at: float) -> Snapshot:
    """At ``at``, a run waits for a minute or so for the memory that another one has."""
    holds = {"run": "a", "policy": "large", "launched": "5s", "started": "5s", "memory_used": "6GiB"}
    made = snapshot_of(
        machine={"memory_used": "6GiB"},
        active=[{**holds, "cpu_used": 0}],
        queued=[{"run": run_id, "policy": "large", "waited": "1m"}],
    )
    moved = at - made.at
    queued = tuple(replace(run, submitted_at=run.submitted_at + moved) for run in made.queued)
    active = tuple(
        replace(run, launched_at=at - 5, started_at=at - 5, run_id=f"before {run_id}") for run in made.active
    )
    machine = made.machine and replace(made.machine, at=at)
    return replace(made, at=at, queued=queued, active=active, machine=machine)


def free(run_id: str, at: float) -> Snapshot:
    """The run is alone, and will be launched."""
    waits = full(run_id, at)
    return replace(waits, active=(), machine=waits.machine and replace(waits.machine, memory_used=0))


def seen(watch: StartWatch, snapshot: Snapshot) -> None:
    """As a cycle does."""
    watch.observe(snapshot, plan(snapshot, BOOK), BOOK)


def test_a_daemon_learns_how_long_runs_wait(ledger: Ledger) -> None:
    """Each waits for 200 s and was predicted to wait for 55; what is known is kept, and found again."""
    watch = StartWatch(Clock(0.0))
    watch.recall(ledger)
    for number in range(LEAST_RUNS):
        at = 1000.0 * (number + 1)
        seen(watch, full(f"r{number}", at))
        seen(watch, free(f"r{number}", at + 200.0))
    watch.keep(ledger, 40_000.0)
    known = StartCalibration.read(ledger.kept(KEY)).quantiles(TIER, 55.0)
    assert known is not None
    assert (known.p50, known.p90) == pytest.approx((200.0, 200.0))
    again = StartWatch(Clock(0.0))
    again.recall(ledger)
    seen(again, full("more", 50_000.0))
    again.keep(ledger, 50_000.0)
    assert "more" in (ledger.kept(KEY) or "")


def test_a_prediction_takes_no_more_of_a_pass_than_it_may(ledger: Ledger) -> None:
    """Where one plan takes longer than that, a prediction goes over passes; in between it rests."""
    clock = Clock(PER_PASS_S)
    watch = StartWatch(clock)
    watch.recall(ledger)

    def kept(at: float) -> str | None:
        watch.keep(ledger, at)
        return ledger.kept(KEY)

    seen(watch, full("r", 1000.0))
    assert kept(1000.0) is None
    before = clock.now
    for number in range(20):  # all passes at once
        seen(watch, full("r", 1001.0 + number))
    assert clock.now - before < 2 * PER_PASS_S / SHARE
    assert kept(1030.0) is None
    for number in range(20):
        clock.now += 2 * PER_PASS_S / SHARE
        seen(watch, full("r", 1100.0 + number))
    assert '"r"' in (kept(1130.0) or "")


def test_what_was_learned_is_not_written_in_every_pass(ledger: Ledger) -> None:
    """Only now and then; and nothing is written over what could not be read yet."""
    watch = StartWatch(Clock(0.0))
    seen(watch, full("r1", 1000.0))
    watch.keep(ledger, 1000.0)
    assert ledger.kept(KEY) is None
    watch.recall(ledger)
    seen(watch, full("r1", 1100.0))
    watch.keep(ledger, 1100.0)
    first = ledger.kept(KEY)
    assert first is not None
    seen(watch, full("r2", 1200.0))
    watch.keep(ledger, 1200.0)
    assert ledger.kept(KEY) == first
    watch.keep(ledger, 1100.0 + KEPT_EVERY_S)
    assert ledger.kept(KEY) != first


def test_the_daemons_passes_predict(make_world: MakeWorld) -> None:
    """A run that waits for the ramp: one is launched an hour."""
    world = make_world(
        "version: 1\nguards: {cpu: 100%, memory: 100%, ramp: {runs: 1, every: 1h}}\n"
        "default: {estimate: {cpu: 0, memory: 1MiB, duration: 1s}}\n"
    )
    first, second = world.submit("readings"), world.submit("readings")
    assert world.pass_() == [first]
    ledger = Ledger.open(sqlite_ledger_url(Path(world.instance.root_directory) / "storage" / "history"))
    until = time.monotonic() + 120.0
    while second not in (ledger.kept(KEY) or ""):  # a prediction may go over several passes
        assert time.monotonic() < until
        world.pass_()
        time.sleep(0.2)
    assert not world.daemon_errors()
    ledger.dispose()


def test_nothing_is_predicted_where_stock_dagster_decides(ledger: Ledger) -> None:
    """The same waiting run is kept by a watch of a coordinator that acts."""
    for observes in (True, False):
        watch = StartWatch(Clock(0.0), observes=observes)
        watch.recall(ledger)
        seen(watch, full("r1", 1000.0))
        watch.keep(ledger, 1000.0)
        assert (ledger.kept(KEY) is None) is observes
