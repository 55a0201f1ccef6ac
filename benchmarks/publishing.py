"""Two writers of one asset, killed at random points of write, audit and publish: what do readers see?

Each writer is a real process that materializes and checks the asset over and over on an instance in SQLite
files; every third version fails its blocking check. A reader in another process reads all the while. It looks
for frames that are torn or mixed (rows of more than one version), that failed, or whose passing evaluation
the event log does not have; and for a read that finds nothing although a version had passed before.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dagster as dg
import polars as pl

from adaptive_assets import FrameIOManager
from benchmarks.bounds import Bound, bounds_table, plain_bounds
from benchmarks.report import Finding

_ROWS = 20_000
_AUDIT_S = 0.03
"""Rows of a version, and how long its check takes at least: so that kills hit all three parts."""
_FRAME = dg.PythonObjectDagsterType(pl.DataFrame)
_LONGEST_S = 2.5
"""A writer is killed within so many seconds of its start; it makes its first version after about one."""


@dg.asset
def ticks(context: dg.AssetExecutionContext) -> pl.DataFrame:
    """Rows that all say which run made them, and whether its check is to pass."""
    good = int(context.run.tags["number"]) % 3 != 0
    return pl.DataFrame({"run": [context.run.run_id] * _ROWS, "good": [good] * _ROWS, "noise": range(_ROWS)})


@dg.asset_check(asset=ticks, blocking=True)
def good(ticks: pl.DataFrame) -> dg.AssetCheckResult:
    """What the rows themselves say; takes its time."""
    time.sleep(_AUDIT_S)
    return dg.AssetCheckResult(passed=bool(ticks["good"].all()))


@dataclass(slots=True)
class Publishing:
    """What was counted."""

    kills: int = 0
    reads: int = 0
    versions_read: int = 0
    unaudited: int = 0
    failed: int = 0
    torn_or_mixed: int = 0
    lost: int = 0
    errors: list[str] = field(default_factory=list)
    killed_in: dict[str, int] = field(default_factory=dict)
    """Kills by what the writer had on the disk and in the event log: of write, audit, other."""
    left_after_sweep: int = 0

    @property
    def faults(self) -> int:
        """How many reads saw what they should not."""
        return self.unaudited + self.failed + self.torn_or_mixed + self.lost + len(self.errors)

    def told(self) -> str:
        """One line for a report."""
        parts = ", ".join(f"{name} {count}" for name, count in sorted(self.killed_in.items()))
        return (
            f"{self.kills} kills ({parts}), {self.reads} reads of {self.versions_read} versions: "
            f"{self.unaudited} unaudited, {self.failed} failed, {self.torn_or_mixed} torn or mixed, "
            f"{self.lost} without a version, {len(self.errors)} errors; "
            f"{self.left_after_sweep} partial files left after the next version"
        )


def measure(*, kills: int = 200, say: Callable[[str], None]) -> Finding:
    """The campaign, as a finding."""
    with TemporaryDirectory() as home:
        counted = campaign(Path(home), kills)
    say(counted.told())
    bounds = [Bound.at_most("reads that saw what they should not", "SQLite", counted.faults, 0)]
    bounds.append(Bound.at_most("partial files left", "SQLite", counted.left_after_sweep, 0))
    return Finding(
        "publishing",
        f"{counted.kills} kills of two writers of one asset, at random times; a third process reads.",
        f"{counted.told()}.\n\n{bounds_table(bounds)}",
        all(bound.met for bound in bounds),
        {**asdict(counted), "bounds": plain_bounds(bounds)},
    )


def campaign(home: Path, kills: int, seed: int = 13) -> Publishing:
    """Kill writers ``kills`` times, and read in between; ``home`` is an empty folder."""
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    chance, counted, seen = random.Random(seed), Publishing(), set[str]()
    store = FrameIOManager(base_dir=str(home / "assets"))
    with dg.DagsterInstance.from_config(str(home)) as instance:
        _make(instance, store, 1)
        with _writers(home) as one, _writers(home) as other:
            while counted.kills < kills:
                ends = {
                    process: time.monotonic() + chance.uniform(0.3, _LONGEST_S) for process in (one, other)
                }
                children = {process: _begin(process) for process in ends}
                while ends:
                    _read(instance, store, counted, seen)
                    for process in [each for each, end in ends.items() if time.monotonic() > end]:
                        del ends[process]
                        counted.kills += 1
                        os.kill(children[process], signal.SIGKILL)
                        _ended(process)
                        part = _part(instance, home)
                        counted.killed_in[part] = counted.killed_in.get(part, 0) + 1
        _read(instance, store, counted, seen)
        _make(instance, store, 1)
        counted.left_after_sweep = len(list((home / "assets" / "ticks").glob(".partial-*")))
    counted.versions_read = len(seen)
    return counted


def _part(instance: dg.DagsterInstance, home: Path) -> str:
    (run,) = instance.get_run_records(limit=1)
    run_id = run.dagster_run.run_id
    folder = home / "assets" / "ticks"
    if list(folder.glob(f".partial-{run_id}*")):
        return "write"
    if list(folder.glob(f"v*-{run_id}.*")):
        return "other" if _passed(instance, run_id) is not None else "audit"
    return "other"


def _passed(instance: dg.DagsterInstance, run_id: str) -> bool | None:
    kinds = {dg.DagsterEventType.ASSET_CHECK_EVALUATION}
    said: list[Any] = [
        entry.get_dagster_event().event_specific_data for entry in instance.all_logs(run_id, of_type=kinds)
    ]
    return said[-1].passed if said else None


def _read(instance: dg.DagsterInstance, store: FrameIOManager, counted: Publishing, seen: set[str]) -> None:
    context = dg.build_input_context(asset_key=ticks.key, instance=instance, dagster_type=_FRAME)
    counted.reads += 1
    try:
        frame: Any = store.load_input(context)
    except dg.Failure as failure:
        told = str(failure.description)
        counted.lost += told.startswith("No version")
        if not told.startswith("No version"):
            counted.errors.append(told)
        return
    runs = frame["run"].unique().to_list()
    counted.torn_or_mixed += len(runs) != 1 or frame.height != _ROWS
    counted.failed += not frame["good"].all()
    counted.unaudited += any(_passed(instance, run_id) is None for run_id in runs)
    seen.update(runs)


def _make(instance: dg.DagsterInstance, store: FrameIOManager, number: int) -> None:
    dg.materialize(
        [ticks, good],
        instance=instance,
        resources={"io_manager": store},
        tags={"number": str(number)},
        raise_on_error=False,
    )


@contextmanager
def _writers(home: Path) -> Iterator["subprocess.Popen[str]"]:
    """A process that, for every line that it gets, lets a child of its own write until it is killed."""
    order = [sys.executable, "-m", "benchmarks.publishing", str(home)]
    with subprocess.Popen(
        order,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            _line(process)
            yield process
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def _line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def _begin(process: "subprocess.Popen[str]") -> int:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()
    return int(_line(process))


def _ended(process: "subprocess.Popen[str]") -> None:
    if (said := _line(process)) != "ended":
        raise RuntimeError(f"a writer said {said!r} where its child had been killed")


def _write_for_ever(home: Path) -> None:
    # pyarrow and Polars start threads, which a fork would lose: they are first used in the child.
    store, number = FrameIOManager(base_dir=str(home / "assets")), 0
    with dg.DagsterInstance.from_config(str(home)) as instance:
        while True:
            number += 1
            _make(instance, store, number)


def _serve(home: Path) -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            _write_for_ever(home)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
        os.waitpid(child, 0)
        sys.stdout.write("ended\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
