"""What has failed is left alone for a while, and then looked at again."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from adaptive_assets.ledger import LedgerError, sqlite_ledger_url
from adaptive_assets.ledger.back_off import BackOff
from tests.ledger.conftest import OpenLedger


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


def test_the_time_between_attempts_grows_to_a_quarter_of_a_minute() -> None:
    """Until then what the last attempt has raised is raised again."""
    clock = Clock()
    back_off = BackOff(clock)
    for number, delay in enumerate((1, 2, 4, 8, 15, 15)):
        back_off.check()
        back_off.failed(f"error {number}")
        clock.now += delay - 0.5
        with pytest.raises(LedgerError, match=f"^error {number}$"):
            back_off.check()
        clock.now += 0.5
    back_off.check()
    assert back_off.failing


def test_after_a_success_nothing_waits() -> None:
    """And the next failure is waited for as the first one was."""
    clock = Clock()
    back_off = BackOff(clock)
    for _ in range(2):
        for _ in range(3):
            back_off.failed("error")
        back_off.worked()
        back_off.check()
        back_off.failed("error")
        clock.now += 1
        back_off.check()
        back_off.worked()


def test_a_failed_write_does_not_stop_reading(tmp_path: Path, open_ledger: OpenLedger) -> None:
    """Another process has the lock: that concerns only writers."""
    ledger = open_ledger(sqlite_ledger_url(tmp_path) + "?timeout=0.05", back_off=True)
    ledger.keep("key", "value")
    assert ledger.file is not None
    with closing(sqlite3.connect(ledger.file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerError, match="database is locked"):
            ledger.keep("key", "other")
        assert ledger.kept("key") == "value"
    with pytest.raises(LedgerError, match="database is locked"):
        ledger.keep("key", "not yet")


def test_what_is_asked_wrongly_is_no_reason_to_leave_the_ledger_alone(
    tmp_path: Path, open_ledger: OpenLedger
) -> None:
    """A cycle that is not there says nothing about the database."""
    ledger = open_ledger(sqlite_ledger_url(tmp_path), back_off=True)
    with pytest.raises(LedgerError, match="there is no cycle 7"):
        ledger.snapshot(7)
    assert ledger.kept("key") is None


def test_after_a_failed_read_everything_waits(tmp_path: Path, open_ledger: OpenLedger) -> None:
    """A file that is no database can be neither read nor written."""
    ledger = open_ledger(sqlite_ledger_url(tmp_path), back_off=True)
    assert ledger.file is not None
    ledger.file.write_bytes(b"no database " * 1000)
    with pytest.raises(LedgerError, match=r"cannot read a state in .*file is not a database"):
        ledger.kept("key")
    ledger.file.unlink()
    for attempt in (lambda: ledger.keep("key", "value"), ledger.works):
        with pytest.raises(LedgerError, match=r"cannot read a state in .*file is not a database"):
            attempt()
