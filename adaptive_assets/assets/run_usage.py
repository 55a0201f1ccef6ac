"""What a run took, as the process of the run tells it at its end: no run is too short for that."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import dagster as dg

from adaptive_assets.dagster_compat.executors import surround_runs
from adaptive_assets.dagster_compat.run_reports import TakenByRun, report_taken

try:
    import resource
except ImportError:  # Windows has no such counts
    resource = None  # type: ignore[assignment]

_SAME_TIME_S: Final = 1.0
"""What the kernel's time of a process's start may be off."""

_log = logging.getLogger(__name__)
_begun: list[str] = []
"""The runs whose steps this process has begun to execute."""


def report_usage_of_runs() -> None:
    """Let the runs of this process report what they took, in an engine event just before they end."""
    if resource is not None:
        surround_runs(_reporting)


@contextmanager
def _reporting(instance: dg.DagsterInstance, run: dg.DagsterRun, steps_apart: bool) -> Iterator[None]:
    """Report what ``run`` took when its steps are done; no error of that is one of the run."""
    _begun.append(run.run_id)
    try:
        yield
    finally:
        try:
            if _is_all_of_this_process(instance, run):
                report_taken(instance, run, _taken(steps_apart))
        except Exception as error:  # noqa: BLE001  whatever it is, the run has done its work
            _log.warning("what the run took cannot be reported: %s: %s", type(error).__name__, error)


def _is_all_of_this_process(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """Whether the process was started for this run and executed no other: all its use is then the run's.

    That of a pool, a notebook or a test is older than the run, or has executed others before.
    """
    import psutil

    record = instance.get_run_record_by_id(run.run_id)
    if record is None or len(_begun) > 1:
        return False
    return psutil.Process().create_time() >= record.create_timestamp.timestamp() - _SAME_TIME_S


def _taken(steps_apart: bool) -> TakenByRun:
    """What this process and its children took, those that have ended.

    Of the children the kernel knows the largest alone. Where each step has a child, that one adds to this
    process; a tool that a step has called need not, and starts as a copy of this process as large as it is.
    """
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    cpu = own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime
    unit = 1 if sys.platform == "darwin" else 1024
    mine, largest = _high_water() or own.ru_maxrss * unit, children.ru_maxrss * unit
    return TakenByRun(cpu, mine + largest if steps_apart else max(mine, largest))


def _high_water() -> int | None:
    """The most memory that this process had resident, in bytes, where Linux tells.

    ``ru_maxrss`` would begin with the size of the code server that has started this process.
    """
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return None
    found = [line.split() for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(found[0][1]) * 1024 if found else None
