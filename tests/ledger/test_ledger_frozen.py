"""A server that is stopped or frozen: every call ends in time, and nothing is missing afterwards."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from adaptive_assets.ledger import Ledger, LedgerError, LedgerWriter, Outbox, database
from tests.ledger.conftest import OpenLedger
from tests.ledger.test_ledger_away import assert_whole, launched, write
from tools.postgres import PostgresServer, postgres_server


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A server of our own, that may be frozen."""
    with postgres_server() as server:
        yield server


@pytest.fixture
def ledger(server: PostgresServer, open_ledger: OpenLedger, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """A ledger on that server, with short deadlines."""
    monkeypatch.setattr(database, "ANSWER_S", 1.0)
    monkeypatch.setattr(database, "PROBE_ANSWER_S", 0.5)
    ledger = open_ledger(server.create_database())
    ledger.keep("made", "yes")
    return ledger


@contextmanager
def frozen(server: PostgresServer) -> Iterator[None]:
    """Every process of the server is stopped: the kernel still takes connections and acknowledges data."""
    port = int(server.url.rsplit(":", 1)[1].split("/")[0])
    (main,) = [
        process
        for process in psutil.process_iter(["name", "cmdline"])
        if process.info["cmdline"]
        and process.info["cmdline"][-2:] == ["-p", str(port)]
        and process.info["name"] == "postgres"
    ]
    processes = [main, *main.children(recursive=True)]
    for process in processes:
        os.kill(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            os.kill(process.pid, signal.SIGCONT)


def calls_under_way() -> int:
    """How many threads wait for an answer."""
    return sum(thread.name == "adaptive-ledger-call" for thread in threading.enumerate())


def test_a_frozen_server_holds_nobody_up(server: PostgresServer, ledger: Ledger, tmp_path: Path) -> None:
    """On a connection that is open and on new ones; no threads are left, and all is written afterwards."""
    to = LedgerWriter(ledger, Outbox(tmp_path / "outbox"))
    write(to, 1)
    with frozen(server):
        for number in (2, 3, 4):
            to.begin()
            write(to, number)
            assert "no answer within 1 s (the server hangs" in (to.trouble or "")
            assert calls_under_way() <= 1
        with pytest.raises(LedgerError, match=r"answer|timeout expired"):
            ledger.latest_status()
        assert to.waiting == 3
    deadline = time.monotonic() + 30
    while to.waiting and time.monotonic() < deadline:
        to.begin()
        time.sleep(0.1)
    assert to.trouble is None
    assert launched(ledger) == ["r1", "r2", "r3", "r4"]
    assert calls_under_way() == 0
    assert_whole(ledger)


def test_a_call_that_is_cut_short_is_told_as_such(server: PostgresServer, ledger: Ledger) -> None:
    """The message says what hangs, and what may be the reason."""
    with (
        frozen(server),
        pytest.raises(
            LedgerError,
            match=r"cannot keep a state in postgresql\S+: no answer within 1 s \(the server hangs",
        ),
    ):
        ledger.keep("key", "value")
    # whether it was written is not known; that the next call connects anew is
    deadline = time.monotonic() + 30
    while calls_under_way() and time.monotonic() < deadline:
        time.sleep(0.05)
    ledger.keep("key", "other")
    assert ledger.kept("key") == "other"


def test_a_long_call_of_one_thread_is_not_cut_by_the_deadline_of_another(ledger: Ledger) -> None:
    """Each call has its own connection, and only that one is shut down."""
    from sqlalchemy import text

    answers: list[int | None] = []

    def long() -> None:
        slept = ledger._database.read(
            "sleep", lambda c: c.execute(text("SELECT 1 FROM pg_sleep(2)")).scalar(), slow=True
        )
        answers.append(slept)

    thread = threading.Thread(target=long)
    thread.start()
    with pytest.raises(LedgerError, match="no answer within 1 s"):
        ledger._database.read("sleep", lambda c: c.execute(text("SELECT 1 FROM pg_sleep(20)")).scalar())
    thread.join(30)
    assert answers == [1]


def test_a_server_that_is_stopped_for_a_while_misses_nothing(tmp_path: Path, open_ledger: OpenLedger) -> None:
    """What was decided while nobody listened is there when somebody does."""
    outbox = Outbox(tmp_path / "outbox")
    with postgres_server() as server:
        ledger = open_ledger(server.create_database())
        to = LedgerWriter(ledger, outbox)
        write(to, 1)
        ledger.dispose()
    write(to, 2)
    assert "Connection refused" in (to.trouble or "")
    to.begin()
    write(to, 3)
    assert (to.waiting, len(list((tmp_path / "outbox").iterdir()))) == (2, 1)
