"""A ledger that is away for a while: what is to be written is kept, and is there once when it is back."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import event

from adaptive_assets.ledger import (
    Ledger,
    LedgerError,
    LedgerWriter,
    Outbox,
    Stamp,
    entries,
    sqlite_ledger_url,
    writer,
)
from adaptive_assets.ledger.outbox import waiting_in
from tests.ledger.conftest import OpenLedger
from tests.ledger.examples import FORECAST, READING, deferral, launch, queued, snapshot_of, usage
from tests.ledger.processes import heard, process, tell

IMPORTS = (
    "from pathlib import Path\nfrom adaptive_assets.ledger import LedgerWriter, Outbox\n"
    "from tests.ledger.test_ledger_away import write\n"
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the ledger is."""
    return tmp_path / "storage" / "adaptive_ledger.db"


@pytest.fixture
def ledger(file: Path, open_ledger: OpenLedger) -> Ledger:
    """A ledger in a SQLite file, as the daemon opens it but without waiting between two attempts."""
    ledger = open_ledger(sqlite_ledger_url(file.parent))
    ledger.latest_status()
    return ledger


def write(to: LedgerWriter, number: int) -> dict[str, int]:
    """A cycle that lets run ``r{number}`` go while others wait."""
    run, other = queued(f"r{number}"), queued("waits")
    snapshot = snapshot_of(run, other, at=float(number))
    return to.cycle(Stamp(float(number), "a", "rev"), snapshot, [launch(run), deferral(FORECAST, other)])


def said(to: LedgerWriter) -> str:
    """What is wrong, if anything is."""
    return to.trouble or ""


def launched(ledger: Ledger) -> list[str | None]:
    """The runs that the ledger says were let go, in the order of recording."""
    rows = ledger.recent_decisions(limit=10_000)
    return [row.run_id for row in reversed(rows) if row.verdict == "launch"]


def assert_whole(ledger: Ledger) -> None:
    """Every cycle that a decision is in has the snapshot that led to it."""
    for row in ledger.recent_decisions(limit=10_000):
        if row.run_id:
            assert ledger.snapshot(row.cycle_id).queued[0].run_id == row.run_id


def test_what_a_locked_ledger_does_not_take_is_written_in_order_when_it_does(
    ledger: Ledger, file: Path, tmp_path: Path
) -> None:
    """Another process holds the lock: its cycles are kept on disk, and nothing works again before it does."""
    to = LedgerWriter(ledger, Outbox(tmp_path / "outbox"))
    assert write(to, 1)["r1"]
    script = (
        "import sqlite3\n"
        f"lock = sqlite3.connect({str(file)!r}, isolation_level=None); lock.execute('BEGIN IMMEDIATE')\n"
        "say('locked'); sys.stdin.readline(); lock.execute('ROLLBACK'); say('free'); sys.stdin.readline()"
    )
    with process(sqlite_ledger_url(file.parent), script) as other:
        assert heard(other) == "locked"
        for number in (2, 3, 4):
            to.begin()
            assert write(to, number) == {}
            assert "database is locked" in (to.trouble or "")
        to.begin()
        assert "database is locked" in (to.trouble or "")
        assert (to.waiting, waiting_in(tmp_path / "outbox"), launched(ledger)) == (3, 3, ["r1"])
        tell(other)
        assert heard(other) == "free"
    to.begin()
    assert (to.trouble, to.waiting, list((tmp_path / "outbox").iterdir())) == (None, 0, [])
    assert write(to, 5)["r5"]
    assert launched(ledger) == ["r1", "r2", "r3", "r4", "r5"]
    assert_whole(ledger)


def test_a_ledger_that_fails_is_left_alone_for_a_while(file: Path, open_ledger: OpenLedger) -> None:
    """Between two attempts a failing ledger is not touched: a cycle costs nothing then."""
    ledger = open_ledger(sqlite_ledger_url(file.parent), back_off=True)
    to = LedgerWriter(ledger, Outbox(None))
    write(to, 1)
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        write(to, 2)
    # the lock is gone, and the look that would find it is not due
    to.begin()
    assert write(to, 3) == {}
    assert (to.waiting, "database is locked" in (to.trouble or "")) == (2, True)


