"""Which kills for want of memory the kernel counted, and when; no test waits for a clock."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from adaptive_assets.signals import RunProcesses
from adaptive_assets.signals.oom import OomCounters, oom_counter

if TYPE_CHECKING:
    from tests.signals.conftest import Child, FakeRoot

    Start = Callable[[str], Child]

NOBODY = 4_000_000
"""No process: beyond the highest id that Linux gives."""


def in_v2(root: "FakeRoot", group: str, kills: int, pid: int = NOBODY) -> Path:
    """Put the process into a group of version 2, whose counter is returned."""
    root.in_v2("/")
    root.write(f"proc/{pid}/cgroup", f"0::{group}")
    return root.write(f"sys/fs/cgroup{group}/memory.events", f"low 0\nhigh 0\nmax 9\noom 9\noom_kill {kills}")


def test_the_counter_is_that_of_the_groups_own(root: "FakeRoot") -> None:
    """Version 2 counts in ``memory.events``; the machine's count is of no interest then."""
    root.write("proc/vmstat", "oom_kill 3")
    assert oom_counter(NOBODY, root.path) == root.path / "proc/vmstat"
    assert oom_counter(NOBODY, root.path) != in_v2(root, "/runs", 1) == oom_counter(NOBODY, root.path)


def test_version_1_counts_in_another_file(root: "FakeRoot") -> None:
    """There the memory controller has a tree of its own."""
    root.member_of("4:memory:/ours", "0::/")
    root.mount("cgroup", "/sys/fs/cgroup/memory", options="rw,memory")
    root.write(f"proc/{NOBODY}/cgroup", "4:memory:/runs\n0::/")
    file = root.write("sys/fs/cgroup/memory/runs/memory.oom_control", "under_oom 0\noom_kill 2")
    assert oom_counter(NOBODY, root.path) == file


def test_of_a_group_out_of_sight_the_machine_counts(root: "FakeRoot") -> None:
    """The top of what is mounted is our own container, and a process of another one is not in it."""
    root.member_of("0::/ours")
    root.mount("cgroup2", "/sys/fs/cgroup", shown="/ours")
    root.write("sys/fs/cgroup/memory.events", "oom_kill 0")
    machine = root.write("proc/vmstat", "pgfault 1\noom_kill 0")
    root.write(f"proc/{NOBODY}/cgroup", "0::/theirs")
    assert oom_counter(NOBODY, root.path) == machine
    root.write(f"proc/{NOBODY}/cgroup", "0::/ours")
    assert oom_counter(NOBODY, root.path) == root.path / "sys/fs/cgroup/memory.events"


def test_an_old_kernel_counts_nothing(root: "FakeRoot") -> None:
    """No file, or none with the line: then there is never any evidence."""
    assert oom_counter(NOBODY, root.path) is None
    root.write("proc/vmstat", "pgfault 1")
    assert oom_counter(NOBODY, root.path) is None


def test_a_rise_is_known_with_its_interval(root: "FakeRoot") -> None:
    """What was counted before anybody looked, and what rose at another time, is no evidence."""
    counter = in_v2(root, "/runs", 7)
    counters = OomCounters()
    counters.follow(counter, 100.0)
    counters.sweep([counter], 101.0)
    assert counters.rise(counter, 0.0, 101.0, 101.0) is None
    in_v2(root, "/runs", 9)
    counters.sweep([counter], 102.0)
    counters.sweep([counter], 103.0)
    rise = counters.rise(counter, 98.0, 102.5, 103.0)
    assert rise is not None
    assert (rise.counter, rise.kills, rise.since, rise.until) == (str(counter), 2, 101.0, 102.0)
    assert counters.rise(counter, 102.5, 110.0, 110.0) is None
    assert counters.rise(counter, 90.0, 100.5, 110.0) is None


def test_a_rise_after_the_last_sweep_is_seen_when_asked_for(root: "FakeRoot") -> None:
    """Who asks does not have to wait for the next look; and nothing is counted for what was before it."""
    counter = in_v2(root, "/runs", 0)
    counters = OomCounters()
    counters.sweep([counter], 100.0)
    in_v2(root, "/runs", 1)
    rise = counters.rise(counter, 90.0, 100.5, 101.0)
    assert rise is not None
    assert (rise.since, rise.until) == (100.0, 101.0)
    assert counters.rise(counter, 90.0, 99.5, 101.0) is None


def test_a_group_made_anew_begins_at_zero(root: "FakeRoot") -> None:
    """A counter that falls is another one of the same name; while it is gone nothing is known."""
    counter = in_v2(root, "/runs", 5)
    counters = OomCounters()
    counters.sweep([counter], 1.0)
    counter.unlink()
    counters.sweep([counter], 2.0)
    in_v2(root, "/runs", 1)
    counters.sweep([counter], 3.0)
    assert counters.rise(counter, 0.0, 9.0, 9.0) is None


@pytest.mark.skipif(not psutil.LINUX, reason="cgroups are Linux's")
def test_a_killed_process_and_the_count_of_its_group(root: "FakeRoot", child: "Start") -> None:
    """From the watch on a run on, its group is followed until the run is forgotten, end included."""
    run, other = child("say('up'); hear()"), child("say('up'); hear()")
    run.hear(), other.hear()
    in_v2(root, "/runs", 1, run.pid)
    in_v2(root, "/others", 0, other.pid)
    processes = RunProcesses(root=root.path)
    assert processes.watch("run", run.pid)
    assert processes.watch("other", other.pid)
    run.end()
    in_v2(root, "/runs", 2, run.pid)
    killed_at = time.time()
    processes.sweep(killed_at + 1)
    processes.sweep(killed_at + 2)
    usage = processes.usage("run")
    assert usage is not None
    assert usage.processes == 0
    assert processes.oom_rise("other", killed_at - 10, killed_at, killed_at + 2) is None
    rise = processes.oom_rise("run", killed_at - 10, killed_at, killed_at + 2)
    assert rise is not None
    assert rise.kills == 1
    processes.forget("run")
    assert processes.oom_rise("run", killed_at - 10, killed_at, killed_at + 2) is None


@pytest.mark.skipif(not psutil.LINUX, reason="cgroups are Linux's")
def test_this_kernel_counts() -> None:
    """Whatever the machine of the tests is, our own counter is found and can be read."""
    counter = oom_counter(os.getpid())
    assert counter is not None
    assert "oom_kill " in counter.read_text()
