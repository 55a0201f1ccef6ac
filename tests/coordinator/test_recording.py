"""What cycles record while the ledger fails and after a restart: everything, in order, and once."""

import logging
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from adaptive_assets.assets import tags
from adaptive_assets.coordinator.enactment import Enactment
from adaptive_assets.coordinator.recording import PRUNING_S, Recorder
from adaptive_assets.ledger import Ledger, database, sqlite_ledger_url
from adaptive_assets.planning.decisions import Decision, Plan
from adaptive_assets.planning.snapshot import QueuedRun, Snapshot
from adaptive_assets.policy import PolicyBook
from tests.coordinator.conftest import MakeWorld
from tests.coordinator.world import World
from tests.ledger.examples import FORECAST, READING, deferral, degrade, launch, queued, usage

BOOK = PolicyBook(version=1)
GATED = """\
version: 1
guards: {cpu: 100%, memory: 100%}
policies: [{name: reports, select: "group:reports", gates: {checks: pass}}]
default: {estimate: {cpu: 0, memory: 1MiB, duration: 1s}}
"""


class Clock:
    """A monotonic clock that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """A ledger in a SQLite file."""
    return Ledger.open(sqlite_ledger_url(tmp_path / "storage"))


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "WAIT_S", 0.05)


def recorder_of(ledger: Ledger, folder: Path, clock: Clock | None = None) -> Recorder:
    """The recorder of a daemon that has just begun."""
    return Recorder(
        ledger, node="a", source="p", retention_s=100.0, outbox=folder / "outbox", clock=clock or Clock()
    )


def cycle(recorder: Recorder, now: float, *decisions: Decision) -> tuple[int, dict[str, int]]:
    """One cycle that decides so; how many decisions were news, and the ids that it gives."""
    runs: Sequence[QueuedRun] = [run for decision in decisions for run in decision.runs]
    plan = Plan(now, BOOK.revision, decisions)
    recorder.begin()
    changed = recorder.changes(plan)
    return len(changed), recorder.cycle(now, BOOK, Snapshot(at=now, queued=tuple(runs)), plan, changed)


def rows(ledger: Ledger) -> list[tuple[str, str | None]]:
    """Verdicts and runs of all decisions, in the order of recording."""
    return [(row.verdict, row.run_id) for row in reversed(ledger.recent_decisions(1000))]


def lock(ledger: Ledger) -> "closing[sqlite3.Connection]":
    """Hold the lock of the ledger as another process would."""
    assert ledger.file is not None
    other = sqlite3.connect(ledger.file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    return closing(other)


def test_after_a_restart_nothing_is_decided_again(ledger: Ledger, tmp_path: Path) -> None:
    """Neither the run that was let go and not tagged, nor the kind that waits."""
    decided = (launch(queued("r1")), degrade(queued("r2")), deferral(FORECAST, queued("r3")))
    _, ids = cycle(recorder_of(ledger, tmp_path), 1.0, *decided)
    news, again = cycle(recorder_of(ledger, tmp_path), 2.0, *decided)
    assert (news, again) == (0, ids)
    assert rows(ledger) == [("launch", "r1"), ("degrade", "r2"), ("defer", None)]


def test_after_a_restart_what_is_decided_otherwise_is_recorded(ledger: Ledger, tmp_path: Path) -> None:
    """A run in another mode, and a run that waits after all."""
    cycle(recorder_of(ledger, tmp_path), 1.0, launch(queued("r1")), launch(queued("r2")))
    cycle(recorder_of(ledger, tmp_path), 2.0, degrade(queued("r1")), deferral(FORECAST, queued("r2")))
    assert rows(ledger) == [("launch", "r1"), ("launch", "r2"), ("degrade", "r1"), ("defer", None)]


def test_a_run_that_is_let_go_again_has_one_decision_to_launch(ledger: Ledger, tmp_path: Path) -> None:
    """It was held back before Dagster launched it, and nothing else was decided of it; with a restart too."""
    recorder = recorder_of(ledger, tmp_path)
    run = queued("r1")
    for each in (launch(run), deferral(FORECAST, run), launch(run)):
        cycle(recorder, 1.0, each)
    recorder = recorder_of(ledger, tmp_path)
    for each in (deferral(FORECAST, run), launch(run)):
        _, ids = cycle(recorder, 1.0, each)
        assert ids.keys() <= {"r1"}
    assert [row for row in rows(ledger) if row[0] == "launch"] == [("launch", "r1")]


def test_while_the_ledger_is_away_a_decision_is_news_once(ledger: Ledger, tmp_path: Path) -> None:
    """What is kept counts as recorded, also for the process after this one."""
    first = recorder_of(ledger, tmp_path)
    cycle(first, 1.0, launch(queued("r1")))
    with lock(ledger):
        decided = (launch(queued("r2")), deferral(FORECAST, queued("r3")))
        assert cycle(first, 2.0, *decided)[0] == 2
        assert cycle(first, 3.0, *decided)[0] == 0
        assert "database is locked" in (first.trouble or "")
        first.close()
        second = recorder_of(ledger, tmp_path)
        assert cycle(second, 4.0, *decided)[0] == 0
        assert second.waiting >= 1
    second.begin()
    assert (second.trouble, second.waiting) == (None, 0)
    assert rows(ledger) == [("launch", "r1"), ("launch", "r2"), ("defer", None)]


def test_what_could_not_be_recalled_at_the_start_is_recalled_later(ledger: Ledger, tmp_path: Path) -> None:
    """The ledger is away when the daemon starts: the run that was let go still has one decision."""
    decided = (launch(queued("r1")), deferral(FORECAST, queued("r2")))
    _, ids = cycle(recorder_of(ledger, tmp_path), 1.0, *decided)
    ledger.dispose()
    assert ledger.file is not None
    second = recorder_of(ledger, tmp_path)
    with closing(sqlite3.connect(ledger.file, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        for now in (2.0, 3.0):
            _, unknown = cycle(second, now, *decided)
            assert unknown == {}
            assert "database is locked" in (second.trouble or "")
    news, found = cycle(second, 4.0, *decided)
    assert (news, found, second.trouble) == (0, ids, None)
    assert [row for row in rows(ledger) if row[0] == "launch"] == [("launch", "r1")]


def test_usages_readings_and_faults_are_kept_too(ledger: Ledger, tmp_path: Path) -> None:
    """All of it is in the ledger when it can be written, and the book in force."""
    recorder = recorder_of(ledger, tmp_path)
    ledger.latest_status()
    with lock(ledger):
        cycle(recorder, 1.0, launch(queued("r1")))
        recorder.ended([usage("r0")])
        recorder.samples(1.0, Snapshot(at=1.0, machine=READING))
        recorder.fault(1.0, "policy", "is \x1b[31mrefused\x1b[0m")
    recorder.begin()
    status = ledger.latest_status(minutes=1e6)
    assert [row.run_id for row in ledger.usages()] == ["r0"]
    assert status.reading == READING
    assert [fault.message for fault in status.faults] == ["is \\x1b[31mrefused\\x1b[0m"]
    assert ledger.active_policy_book() is not None


def test_a_ledger_that_was_deleted_gets_what_is_in_force(ledger: Ledger, tmp_path: Path) -> None:
    """The book, and what waits: who reads the new one must find why."""
    recorder = recorder_of(ledger, tmp_path)
    waits = deferral(FORECAST, queued("r1"))
    cycle(recorder, 1.0, waits)
    assert ledger.file is not None
    ledger.file.unlink()
    assert cycle(recorder, 2.0, waits)[0] == 1
    assert len(recorder.notices()) == 1
    assert recorder.notices() == ()
    assert rows(ledger) == [("defer", None)]
    assert ledger.active_policy_book() is not None


def test_nothing_is_forgotten_in_the_first_hour_nor_by_a_doubtful_clock(
    ledger: Ledger, tmp_path: Path
) -> None:
    """A clock that is a month ahead must not empty the ledger."""
    clock = Clock()
    recorder = recorder_of(ledger, tmp_path, clock)
    recorder.ended([usage("r1", ended_at=10.0)])
    recorder.prune(1e9)
    clock.now = PRUNING_S
    recorder.prune(1e9, certain=False)
    assert len(ledger.usages()) == 1
    recorder.prune(1e9)
    assert ledger.usages() == []


def ledger_of(world: World) -> Ledger:
    """The ledger beside the storage of a world on SQLite."""
    return Ledger.open(sqlite_ledger_url(Path(world.instance.root_directory) / "storage" / "history"))


def test_a_pass_goes_on_while_the_ledger_is_locked_and_says_so_once(
    world: World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All runs are launched, it works again when a write has succeeded, and no decision is missing."""
    monkeypatch.setattr("adaptive_assets.ledger.back_off.FIRST_S", 0.0)
    caplog.set_level(logging.INFO)
    ledger = ledger_of(world)
    runs = [world.submit(job="plain")]
    assert world.pass_() == runs
    with lock(ledger):
        for _ in range(3):
            runs.append(world.submit(job="plain"))
            assert world.pass_() == runs[-1:]
            assert tags.DECISION not in world.run(runs[-1]).tags
        world.pass_()
        assert "works again" not in caplog.text
    assert len([error for error in world.daemon_errors() if error.startswith("ledger: ")]) == 1
    world.pass_()
    assert caplog.text.count("ledger: works again") == 1
    assert [row for row in rows(ledger) if row[0] == "launch"] == [("launch", run) for run in runs]


