"""Whether a process is a run's own, or another that has the same number.

A process id says little: that of another host or container names a stranger here, and a pool gives the same
process to one run after the other.  So a process is a run's only by evidence that is in the process itself.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path, PurePath
from typing import Final, TypeVar

import psutil

SAME_TIME_S: Final = 2.0
"""Two reports of one process's start differ by the kernel's tick and the rounding of its boot time."""

_ANCESTORS: Final = 16
"""More than stand between a run's process and its server; a chain that has no end ends here."""

T = TypeVar("T")


class Belonging(Enum):
    """What a process is to a run."""

    OWN = "own"
    """It was started for this run and for no other."""
    POOLED = "pooled"
    """It works for this run now, and may have worked for others before."""
    UNKNOWN = "unknown"
    """It is there, and nothing in it tells for whom it works."""
    ALIEN = "alien"
    """It is not the run's, or there is none."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Somebody said at ``at`` that process ``pid`` works for the run; on which machine was not said.

    ``created_at`` is when the run came to be (both POSIX seconds).  ``server`` is the socket's path or the
    port of the server that was asked to start the run, if that may be on this machine.
    """

    run_id: str
    pid: int
    at: float
    created_at: float
    server: str | None = None


def belonging(process: psutil.Process, claim: Claim) -> Belonging:
    """What ``process``, which has the pid of ``claim`` on this machine, is to the run."""
    try:
        started_at = process.create_time()
        if started_at > claim.at + SAME_TIME_S or _in_another_namespace(process):
            return Belonging.ALIEN
        if _is_named_after(process, claim.run_id) or _was_started_by_server(process, started_at, claim):
            return Belonging.OWN
        return Belonging.POOLED if _writes_for(process, claim.run_id) else Belonging.UNKNOWN
    except psutil.NoSuchProcess:
        return Belonging.ALIEN
    except psutil.AccessDenied:
        return Belonging.UNKNOWN


def _is_named_after(process: psutil.Process, run_id: str) -> bool:
    """By its command line (``dagster api execute_run``) or its environment, as containers are started."""
    if any(run_id in argument for argument in _each(process.cmdline)):
        return True
    return any(run_id in value for value in _each(lambda: process.environ().values()))


def _was_started_by_server(process: psutil.Process, started_at: float, claim: Claim) -> bool:
    """Whether it descends from the server that was asked, and started after the run was made.

    A code server spawns one process for each run, and tells it what to run through a pipe: neither its
    command line nor its environment has the run's id.  The address is in the command line of the server,
    which is its parent, or the parent's parent where a proxy stands before it.
    """
    if claim.server is None or started_at < claim.created_at - SAME_TIME_S:
        return False
    return any(_serves(ancestor, claim.server) for ancestor in _ancestors(process))


def _serves(process: psutil.Process, address: str) -> bool:
    arguments = list(_each(process.cmdline))
    return any("dagster" in argument for argument in arguments) and any(
        argument == address or argument.endswith(f"={address}") for argument in arguments
    )


def _ancestors(process: psutil.Process) -> Iterator[psutil.Process]:
    for _ in range(_ANCESTORS):
        parent = process.parent()
        if parent is None:
            return
        yield parent
        process = parent


def _writes_for(process: psutil.Process, run_id: str) -> bool:
    """Whether it or a child has a file open for writing in a directory named after the run.

    That is where Dagster captures what a step prints.  Reading does not count: a webserver shows such files.
    """
    for each in (process, *_each(process.children)):
        for file in _each(each.open_files):
            # only Linux tells the mode
            if run_id in PurePath(file.path).parent.parts and getattr(file, "mode", "w") != "r":
                return True
    return False


def _in_another_namespace(process: psutil.Process) -> bool:
    """Whether it has another pid where it lives: then a pid that was said there means another process."""
    try:
        lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    except OSError:  # no Linux, or it is gone: the caller finds that out
        return False
    return any(line.startswith("NSpid:") and len(line.split()) > 2 for line in lines)


def _each(read: Callable[[], Iterable[T]]) -> Iterable[T]:
    """What ``read`` gives; nothing where the process is another user's."""
    try:
        return read()
    except psutil.AccessDenied:
        return ()
