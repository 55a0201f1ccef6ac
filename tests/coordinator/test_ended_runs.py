"""Each run that ends is learned from once, whatever the daemon was doing then."""

import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from adaptive_assets.coordinator import ended_runs
from adaptive_assets.coordinator.active_watch import ATTEMPTS, ActiveWatch
from adaptive_assets.dagster_compat.storage import sqlite_directory
from adaptive_assets.ledger import Ledger, LedgerError, RunUsageRow, sqlite_ledger_url
from adaptive_assets.planning.snapshot import Work
from adaptive_assets.signals import RunProcesses

HOUR = 3600.0


class Memory:
    """What a ledger keeps, as far as it matters here."""

    def __init__(self) -> None:
        self._states: dict[str, str] = {}
        self._usages: dict[str, RunUsageRow] = {}
        self.fails = False

    def kept(self, key: str) -> str | None:
        """As the ledger."""
        return self._states.get(key)

    def keep(self, key: str, value: str) -> None:
        """As the ledger, or its failure."""
        if self.fails:
            raise LedgerError("the ledger is away")
        self._states[key] = value

    def usages(
        self, *, policy: str | None = None, since: float | None = None, limit: int | None = None
    ) -> list[RunUsageRow]:
        """As the ledger."""
        del policy, limit
        return [usage for usage in self._usages.values() if usage.ended_at >= (since or 0)]

    def record_usage(self, *, usages: Sequence[RunUsageRow]) -> None:
        """As the ledger: the first one stays."""
        self._usages = {usage.run_id: usage for usage in usages} | self._usages


class Daemon:
    """The part of a daemon that learns of ends; a new one has forgotten all but what is in the ledger."""

    def __init__(self, instance: dg.DagsterInstance, ledger: Ledger | Memory) -> None:
        self.ledger = ledger
        self.broken: set[str] = set()
        self.watch = ActiveWatch(instance, self._work_of, RunProcesses(), "here", kept=ledger)

    def _work_of(self, run: dg.DagsterRun) -> Work:
        if run.run_id in self.broken:
            raise ValueError("these tags make no sense")
        return Work(run.job_name, "default")

    def cycle(self, now: float, *, record: bool = True) -> list[str]:
        """The runs that a cycle learns from, which it records."""
        self.watch.resume()
        rows = [row for _, row in self.watch.ended(now)]
        if record:
            self._record(rows)
        return [row.run_id for row in rows]

    def _record(self, rows: list[RunUsageRow]) -> None:
        self.ledger.record_usage(usages=rows)
        self.watch.recorded()


@pytest.fixture
def instance(make_instance: Callable[..., dg.DagsterInstance]) -> dg.DagsterInstance:
    """Stock Dagster on SQLite."""
    return make_instance()


@pytest.fixture
def ledger() -> Memory:
    """An empty ledger."""
    return Memory()


def end(instance: dg.DagsterInstance, at: float, changed_at: float | None = None) -> str:
    """A run that ended at ``at`` and was changed last, by a tag perhaps, at ``changed_at``."""
    run = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    instance.report_run_failed(run)
    _date(instance, run.run_id, at, at if changed_at is None else changed_at)
    return run.run_id