def test_a_daemon_that_dies_between_ledger_and_tags_is_followed_by_one_that_carries_it_out(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The decision that is recorded is the one that the run carries, and the only one."""
    world = make_world(GATED)
    waits, goes = world.submit("report"), world.submit("readings")

    def killed(*_: object) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Enactment, "enact", killed)
        with pytest.raises(KeyboardInterrupt):
            world.pass_()
    ledger = ledger_of(world)
    before = rows(ledger)
    assert ("launch", goes) in before
    world.coordinator._cycle = None
    assert world.pass_() == [goes]
    assert rows(ledger) == before
    (row,) = ledger.decisions_for_run(goes)
    assert world.run(goes).tags[tags.DECISION] == str(row.id)
    assert world.run(waits).tags[tags.ADMISSION] == tags.HELD


def test_a_ledger_that_was_never_there_is_told_once_and_not_in_every_pass(make_world: MakeWorld) -> None:
    """Nothing listens on its port: runs go all the same, and whichever part asks it, it is one fault."""
    world = make_world(config={"ledger": "postgresql://nobody:unknown@127.0.0.1:1/none"})
    submitted = [world.submit("summary")]
    launched = world.pass_() + world.pass_()
    told = len(world.daemon_errors())
    for _ in range(4):
        submitted.append(world.submit("summary"))
        launched += world.pass_()
    assert set(launched) >= set(submitted)
    assert len(world.daemon_errors()) == told
