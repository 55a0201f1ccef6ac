"""The processes of one run, followed from the root: who belongs to it, and what they have used together."""

import contextlib
import functools
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import psutil


class Spent(NamedTuple):
    """What only ever grows: CPU seconds, and bytes read from and written to disks."""

    cpu_s: float = 0.0
    read: int = 0
    written: int = 0

    def plus(self, other: "Spent") -> "Spent":
        """Both together."""
        return Spent(self.cpu_s + other.cpu_s, self.read + other.read, self.written + other.written)

    def minus(self, other: "Spent") -> "Spent":
        """What came after ``other``."""
        return Spent(self.cpu_s - other.cpu_s, self.read - other.read, self.written - other.written)

    def at_least(self, other: "Spent") -> "Spent":
        """The larger of each."""
        return Spent(
            max(self.cpu_s, other.cpu_s), max(self.read, other.read), max(self.written, other.written)
        )


_NOTHING = Spent()


@dataclass(slots=True)
class _Member:
    """One process, and what was last seen of it.

    ``spent`` includes the children it has waited for: the kernel passes their CPU time and I/O on to it.
    """

    process: psutil.Process
    parent: int = 0
    spent: Spent = _NOTHING
    memory: int = 0
    shared: int = 0
    high_water: int = 0
    zombie: bool = False
    io_visible: bool = True

    def look(self) -> bool:
        """Bring the figures up to date; ``False`` when the process is gone or its pid is another's by now."""
        try:
            with self.process.oneshot():
                self.parent = self.process.ppid()  # raises when the pid was reused
                self.zombie = self.process.status() == psutil.STATUS_ZOMBIE
                times, memory = self.process.cpu_times(), self.process.memory_info()
            self.memory, self.shared = memory.rss, getattr(memory, "shared", 0)
            read, written = self._bytes()
            self.high_water = _high_water(self.process.pid)
        except psutil.AccessDenied:
            return True  # still there, but not ours to look at: what was last seen stands
        except psutil.NoSuchProcess as error:
            self.memory = self.shared = 0
            return isinstance(error, psutil.ZombieProcess)
        cpu_s = times.user + times.system + times.children_user + times.children_system
        self.spent = Spent(cpu_s, read, written).at_least(self.spent)
        return True

    def _bytes(self) -> tuple[int, int]:
        try:
            io = self.process.io_counters()
        except (psutil.AccessDenied, AttributeError):  # another user's, or a system that does not count
            self.io_visible = False
            return 0, 0
        return io.read_bytes, io.write_bytes

    def children(self) -> list[int]:
        """The pids of its children now; empty when it is gone or not ours to look at."""
        found: list[int] = []
        with contextlib.suppress(OSError, psutil.Error):
            if not _kernel_lists_children():
                return [child.pid for child in self.process.children()]
            for task in os.scandir(f"/proc/{self.process.pid}/task"):
                found += map(int, Path(task.path, "children").read_text().split())
        return found


class ProcessTree:
    """The process ``root`` and all that descends from it, orphans included.  For one thread at a time."""

    def __init__(self, root: psutil.Process) -> None:
        self._members = {root.pid: _Member(root)}
        self._settled = self.spent = _NOTHING
        """By everyone who ever was seen in the tree; never goes down."""
        self.memory = 0
        """Bytes resident now: what each process has for itself, and the largest part that one of them shares.

        Libraries and shared memory are mapped by every process of a run and counted by each; taken once, the
        sum comes close to the proportional set size, for which the kernel would walk all their pages.
        """
        self.high_water = 0
        """The most that a single process ever had resident, by the kernel's own mark."""
        self.processes = 0
        self.io_visible = True
        """Whether the bytes in ``spent`` are those of all processes."""

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes that were there at the last look."""
        return tuple(self._members)

    def look(self) -> bool:
        """Bring all figures up to date; ``False`` when no process is left."""
        # Parents come before children, and children found on the way are looked at in the same turn.  Were a
        # child looked at first and waited for just then, its time would be counted twice.
        waiting = list(self._members)
        for pid in waiting:
            member = self._members[pid]
            if member.look():
                waiting += self._adopt(member)
            else:
                self._bury(member)
        members = self._members.values()
        self.processes = sum(not member.zombie for member in members)
        self.memory = sum(m.memory - m.shared for m in members) + max((m.shared for m in members), default=0)
        self.high_water = max([self.high_water, *(m.high_water for m in members)])
        self.io_visible &= all(member.io_visible for member in members)
        total = self._settled
        for member in members:
            total = total.plus(member.spent)
        self.spent = self.spent.at_least(total)
        return self.processes > 0

    def _adopt(self, parent: _Member) -> list[int]:
        adopted = []
        for pid in parent.children():
            if pid in self._members:
                continue
            try:
                self._members[pid] = _Member(psutil.Process(pid))
            except psutil.Error:
                continue  # gone already
            adopted.append(pid)
        return adopted

    def _bury(self, member: _Member) -> None:
        """A parent that still lives was handed its child's time; without one, keep what was last seen."""
        del self._members[member.process.pid]
        if member.parent not in self._members:
            self._settled = self._settled.plus(member.spent)


@functools.cache
def _kernel_lists_children() -> bool:
    """Whether ``/proc`` names a process's children, which spares us a look at every process of the host."""
    return Path(f"/proc/{os.getpid()}/task/{threading.get_native_id()}/children").exists()


def _high_water(pid: int) -> int:
    """The most memory that the process ever had resident, in bytes; 0 where the kernel does not say."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0