@pytest.mark.parametrize("deed", ["deleted", "replaced", "moved with its journal"])
def test_another_file_in_its_place_is_noticed_and_begun_anew(
    deed: str, ledger: Ledger, file: Path, tmp_path: Path
) -> None:
    """It is told once; from then on the new file has everything, and who opens it can read it."""
    to = LedgerWriter(ledger, Outbox(tmp_path / "outbox"))
    write(to, 1)
    write(to, 2)
    if deed == "deleted":
        file.unlink()
    elif deed == "replaced":
        with closing(sqlite3.connect(file)) as whole:
            whole.execute(f"VACUUM INTO '{file}.new'")
        with closing(sqlite3.connect(f"{file}.new")) as empty:
            empty.execute("DELETE FROM cycles")
            empty.commit()
        Path(f"{file}.new").replace(file)
    else:
        shutil.move(file.parent, tmp_path / "elsewhere")
    assert write(to, 3)["r3"]
    (notice,) = to.notices()
    assert ("replaced" if deed == "replaced" else "deleted") in notice
    assert str(file) in notice
    assert to.notices() == ()
    write(to, 4)
    with closing(sqlite3.connect(file)) as reader:
        found = reader.execute("SELECT run_id FROM decisions WHERE run_id > 'r2' ORDER BY id").fetchall()
    assert found == [("r3",), ("r4",)]
    rows = [row for row in ledger.recent_decisions() if row.run_id in {"r3", "r4"}]
    assert [ledger.snapshot(row.cycle_id).queued[0].run_id for row in rows] == ["r4", "r3"]


def test_garbage_in_its_place_is_told_with_what_to_do(ledger: Ledger, file: Path, tmp_path: Path) -> None:
    """What is decided meanwhile goes into the ledger that is made when the garbage is gone."""
    to = LedgerWriter(ledger, Outbox(tmp_path / "outbox"))
    write(to, 1)
    for each in file.parent.iterdir():
        each.unlink()
    file.write_bytes(b"no database " * 1000)
    for number in (2, 3):
        to.begin()
        write(to, number)
    assert "file is not a database (move the file away" in (to.trouble or "")
    assert file.read_bytes() == b"no database " * 1000
    file.unlink()
    to.begin()
    assert to.trouble is None
    assert launched(ledger) == ["r2", "r3"]
    assert_whole(ledger)


def test_garbage_over_an_open_file_is_noticed(ledger: Ledger, file: Path, tmp_path: Path) -> None:
    """A process that has it open could go on with what it holds in memory, and nobody could read it."""
    to = LedgerWriter(ledger, Outbox(tmp_path / "outbox"))
    write(to, 1)
    for part in (file, Path(f"{file}-wal")):
        with part.open("r+b") as opened:
            opened.truncate()
            opened.write(b"no database " * 1000)
    for number in (2, 3):
        to.begin()
        write(to, number)
    assert "file is not a database (move the file away" in (to.trouble or "")
    for part in list(file.parent.glob(f"{file.name}*")):
        part.unlink()
    to.begin()
    assert launched(ledger) == ["r2", "r3"]
    assert_whole(ledger)


def test_a_process_that_is_killed_leaves_what_waits_to_the_next(
    ledger: Ledger, file: Path, tmp_path: Path
) -> None:
    """Several times over, at any moment: every cycle that a process was told is kept is there once."""
    outbox = tmp_path / "outbox"
    told: list[str] = []
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for life in range(4):
            script = (
                f"{IMPORTS}from adaptive_assets.ledger import database\n"
                f"database.WAIT_S = 0.05; to = LedgerWriter(ledger, Outbox(Path({str(outbox)!r})))\n"
                f"for number in range({1000 * life}, {1000 * life + 1000}): write(to, number); say(number)"
            )
            with process(sqlite_ledger_url(file.parent), script) as child:
                told += [f"r{heard(child)}" for _ in range(5 + life)]
                child.kill()
                child.wait(timeout=60)
    to = LedgerWriter(ledger, Outbox(outbox))
    to.take_over()
    while any(outbox.iterdir()):  # a second of writing at a time, which is not enough on a busy machine
        to.begin()
    found = launched(ledger)
    assert set(told) <= set(found)
    assert len(found) == len(set(found))
    assert [run for run in found if run in told] == told
    assert_whole(ledger)
    assert list(outbox.iterdir()) == []


def test_a_process_that_is_killed_while_it_writes_what_waits_writes_nothing_twice(
    ledger: Ledger, file: Path, tmp_path: Path
) -> None:
    """After each kill the next process takes the files over, until all is written."""
    outbox = tmp_path / "outbox"
    first = LedgerWriter(ledger, Outbox(outbox))
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        first.write(entries.fault(1.0, "a", "ledger", "away"))
        first.write(entries.reading(1.0, "a", READING))
        for number in range(30):
            write(first, number)
    first.close()
    script = (
        f"{IMPORTS}written = ledger.write\n"
        "def slow(entry):\n    written(entry); say(entry.id); sys.stdin.readline()\n"
        f"ledger.write = slow; to = LedgerWriter(ledger, Outbox(Path({str(outbox)!r})))\n"
        "to.take_over(); to.begin()"
    )
    for length in (1, 4, 12):
        with process(sqlite_ledger_url(file.parent), script) as child:
            for _ in range(length):
                assert heard(child)
                tell(child)
            child.kill()
            child.wait(timeout=60)
    last = LedgerWriter(ledger, Outbox(outbox))
    last.take_over()
    while last.waiting:
        last.begin()
    assert launched(ledger) == [f"r{number}" for number in range(30)]
    assert [fault.times for fault in ledger.latest_status(minutes=1e6).faults] == [1]
    with closing(sqlite3.connect(file)) as reader:
        assert reader.execute("SELECT count(*) FROM readings").fetchone() == (1,)
    assert_whole(ledger)


