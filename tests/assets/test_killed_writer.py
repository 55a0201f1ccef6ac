"""A run that is killed while it writes leaves the version before it, whole and readable."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from adaptive_assets import FrameIOManager

WRITER = """
import sys
import dagster as dg, polars as pl
from adaptive_assets import FrameIOManager

number = 0

@dg.asset
def ticks() -> pl.DataFrame:
    return pl.DataFrame({"tick": [number] * 400_000, "noise": range(400_000)})

store = FrameIOManager(base_dir=sys.argv[1], keep_versions=2)
with dg.DagsterInstance.ephemeral() as instance:
    while True:
        number += 1
        dg.materialize([ticks], resources={"io_manager": store}, instance=instance)
        print(number, flush=True)
"""


def read_ticks(base_dir: Path) -> pl.DataFrame:
    """What a reader in another process is given."""
    got = []

    @dg.asset
    def ticks() -> None: ...

    @dg.asset
    def read(ticks: pl.DataFrame) -> None:
        got.append(ticks)

    dg.materialize(
        [ticks, read], selection=["read"], resources={"io_manager": FrameIOManager(base_dir=str(base_dir))}
    )
    return got[0]


@pytest.mark.parametrize("delay", [0.0, 0.03, 0.06])
def test_a_killed_writer_leaves_whole_versions(tmp_path: Path, delay: float) -> None:
    """SIGKILL at some point of a write: the newest version is whole, and no older than what was finished."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as writer:
        assert writer.stdout is not None
        finished = [int(writer.stdout.readline()) for _ in range(3)][-1]
        time.sleep(delay)
        writer.send_signal(signal.SIGKILL)
        finished = max([finished, *map(int, writer.stdout.read().split())])
    frame = read_ticks(tmp_path)
    assert frame.height == 400_000
    assert frame["tick"].n_unique() == 1
    assert frame["tick"][0] >= finished


HALF_WRITER = """
import os, sys, signal
import dagster as dg, polars as pl
from adaptive_assets import FrameIOManager

class HalfWritten(pl.DataFrame):
    '''Kills the process when half of the file is on the disk.'''

    def write_parquet(self, path, **options):
        super().write_parquet(path, **options)
        with open(path, "r+b") as file:
            file.truncate(os.path.getsize(path) // 2)
        os.kill(os.getpid(), signal.SIGKILL)

@dg.asset
def ticks() -> pl.DataFrame:
    return HalfWritten({"tick": [2] * 1000})

dg.materialize([ticks], resources={"io_manager": FrameIOManager(base_dir=sys.argv[1])})
"""


def test_half_a_file_is_never_read(tmp_path: Path) -> None:
    """Killed with half of the file on the disk: readers get the version before, and the half is swept."""

    @dg.asset
    def ticks() -> pl.DataFrame:
        return pl.DataFrame({"tick": [1] * 1000})

    store = FrameIOManager(base_dir=str(tmp_path))
    dg.materialize([ticks], resources={"io_manager": store})
    done = subprocess.run(
        [sys.executable, "-c", HALF_WRITER, str(tmp_path)], check=False, stderr=subprocess.DEVNULL, timeout=60
    )
    assert done.returncode == -signal.SIGKILL
    assert len(list((tmp_path / "ticks").glob(".partial-*"))) == 1
    assert read_ticks(tmp_path)["tick"].unique().to_list() == [1]
    dg.materialize([ticks], resources={"io_manager": store})
    assert not list((tmp_path / "ticks").glob(".partial-*"))
