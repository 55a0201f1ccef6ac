"""Versions are whole, each has its own number, and what killed writers leave is removed: with real kills."""

import fcntl
import os
import pickle
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from adaptive_assets.assets import publication
from adaptive_assets.assets.publication import ABANDONED_AFTER, publish, sweep
from adaptive_assets.assets.system_errors import is_passing, told
from adaptive_assets.assets.versions import versions_in

WRITER = """
import os, pickle, sys
from pathlib import Path
from adaptive_assets.assets import publication
from adaptive_assets.assets.publication import publish, sweep

folder, run, count, size, endless = Path(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:6])

def write(path, number):
    with path.open("wb") as file:
        pickle.dump([run, number] * size, file)
        os.fsync(file.fileno())

def loop():
    number = 0
    while endless or number < count:
        number += 1
        version, stored = publish(folder, folder, run, "pickle", lambda path: write(path, number))
        print(version.number, flush=True)
        for old in stored[:-2] if endless else []:
            old.path.unlink(missing_ok=True)

print("ready", flush=True)
for order in sys.stdin:
    if os.fork() == 0:
        loop()
        os._exit(0)
    os.wait()
    print("done", flush=True)
"""


@contextmanager
def writer(folder: Path, run: str, *, count: int = 0, size: int = 1) -> Iterator["subprocess.Popen[str]"]:
    """A process that, for every line that it gets, publishes ``count`` versions (or ever more) in a child."""
    order = [sys.executable, "-c", WRITER, str(folder), run, str(count), str(size), str(int(not count))]
    with subprocess.Popen(
        order, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def begin(process: "subprocess.Popen[str]") -> None:
    """Let a writer begin."""
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def numbers(process: "subprocess.Popen[str]") -> list[int]:
    """The numbers that a writer published until it was done."""
    assert process.stdout is not None
    return [int(line) for line in iter(process.stdout.readline, "done\n")]


def partials(folder: Path) -> list[str]:
    """What is half written."""
    return sorted(path.name for path in folder.glob(".partial-*"))


def write_nothing(path: Path) -> None:
    """A version without content."""


def test_two_writers_at_once_get_numbers_of_their_own(tmp_path: Path) -> None:
    """Two processes publish 150 versions each into one folder: 300 numbers, and each sees its own grow."""
    with writer(tmp_path, "run-a", count=150) as one, writer(tmp_path, "run-b", count=150) as other:
        begin(one)
        begin(other)
        mine, theirs = numbers(one), numbers(other)
    assert sorted(mine + theirs) == list(range(1, 301))
    assert mine == sorted(mine)
    assert theirs == sorted(theirs)
    stored = versions_in(tmp_path)
    assert [version.number for version in stored] == list(range(1, 301))
    assert [version.number for version in stored if version.run_id == "run-a"] == mine
    assert not partials(tmp_path)


def child_of(process: "subprocess.Popen[str]") -> int:
    """The process id of the only child of a process."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while not (found := children.read_text().split()):
        time.sleep(0.001)
    return int(found[0])


def test_kills_at_random_points_tear_nothing_and_leave_nothing(tmp_path: Path) -> None:
    """40 writers are killed with SIGKILL: every version is whole, and the next sweep removes the rest.

    More than 40, until ten of them were hit while they wrote.
    """
    chance = random.Random(7)
    kills = left = 0
    with writer(tmp_path, "run", size=200_000) as process:
        while kills < 40 or left < 10:
            kills += 1
            begin(process)
            child = child_of(process)
            time.sleep(chance.uniform(0.0, 0.03))
            os.kill(child, signal.SIGKILL)
            numbers(process)
            for version in versions_in(tmp_path):
                assert len(pickle.loads(version.path.read_bytes())) == 400_000
            left += len(partials(tmp_path))
            sweep([tmp_path], lambda _: False)
            assert not partials(tmp_path)


def test_what_a_killed_writer_left_goes_although_its_run_is_going_on(tmp_path: Path) -> None:
    """The lock says that the writer is gone, whatever the run's status is."""
    (tmp_path / ".partial-run-0123.locked").write_bytes(b"half")
    sweep([tmp_path], lambda _: False)
    assert not partials(tmp_path)


def test_a_living_writer_keeps_its_file(tmp_path: Path) -> None:
    """Neither its run's end nor its age removes the file that somebody still writes."""

    def write(path: Path) -> None:
        path.write_bytes(b"half")
        os.utime(path, (0, 0))
        sweep([tmp_path], lambda _: True)
        assert path.exists()

    version, _ = publish(tmp_path, tmp_path, "run", "pickle", write)
    assert version.path.read_bytes() == b"half"


def test_partial_files_of_the_release_before_go_after_a_day(tmp_path: Path) -> None:
    """Those writers held no lock: their run's end counts, and without it the file's age."""
    for name, age in (("running-01", 0.0), ("running-02", ABANDONED_AFTER + 60), ("over-03", 0.0)):
        path = tmp_path / f".partial-{name}"
        path.write_bytes(b"half")
        os.utime(path, (time.time() - age, time.time() - age))
    sweep([tmp_path], lambda run_id: run_id == "over")
    assert partials(tmp_path) == [".partial-running-01"]


@pytest.mark.parametrize("name", ["v00000002-run.pickle", ".partial-run-01", ".partial-run-01.locked"])
def test_folders_are_neither_versions_nor_partial_files(tmp_path: Path, name: str) -> None:
    """A folder is another asset's, whatever its name: it is not read, not removed, and in nobody's way."""
    publish(tmp_path, tmp_path, "run", "pickle", write_nothing)
    (tmp_path / name).mkdir()
    os.utime(tmp_path / name, (0, 0))
    publish(tmp_path, tmp_path, "run", "pickle", write_nothing)
    sweep([tmp_path], lambda _: True)
    assert (tmp_path / name).is_dir()
    assert len(versions_in(tmp_path)) == 2


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    """The error goes on; the number is not used up."""

    def fail(path: Path) -> None:
        path.write_bytes(b"half")
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        publish(tmp_path, tmp_path, "run", "pickle", fail)
    assert list(tmp_path.iterdir()) == []
    version, stored = publish(tmp_path, tmp_path, "run", "pickle", write_nothing)
    assert (version.number, stored) == (1, [])


def test_a_version_of_a_partition_is_written_in_the_folder_of_its_asset(tmp_path: Path) -> None:
    """So whatever partition is made next, its writer finds what a killed one left."""
    written_in = []
    version, _ = publish(
        tmp_path, tmp_path / "@05", "run", "pickle", lambda path: written_in.append(path.parent)
    )
    assert written_in == [tmp_path]
    assert version.path.parent == tmp_path / "@05"


def test_a_lock_that_is_never_freed_ends_the_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer that was stopped while it held the folder's lock does not hold up the others for ever."""
    monkeypatch.setattr(publication, "_PATIENCE", 0.05)
    holder = os.open(tmp_path, os.O_RDONLY)
    try:
        fcntl.flock(holder, fcntl.LOCK_EX)
        with pytest.raises(TimeoutError) as error:
            publish(tmp_path, tmp_path, "run", "pickle", write_nothing)
    finally:
        os.close(holder)
    assert told(error.value, tmp_path).startswith(
        f"{tmp_path} was refused: another process has held its lock"
    )
    assert is_passing(error.value)
    assert list(tmp_path.iterdir()) == []