def test_the_answer_to_a_commit_that_is_lost_makes_no_second_row(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cycle was written, and nobody was told so: it is tried again under the same id."""
    to = LedgerWriter(ledger, Outbox(tmp_path / "outbox"))
    written = ledger.write

    def lost(entry: entries.Entry) -> dict[str, int]:
        written(entry)
        raise LedgerError("the connection is gone")

    monkeypatch.setattr(ledger, "write", lost)
    write(to, 1)
    to.write(entries.fault(1.0, "a", "policy", "refused"))
    monkeypatch.setattr(ledger, "write", written)
    to.begin()
    write(to, 2)
    assert launched(ledger) == ["r1", "r2"]
    assert [fault.times for fault in ledger.latest_status(minutes=1e6).faults] == [1]
    assert_whole(ledger)


def test_a_file_that_is_deleted_half_way_gets_all_that_was_kept(
    ledger: Ledger, file: Path, tmp_path: Path
) -> None:
    """What builds upon an entry that went with the old file is written after that entry, once more."""
    times = iter(0.6 * number for number in range(1000))
    to = LedgerWriter(ledger, Outbox(tmp_path / "outbox"), clock=lambda: next(times))
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for number in range(1, 5):
            write(to, number)
    to.begin()  # this clock leaves time for one entry
    to.begin()
    assert launched(ledger) == ["r1", "r2"]
    file.unlink()
    while to.waiting:
        to.begin()
    assert launched(ledger) == ["r1", "r2", "r3", "r4"]
    assert_whole(ledger)
    write(to, 5)
    assert_whole(ledger)


def test_a_file_that_another_process_has_for_itself_is_away(
    ledger: Ledger, file: Path, tmp_path: Path
) -> None:
    """It cannot even be opened: a tool that repairs or copies it does that."""
    to = LedgerWriter(ledger, Outbox(tmp_path / "outbox"))
    write(to, 1)
    ledger.dispose()
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        for number in (2, 3):
            to.begin()
            write(to, number)
            assert "database is locked" in said(to)
    to.begin()
    assert launched(ledger) == ["r1", "r2", "r3"]


def test_where_no_disk_takes_it_what_waits_is_in_memory(ledger: Ledger, file: Path, tmp_path: Path) -> None:
    """It says so."""
    (tmp_path / "outbox").write_text("a file is in the way")
    to = LedgerWriter(ledger, Outbox(tmp_path / "outbox"))
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        write(to, 1)
        assert "is kept in memory, because it cannot be kept on disk" in (to.trouble or "")
    to.begin()
    assert launched(ledger) == ["r1"]


def test_what_has_no_room_is_counted_and_told(ledger: Ledger, file: Path, tmp_path: Path) -> None:
    """The oldest are kept, in the order in which they came, and readings give way to decisions."""
    outbox = Outbox(tmp_path / "outbox", most_bytes=20_000, most_in_memory=0)
    to = LedgerWriter(ledger, outbox)
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for number in range(20):
            write(to, number)
        kept = to.waiting
        to.write(entries.reading(1.0, "a", READING))
        assert 0 < kept < 20
        assert "no more room" in (to.trouble or "")
        assert sum(each.stat().st_size for each in (tmp_path / "outbox").iterdir()) <= 20_000
    to.begin()
    assert launched(ledger) == [f"r{number}" for number in range(kept)]
    (notice,) = to.notices()
    assert notice.startswith(f"{21 - kept} entries are missing in the ledger")
    assert_whole(ledger)


def test_an_entry_that_the_ledger_refuses_holds_up_no_other(ledger: Ledger, tmp_path: Path) -> None:
    """After some attempts it is given up, and told."""
    to = LedgerWriter(ledger, Outbox(tmp_path / "outbox"))
    to.write(entries.Entry("bad", "reading", {"at": None, "node": "a", "reading": "{}"}))
    bad = entries.Entry("bad2", "revision", {"at": 1.0, "revision": None, "content": "{}", "source": "x"})
    to.write(bad)
    write(to, 1)
    for _ in range(3 * writer.TRIES):
        to.begin()
    assert launched(ledger) == ["r1"]
    assert to.trouble is None
    assert "because the ledger refuses it" in to.notices()[0]


def test_a_ledger_that_may_only_be_read_is_in_trouble_until_a_write_succeeds(
    ledger: Ledger, file: Path, tmp_path: Path, open_ledger: OpenLedger
) -> None:
    """Reading it works all the time, which says nothing."""
    only_read = open_ledger(f"sqlite:///file:{file}?mode=ro&uri=true")
    to = LedgerWriter(only_read, Outbox(tmp_path / "outbox"))
    for number in (1, 2):
        to.begin()
        write(to, number)
        assert "readonly database (the file or its directory cannot be written)" in said(to)
        assert only_read.recent_decisions() == []
    to.close()
    after = LedgerWriter(ledger, Outbox(tmp_path / "outbox"))
    after.take_over()
    after.begin()
    assert launched(ledger) == ["r1", "r2"]


def test_a_full_disk_is_told_and_what_waits_is_written_when_there_is_room(
    ledger: Ledger, file: Path, tmp_path: Path
) -> None:
    """The file may not grow: SQLite says that the disk is full."""
    to = LedgerWriter(ledger, Outbox(tmp_path / "outbox"))
    write(to, 1)

    def limit(pages: int) -> None:
        ledger._database.read("limit", lambda c: c.exec_driver_sql(f"PRAGMA max_page_count = {pages}"))

    limit(1)
    number = 1
    while not said(to):
        number += 1
        to.write(entries.usages([usage(f"u{number}-{each}") for each in range(20)]))
    assert "disk is full (make room on its disk)" in said(to)
    write(to, 2)
    limit(1_000_000)
    to.begin()
    assert said(to) == ""
    assert launched(ledger) == ["r1", "r2"]
    assert len(ledger.usages()) == 20 * (number - 1)


def test_a_disk_that_takes_small_writes_alone_loses_no_entry(ledger: Ledger, tmp_path: Path) -> None:
    """The probe succeeds and the entry does not fit: it waits, however often that is tried."""
    to = LedgerWriter(ledger, Outbox(tmp_path / "outbox"))
    write(to, 1)
    pages = [1]  # as many as there are: SQLite takes no less

    def limited(connection: sqlite3.Connection, *_: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages[0]}").close()

    event.listen(ledger._database._engine, "connect", limited)
    ledger.dispose()
    to.write(entries.usages([usage(f"u{each}") for each in range(2_000)]))
    for _ in range(3 * writer.TRIES):
        to.begin()
    assert "disk is full" in said(to)
    assert to.waiting == 1
    pages[0] = 1_000_000
    ledger.dispose()
    to.begin()
    assert len(ledger.usages()) == 2_000
    assert to.notices() == ()


def test_threads_of_one_process_do_not_take_each_others_files(ledger: Ledger, tmp_path: Path) -> None:
    """What another writer still has is left to it."""
    first, second = Outbox(tmp_path), Outbox(tmp_path)
    first.add(entries.fault(1.0, "a", "x", "first"))
    second.take_over()
    assert len(second) == 0
    first.close()
    second.take_over()
    assert len(second) == 1


def test_what_is_no_entry_in_a_file_that_was_left_stops_nothing(ledger: Ledger, tmp_path: Path) -> None:
    """Lines that are damaged or of another version are given up, and told; all others are written."""
    folder = tmp_path / "outbox"
    folder.mkdir()
    good = entries.fault(1.0, "a", "test", "a good one")
    lines = [
        b"5\n",
        b"null\n",
        b'{"id": 1, "kind": 2, "body": 3}\n',
        b"[" * 100_000 + b"\n",
        b"\xff\x00\n",
        b'["of-no-kind", "nonsense", {}]\n',
        b'["empty", "cycle", {}]\n',
        b'["no-body", "fault", 7]\n',
        good.line(),
    ]
    (folder / "0-1.jsonl").write_bytes(b"".join(lines))
    to = LedgerWriter(ledger, Outbox(folder))
    to.take_over()
    for _ in range(20):
        list(to.kept())
        to.begin()
    assert to.waiting == 0
    assert [fault.message for fault in ledger.latest_status().faults] == ["a good one"]
    assert len(to.notices()) > 0


def test_a_file_where_the_ledgers_directory_was_is_told(ledger: Ledger, file: Path, tmp_path: Path) -> None:
    """The path cannot be looked at, which a failing network file system does as well: it is a ledger away."""
    to = LedgerWriter(ledger, Outbox(tmp_path / "outbox"))
    write(to, 1)
    file.parent.rename(tmp_path / "away")
    file.parent.write_text("in its place")
    ledger.look()
    write(to, 2)
    assert "adaptive_ledger.db" in said(to)
    file.parent.unlink()
    (tmp_path / "away").rename(file.parent)
    ledger.look()
    to.begin()
    assert launched(ledger) == ["r1", "r2"]