def _date(instance: dg.DagsterInstance, run_id: str, ended_at: float, changed_at: float) -> None:
    folder = sqlite_directory(instance)
    assert folder is not None
    text = datetime.fromtimestamp(changed_at, tz=UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    with closing(sqlite3.connect(folder / "runs.db")) as database, database:
        database.execute(
            "UPDATE runs SET end_time = ?, update_timestamp = ? WHERE run_id = ?", (ended_at, text, run_id)
        )


@dg.job
def job() -> None:
    """Any."""


def test_what_ended_while_the_daemon_was_away(instance: dg.DagsterInstance, ledger: Memory) -> None:
    """The next daemon reads it back, be it a week later, and once."""
    now = time.time()
    assert Daemon(instance, ledger).cycle(now - 200 * HOUR) == []
    first, second = end(instance, now - 150 * HOUR), end(instance, now - 100 * HOUR)
    again = Daemon(instance, ledger)
    assert again.cycle(now) == [first, second]
    assert again.cycle(now + 5) == []
    assert Daemon(instance, ledger).cycle(now + 10) == []


def test_the_place_is_kept_in_the_ledger(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    """In the real one, that the next daemon opens."""
    now, url = time.time(), sqlite_ledger_url(tmp_path / "ledger")
    first = Ledger.open(url)
    Daemon(instance, first).cycle(now - 3 * HOUR)
    first.dispose()
    ended = end(instance, now - 2 * HOUR)
    second = Ledger.open(url)
    assert Daemon(instance, second).cycle(now) == [ended]
    assert Daemon(instance, second).cycle(now) == []
    second.dispose()


def test_what_ended_between_two_cycles_that_were_far_apart(
    instance: dg.DagsterInstance, ledger: Memory
) -> None:
    """A cycle that failed, or a machine that slept, makes no run unseen."""
    now, daemon = time.time(), Daemon(instance, ledger)
    daemon.cycle(now - HOUR)
    ended = end(instance, now - HOUR / 2)
    assert daemon.cycle(now) == [ended]


def test_a_daemon_that_restarts_at_once_learns_nothing_twice(
    instance: dg.DagsterInstance, ledger: Memory
) -> None:
    """The ledger says who was learned from."""
    now, daemon = time.time(), Daemon(instance, ledger)
    daemon.cycle(now - 10)
    ended = end(instance, now - 5)
    assert daemon.cycle(now) == [ended]
    assert Daemon(instance, ledger).cycle(now + 1) == []


def test_a_daemon_that_died_before_it_could_record(instance: dg.DagsterInstance, ledger: Memory) -> None:
    """What is not in the ledger is read again."""
    now, daemon = time.time(), Daemon(instance, ledger)
    daemon.cycle(now - 3 * HOUR)
    ended = end(instance, now - 2 * HOUR)
    assert daemon.cycle(now - HOUR, record=False) == [ended]
    assert Daemon(instance, ledger).cycle(now) == [ended]


def test_a_daemon_that_died_between_usage_and_place(instance: dg.DagsterInstance, ledger: Memory) -> None:
    """The usage is there and the place is old: nothing is learned twice."""
    now, daemon = time.time(), Daemon(instance, ledger)
    daemon.cycle(now - 3 * HOUR)
    ended = end(instance, now - 2 * HOUR)
    daemon.watch.recorded = lambda: None  # type: ignore[method-assign]
    assert daemon.cycle(now - HOUR) == [ended]
    assert Daemon(instance, ledger).cycle(now) == []


def test_a_tag_after_the_end_is_no_second_end(instance: dg.DagsterInstance, ledger: Memory) -> None:
    """It changes the record of the run, for the daemon that has seen the end and for the next."""
    now, daemon = time.time(), Daemon(instance, ledger)
    daemon.cycle(now - 3 * HOUR)
    old = end(instance, now - 2 * HOUR)
    assert daemon.cycle(now - HOUR) == [old]
    other = end(instance, now - HOUR / 2)
    assert daemon.cycle(now - HOUR / 3) == [other]
    instance.add_run_tags(old, {"note": "looked at"})
    assert daemon.cycle(now) == []
    assert Daemon(instance, ledger).cycle(now + 1) == []


def test_a_deployment_that_is_seen_for_the_first_time(instance: dg.DagsterInstance, ledger: Memory) -> None:
    """What ended before is not read back, however little it is."""
    now = time.time()
    end(instance, now - 2 * HOUR)
    daemon = Daemon(instance, ledger)
    assert daemon.cycle(now) == []
    ended = end(instance, now + 1)
    assert daemon.cycle(now + 5) == [ended]


def test_a_long_absence_is_read_back_in_parts(
    instance: dg.DagsterInstance, ledger: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some in each cycle, in the order of their ends; also over a restart half way, and of one instant."""
    monkeypatch.setattr(ended_runs, "PAGE", 3)
    now = time.time()
    Daemon(instance, ledger).cycle(now - 20 * HOUR)
    runs = [end(instance, now - (12 - n) * HOUR) for n in range(4)]
    # ended in the absence, and tagged later than all others ended
    late = end(instance, now - 11.5 * HOUR, changed_at=now - HOUR)
    at_once = {end(instance, now - 7 * HOUR) for _ in range(7)}
    daemon = Daemon(instance, ledger)
    assert daemon.cycle(now) == runs[:3]
    learned = [run for _ in range(6) for run in Daemon(instance, ledger).cycle(now)]
    assert set(learned) == {runs[3], late, *at_once}
    assert len(learned) == 9, "each once"


def test_many_that_ended_just_now_do_not_hide_the_next(
    instance: dg.DagsterInstance, ledger: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than a page of what is read again is not all that is read."""
    monkeypatch.setattr(ended_runs, "PAGE", 3)
    now, daemon = time.time(), Daemon(instance, ledger)
    daemon.cycle(now - 60)
    runs = {end(instance, now - 30 + n / 10) for n in range(10)}
    learned = [run for _ in range(4) for run in daemon.cycle(now)]
    assert (set(learned), len(learned)) == (runs, 10)
    last = end(instance, now - 1)
    assert daemon.cycle(now) == [last]


def test_an_end_from_a_clock_that_is_ahead(instance: dg.DagsterInstance, ledger: Memory) -> None:
    """A worker whose clock is a day ahead does not make us blind for a day."""
    now, daemon = time.time(), Daemon(instance, ledger)
    daemon.cycle(now - HOUR)
    ahead = end(instance, now + 24 * HOUR)
    assert daemon.cycle(now) == [ahead]
    ended = end(instance, now + 1)
    assert daemon.cycle(now + 5) == [ended]


def test_the_ledger_is_away_when_the_daemon_starts(instance: dg.DagsterInstance, ledger: Memory) -> None:
    """What ends meanwhile is learned from; what ended before, as soon as the ledger can be read."""
    now = time.time()
    Daemon(instance, ledger).cycle(now - 5 * HOUR)
    before = end(instance, now - 4 * HOUR)
    daemon = Daemon(instance, ledger)
    assert [row.run_id for _, row in daemon.watch.ended(now - 3 * HOUR)] == []
    meanwhile = end(instance, now - 2 * HOUR)
    assert [row.run_id for _, row in daemon.watch.ended(now - HOUR)] == [meanwhile]
    daemon.watch.recorded()
    assert daemon.cycle(now) == [before]


def test_a_place_that_cannot_be_kept(instance: dg.DagsterInstance, ledger: Memory) -> None:
    """Is kept by the next cycle."""
    now, daemon = time.time(), Daemon(instance, ledger)
    ledger.fails = True
    with pytest.raises(LedgerError):
        daemon.cycle(now - 3 * HOUR)
    ledger.fails = False
    daemon.cycle(now - 3 * HOUR)
    ended = end(instance, now - 2 * HOUR)
    assert Daemon(instance, ledger).cycle(now) == [ended]


def test_one_run_that_cannot_be_read(instance: dg.DagsterInstance, ledger: Memory) -> None:
    """The others are learned from, the problem names it, and it is tried again, but not for ever."""
    now, daemon = time.time(), Daemon(instance, ledger)
    daemon.cycle(now - 60)
    bad, good = end(instance, now - 20), end(instance, now - 10)
    daemon.broken = {bad}
    assert daemon.cycle(now) == [good]
    (problem,) = daemon.watch.problems
    assert problem.run_id == bad
    assert problem.message == f"Run {bad} cannot be read in full: ValueError: these tags make no sense"
    daemon.broken = set()
    assert daemon.cycle(now) == [bad]
    assert not daemon.watch.problems
    worse = end(instance, now - 5)
    daemon.broken = {worse}
    for _ in range(ATTEMPTS):
        assert daemon.cycle(now) == []
        assert [problem.run_id for problem in daemon.watch.problems] == [worse]
    assert daemon.cycle(now) == []
    assert not daemon.watch.problems


def test_a_run_that_is_deleted_while_it_is_tried_again_is_forgotten(
    instance: dg.DagsterInstance, ledger: Memory
) -> None:
    """Or a daemon that runs for months keeps what it counted of every such run."""
    now, daemon = time.time(), Daemon(instance, ledger)
    daemon.cycle(now - 60)
    deleted, bad = end(instance, now - 20), end(instance, now - 10)
    daemon.broken = {deleted, bad}
    assert daemon.cycle(now) == []
    instance.delete_run(deleted)
    assert daemon.cycle(now) == []
    assert daemon.watch._failed == {bad: 2}


def test_pages_on_postgres(instance_postgres: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its times are of the same precision, and paged through in the same way."""
    monkeypatch.setattr(ended_runs, "PAGE", 2)
    ledger = Memory()
    Daemon(instance_postgres, ledger).cycle(time.time())
    runs = [instance_postgres.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED) for _ in range(5)]
    for run in runs:
        instance_postgres.report_run_failed(run)
    learned = [run for _ in range(4) for run in Daemon(instance_postgres, ledger).cycle(time.time())]
    assert learned == [run.run_id for run in runs]
