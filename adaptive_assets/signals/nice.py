"""CPU weights of running processes: nice values, and those of the autogroups of their sessions."""

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from adaptive_assets.policy.weights import MOST_NICE, nice_of
from adaptive_assets.signals.task_groups import task_group

CAN_RENICE: Final = hasattr(os, "setpriority")
"""Whether this system knows nice."""


class RunNice:
    """The nice of a run's processes: that of its code server, raised by what its CPU ``weight`` asks for.

    It is only ever raised: a higher one that a user has set stays.  Raises :class:`ProcessLookupError` if the
    process ``root`` is gone, and ValueError if the kernel's files about it cannot be made out.
    """

    def __init__(self, root: int, weight: float) -> None:
        self.group = task_group(root)
        """Among which processes it counts: see :func:`~adaptive_assets.signals.task_groups.task_group`."""
        session = os.getsid(root)
        self._shared_session = None if session == root else session
        """The session that the run's first process shares with others; ``None`` if it leads its own."""
        self._sessions: set[int] = set()
        """Sessions of the run alone whose autogroups have their nice."""
        steps = nice_of(weight)
        self.nice = min(MOST_NICE, steps + _nice_of_parent(root)) if steps else 0
        """The nice that the processes have at least."""
        self.refused = ""
        """What the system said when it last refused a nice; empty if it never did."""

    def apply(self, pids: Iterable[int]) -> None:
        """Raise the nice of these processes of the run, of all their threads, and of their sessions.

        One that ends meanwhile is passed over, and a refusal is noted in :attr:`refused`.
        """
        if not self.nice:
            return
        for pid in pids:
            try:
                self._raise(pid)
            except ProcessLookupError:
                continue
            except OSError as error:  # no permission, or a /proc that is read-only
                self.refused = str(error.strerror)

    def _raise(self, pid: int) -> None:
        for thread in _threads(pid):
            with contextlib.suppress(ProcessLookupError):
                if os.getpriority(os.PRIO_PROCESS, thread) < self.nice:
                    os.setpriority(os.PRIO_PROCESS, thread, self.nice)
        session = os.getsid(pid)
        if session != self._shared_session and session not in self._sessions:
            self._raise_session(pid, session)

    def _raise_session(self, pid: int, session: int) -> None:
        """Under autogroups a nice counts only within its session, and the session has another of its own."""
        file = Path(f"/proc/{pid}/autogroup")
        try:
            _, _, nice = file.read_text().partition(" nice ")  # `/autogroup-123 nice 0`
            if nice and int(nice) < self.nice:
                file.write_text(str(self.nice))
        except BlockingIOError:
            return  # the unprivileged may write once in a tenth of a second: the next sweep tries again
        except FileNotFoundError:
            if Path(f"/proc/{pid}").exists():  # this kernel has no autogroups
                self._sessions.add(session)
            return
        self._sessions.add(session)


def _threads(pid: int) -> Iterator[int]:
    """On Linux each thread has a nice of its own, and gives it to those that it starts."""
    try:
        yield from map(int, os.listdir(f"/proc/{pid}/task"))
    except FileNotFoundError:
        yield pid


def _nice_of_parent(pid: int) -> int:
    """The nice, 0 or more, of the process that started ``pid``, as far as that can be told."""
    with contextlib.suppress(OSError, StopIteration, ValueError):
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        parent = next(int(line.split()[1]) for line in lines if line.startswith("PPid:"))
        return max(0, os.getpriority(os.PRIO_PROCESS, parent))
    return 0
