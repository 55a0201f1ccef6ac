"""The kill campaign sees what it is to see: runs done twice or not recorded, moments, recoveries, bounds."""

import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path

import pytest

from benchmarks.kills_audit import Tagged, Tally, audit, recoveries
from benchmarks.kills_findings import NO_FAULT, TWO_DAEMONS, Found, finding
from benchmarks.kills_ledgers import FAULTS, Launched, SqliteLedger
from benchmarks.kills_moments import CALLS, Moment, arm, moments
from benchmarks.kills_proxy import Door

WELL = Tally(1, (), (), (), ())


def found(part: str = NO_FAULT, *, tally: Tally = WELL, lost: tuple[str, ...] = (), named: str = "") -> Found:
    """One part in which three daemons were killed."""
    return Found("sqlite", part, 1, 3, 1, (), (), lost, (), tally, (1.0, 2.0), named)


def audited(*ledgers: list[Launched], tag: Tagged, launches: int = 1, executions: int = 1) -> Tally:
    """The audit of one run, of a ledger that was always there."""
    return audit(["run"] * launches, {"run": executions}, ledgers, {"run": tag}, tags_must_name=True)


def test_a_run_that_was_done_once_and_recorded_once_is_right() -> None:
    """Nothing is wrong with it."""
    assert audited([Launched(7, "run", "full")], tag=Tagged(7, "full")) == WELL


def test_a_second_launch_or_execution_is_seen() -> None:
    """Either is one too many."""
    row = [Launched(7, "run", "full")]
    assert audited(row, tag=Tagged(7, "full"), launches=2).twice == ("run",)
    assert audited(row, tag=Tagged(7, "full"), executions=2).twice == ("run",)


def test_a_launch_needs_one_decision_in_one_ledger() -> None:
    """None is missing, two in one ledger are one too many; what a new ledger holds again is not."""
    row, again = Launched(7, "run", "full"), Launched(8, "run", "full")
    tag = Tagged(7, "full")
    assert audited([], tag=tag).undecided == ("run",)
    assert audited([row, again], tag=tag).decided_twice == ("run",)
    assert audited([row], [again], tag=tag) == WELL


@pytest.mark.parametrize("tag", [Tagged(8, "full"), Tagged(7, "reduced"), Tagged(None, "full")])
def test_tags_that_say_something_else_are_seen(tag: Tagged) -> None:
    """Another decision, another mode, or none."""
    assert audited([Launched(7, "run", "full")], tag=tag).disagreeing == ("run",)


def test_recovery_is_from_the_last_kill_before_a_launch() -> None:
    """A kill that another one follows before any launch counts for nothing."""
    assert recoveries([10.0, 20.0, 21.0], [5.0, 12.0, 13.0, 24.0]) == [2.0, 3.0]
    assert recoveries([], [1.0]) == []


def test_moments_are_the_same_for_a_seed_and_leave_no_call_out() -> None:
    """Forty moments have every call, before and after it, and some random times."""
    drawn = list(islice(moments("seed"), 40))
    assert drawn == list(islice(moments("seed"), 40))
    places = {moment.where for moment in drawn}
    assert places >= {f"{side} {call}" for side in ("before", "after") for call in CALLS}
    assert any(moment.is_random for moment in drawn)


def test_a_call_that_is_no_more_is_told() -> None:
    """A campaign that kills nowhere would find nothing."""
    with pytest.raises(AttributeError, match="gone"):
        arm(Moment("before dagster:DagsterInstance.gone"))


def test_every_fault_of_a_sqlite_file_begins_and_ends(tmp_path: Path) -> None:
    """Afterwards what was recorded before is still known."""
    for fault in FAULTS["sqlite"]:
        home = tmp_path / fault
        home.mkdir()
        ledger = SqliteLedger(home)
        with closing(sqlite3.connect(home / "ledger" / "adaptive_ledger.db")) as file:
            file.execute("PRAGMA journal_mode = WAL")
            file.execute("CREATE TABLE decisions (id, run_id, mode, verdict)")
            file.execute("INSERT INTO decisions VALUES (7, 'run', 'full', 'launch')")
            file.commit()
            with ledger.at_fault(fault):
                pass
            assert any(Launched(7, "run", "full") in each for each in ledger.launches()), fault


@contextmanager
def echo() -> Iterator[int]:
    """A server that sends back what it gets; its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    while data := connection.recv(100):
                        connection.sendall(data)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
    thread.join(10)


def test_a_door_lets_through_freezes_and_shuts() -> None:
    """A frozen one gives nothing until it thaws; a shut one refuses until it opens."""
    with echo() as behind, Door(behind) as door:
        with socket.create_connection(("127.0.0.1", door.port), timeout=10) as client:
            client.sendall(b"one")
            assert client.recv(100) == b"one"
            door.freeze()
            client.sendall(b"two")
            client.settimeout(0.2)
            with pytest.raises(TimeoutError):
                client.recv(100)
            door.thaw()
            client.settimeout(10)
            assert client.recv(100) == b"two"
            door.shut()
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", door.port), timeout=10)
        door.open()
        with socket.create_connection(("127.0.0.1", door.port), timeout=10) as client:
            client.sendall(b"three")
            assert client.recv(100) == b"three"


def test_all_well_is_met_and_one_wrong_is_not() -> None:
    """One run that was lost, and a second daemon that nobody names, each fail the benchmark."""
    assert finding([found(), found(TWO_DAEMONS, named="two daemons")]).met
    assert not finding([found(lost=("run",))]).met
    assert not finding([found(TWO_DAEMONS)]).met
    assert not finding([found(tally=Tally(1, ("run",), (), (), ()))]).met
