"""A ledger that cannot be used says so: which one, what was being done, why, and what would help."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from adaptive_assets.ledger import Ledger, LedgerError, database
from tests.ledger.conftest import OpenLedger
from tests.ledger.examples import launch, queued, snapshot_of
from tests.ledger.test_ledger_snapshots import BALLAST


def record(ledger: Ledger, run_id: str) -> None:
    """One cycle that lets one run go."""
    run = queued(run_id)
    snapshot = replace(snapshot_of(run), active=BALLAST)
    ledger.record_cycle(at=1.0, node="a", revision="rev", snapshot=snapshot, decisions=[launch(run)])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where a SQLite ledger may be."""
    return tmp_path / "ledger.db"


def test_a_server_that_does_not_answer_is_named(open_ledger: OpenLedger) -> None:
    """The port is one where nobody listens."""
    ledger = open_ledger("postgresql://me@127.0.0.1:1/dagster")
    expected = (
        r"^cannot record a cycle in postgresql\+psycopg2://me@127.0.0.1:1/dagster: .*Connection refused"
    )
    with pytest.raises(LedgerError, match=expected):
        record(ledger, "r1")


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path, open_ledger: OpenLedger) -> None:
    """A file is in its place."""
    (tmp_path / "storage").write_text("")
    ledger = open_ledger(f"sqlite:///{tmp_path}/storage/ledger.db")
    with pytest.raises(
        LedgerError, match=r"cannot read the status in sqlite:///.*storage/ledger.db: .*exists"
    ):
        ledger.latest_status()


def test_a_directory_is_no_file(tmp_path: Path, open_ledger: OpenLedger) -> None:
    """SQLite only says that it is unable."""
    with pytest.raises(LedgerError, match=r"unable to open database file \(its directory must exist and be"):
        open_ledger(f"sqlite:///{tmp_path}").latest_status()


def test_a_file_that_is_no_database_is_left_alone(file: Path, open_ledger: OpenLedger) -> None:
    """It may be somebody's; once it is moved away, the same ledger goes on with a new one."""
    file.write_text("id,name\n" * 1000)
    ledger = open_ledger(f"sqlite:///{file}")
    with pytest.raises(LedgerError, match=r"file is not a database \(move the file away and a new ledger"):
        record(ledger, "r1")
    assert file.read_text() == "id,name\n" * 1000
    file.rename(file.with_suffix(".csv"))
    record(ledger, "r1")
    assert [row.run_id for row in ledger.recent_decisions()] == ["r1"]


def test_a_damaged_file_is_told(file: Path, open_ledger: OpenLedger) -> None:
    """Its pages after the first are overwritten."""
    ledger = open_ledger(f"sqlite:///{file}")
    record(ledger, "r1")
    ledger.dispose()
    content = file.read_bytes()
    file.write_bytes(content[:4096] + b"\xa5" * (len(content) - 4096))
    with pytest.raises(LedgerError, match=r"malformed \(the file is damaged: move it away"):
        open_ledger(f"sqlite:///{file}").recent_decisions()


def test_a_ledger_that_may_only_be_read_is_read(url: str, open_ledger: OpenLedger) -> None:
    """Writing to it is an error that says why."""
    ledger = open_ledger(url)
    record(ledger, "r1")
    if url.startswith("sqlite"):
        only_read = open_ledger(url.replace("sqlite:///", "sqlite:///file:") + "?mode=ro&uri=true")
    else:
        only_read = open_ledger(url + "?options=-cdefault_transaction_read_only%3Don")
    assert [row.run_id for row in only_read.recent_decisions()] == ["r1"]
    with pytest.raises(LedgerError, match=r"cannot record a cycle in .*(readonly|read-only).* \(.*\)$"):
        record(only_read, "r2")
    record(ledger, "r3")
    assert [row.run_id for row in only_read.recent_decisions()] == ["r3", "r1"]


def test_a_copy_on_a_medium_that_cannot_change_is_read(file: Path, open_ledger: OpenLedger) -> None:
    """Such as a backup: whatever journal it was made with."""
    ledger = open_ledger(f"sqlite:///{file}")
    record(ledger, "r1")
    ledger.dispose()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(f"VACUUM INTO '{file}.copy'")
    copy = open_ledger(f"sqlite:///file:{file}.copy?immutable=1&uri=true")
    assert [row.run_id for row in copy.recent_decisions()] == ["r1"]


def test_a_new_ledger_cannot_be_made_where_only_reading_is_allowed(
    postgres_url: str, open_ledger: OpenLedger
) -> None:
    """The first use has to create the tables."""
    ledger = open_ledger(postgres_url + "?options=-cdefault_transaction_read_only%3Don")
    with pytest.raises(LedgerError, match=r"cannot read the status in .*read-only transaction \(the server"):
        ledger.latest_status()


def test_a_lock_that_another_process_keeps_is_told(file: Path, open_ledger: OpenLedger) -> None:
    """Readers are not held up; the writer gives up in the end, and goes on when the lock is gone."""
    ledger = open_ledger(f"sqlite:///{file}?timeout=0.1")
    record(ledger, "r1")
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerError, match=r"database is locked \(another process has held it for longer"):
            record(ledger, "r2")
        assert [row.run_id for row in ledger.recent_decisions()] == ["r1"]
    record(ledger, "r3")
    assert [row.run_id for row in ledger.recent_decisions()] == ["r3", "r1"]


def test_a_table_that_another_process_locks_is_told(
    postgres_url: str, open_ledger: OpenLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The daemon must not wait for ever behind somebody's forgotten transaction."""
    monkeypatch.setattr(database, "WAIT_S", 1)
    ledger = open_ledger(postgres_url)
    record(ledger, "r1")
    engine = create_engine(postgres_url)
    with engine.connect() as other:
        other.execute(text("LOCK TABLE adaptive_assets.cycles IN ACCESS EXCLUSIVE MODE"))
        with pytest.raises(LedgerError, match=r"cannot record a cycle in .*lock timeout"):
            record(ledger, "r2")
    engine.dispose()
    record(ledger, "r3")
    assert [row.run_id for row in ledger.recent_decisions()] == ["r3", "r1"]


def test_after_a_failure_the_record_goes_on_whole(url: str, open_ledger: OpenLedger) -> None:
    """The next snapshot is a checkpoint: nobody knows what became of the one that failed."""
    ledger = open_ledger(url)
    record(ledger, "r1")
    record(ledger, "r2")
    with pytest.raises(LedgerError):
        ledger.record_cycle(
            at=1.0,
            node="a",
            revision="rev",
            snapshot=snapshot_of(queued("r3")),
            decisions=[replace(launch(queued("r3")), parameters={"no": {"json"}})],
        )
    record(ledger, "r4")
    assert [row.run_id for row in ledger.recent_decisions()] == ["r4", "r2", "r1"]
    assert [ledger.snapshot(row.cycle_id).queued for row in ledger.recent_decisions()] == [
        (queued("r4"),),
        (queued("r2"),),
        (queued("r1"),),
    ]


def test_a_connection_that_the_server_dropped_is_replaced(postgres_url: str, open_ledger: OpenLedger) -> None:
    """A server that was restarted between two cycles costs neither of them."""
    ledger = open_ledger(postgres_url)
    record(ledger, "r1")
    admin = create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    ours = "application_name = 'adaptive_assets ledger' AND datname = current_database()"
    with admin.connect() as connection:
        ended = connection.execute(
            text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {ours}")
        )
        assert ended.scalars().all() == [True]
    admin.dispose()
    record(ledger, "r2")
    assert [row.run_id for row in ledger.recent_decisions()] == ["r2", "r1"]
