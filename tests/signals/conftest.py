"""Fake ``/proc`` and ``/sys`` trees on disk, a host whose counters a test sets, and real child processes."""

import contextlib
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from adaptive_assets.signals import HostCounters

MIB = 1024**2


class FakeRoot:
    """A directory to be read as ``/``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._mounts: list[str] = []

    def write(self, path: str, content: object) -> Path:
        """Write a file below the root, as the kernel would, with a newline at its end."""
        file = self.path / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{content}\n")
        return file

    def member_of(self, *lines: str) -> None:
        """Put the process into the cgroups that ``lines`` of ``/proc/self/cgroup`` say."""
        self.write("proc/self/cgroup", "\n".join(lines))

    def mount(self, kind: str, point: str, *, shown: str = "/", options: str = "rw") -> None:
        """Add a mount; ``shown`` is the part of the file system that it shows at its top."""
        place = f"{len(self._mounts) + 30} 23 0:{len(self._mounts) + 28} {shown} {point} rw,relatime shared:7"
        self._mounts.append(f"{place} - {kind} {kind} {options}")
        self.write("proc/self/mountinfo", "\n".join(self._mounts))

    def in_v2(self, group: str = "/") -> None:
        """Mount version 2 where it usually is, with this process in ``group``."""
        self.member_of(f"0::{group}")
        self.mount("cgroup2", "/sys/fs/cgroup")


class FakeHost:
    """Gives the counters that a test sets; busy seconds are of one CPU named "0" unless it says otherwise."""

    def __init__(self) -> None:
        self.at = 1000.0
        self.cpus = 8
        self.cpu: dict[str, float] = {"0": 0.0}
        self.total = 64 * 1024 * MIB
        self.available = 48 * 1024 * MIB
        self.disk: dict[str, float] = {}
        self.network: dict[str, float] = {}
        self.error: Exception | None = None

    def __call__(self) -> HostCounters:
        """The counters now, or the error that the host is to fail with."""
        if self.error is not None:
            raise self.error
        return HostCounters(
            taken_at=self.at,
            cpus=self.cpus,
            cpu=dict(self.cpu),
            memory_total=self.total,
            memory_available=self.available,
            disk_read=dict(self.disk),
            disk_written=dict(self.disk),
            network_received=dict(self.network),
            network_sent=dict(self.network),
        )

    def advance(self, seconds: float, cores: float = 0.0) -> None:
        """Let ``seconds`` pass with ``cores`` busy."""
        self.at += seconds
        self.cpu["0"] += seconds * cores


class Child:
    """A real process that runs ``code``, in which ``say(text)`` and ``hear()`` talk with the test."""

    def __init__(self, code: str) -> None:
        prelude = (
            "import os, subprocess, sys, time\nsay = lambda text: print(text, flush=True)\nhear = input\n"
        )
        self.process = subprocess.Popen(
            [sys.executable, "-c", prelude + textwrap.dedent(code)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = self.process.pid

    @property
    def create_time(self) -> float:
        """When the process started."""
        return psutil.Process(self.pid).create_time()

    def hear(self) -> str:
        """Wait for the next line that the child says."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def say(self, text: str = "go on") -> None:
        """Give the child a line."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{text}\n")
        self.process.stdin.flush()

    def wait_as_zombie(self) -> None:
        """Wait until the child has ended, and leave it unreaped."""
        while psutil.Process(self.pid).status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.005)

    def end(self) -> None:
        """Kill the child, if it lives, and reap it."""
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def root(tmp_path: Path) -> FakeRoot:
    """An empty fake root: no cgroups, no PSI."""
    return FakeRoot(tmp_path)


@pytest.fixture
def host() -> FakeHost:
    """An idle host of 8 CPUs and 64 GiB, 16 of them in use."""
    return FakeHost()


@pytest.fixture
def child() -> Iterator[Callable[[str], Child]]:
    """Starts children, and ends them and all that they left behind when the test is over."""
    children: list[Child] = []

    def start(code: str) -> Child:
        children.append(Child(code))
        return children[-1]

    yield start
    for one in children:
        with contextlib.suppress(psutil.NoSuchProcess):
            for descendant in psutil.Process(one.pid).children(recursive=True):
                descendant.kill()
        one.end()
