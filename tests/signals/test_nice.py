"""CPU weights on real processes: who gets how much of a core that two want, and what is left alone."""

import errno
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from adaptive_assets.policy.weights import nice_of
from adaptive_assets.signals import RunProcesses
from adaptive_assets.signals.nice import RunNice
from adaptive_assets.signals.task_groups import WHOLE_MACHINE, task_group
from tests.signals.conftest import FakeRoot

if TYPE_CHECKING:
    from tests.signals.conftest import Child

    Start = Callable[[str], Child]

on_linux = pytest.mark.skipif(not psutil.LINUX, reason="nice of threads and of sessions is Linux's")
as_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become another user"
)

SPIN = """
    say('ready'); hear()
    while True: pass
"""


@pytest.mark.parametrize(
    ("weight", "nice"), [(10_000, 0), (100, 0), (80, 1), (20, 7), (4, 14), (1.5, 19), (1, 19)]
)
def test_a_weight_is_the_nice_with_that_share(weight: float, nice: int) -> None:
    """Each step of nice is a factor of 1.25; never below 0, which needs privileges, nor above 19."""
    assert nice_of(weight) == nice


def cpu_s(*children: "Child") -> list[float]:
    """What each child has used, with what its children use."""
    trees = [[psutil.Process(c.pid), *psutil.Process(c.pid).children(recursive=True)] for c in children]
    return [sum(sum(one.cpu_times()[:2]) for one in tree) for tree in trees]


def shares(processes: RunProcesses, *children: "Child", cpu_time: float = 1.0) -> list[float]:
    """How these CPU-bound children share one core, once they have used ``cpu_time`` seconds of it."""
    cpu = min(os.sched_getaffinity(0))
    for one in children:
        for process in (psutil.Process(one.pid), *psutil.Process(one.pid).children(recursive=True)):
            process.cpu_affinity([cpu])
        one.say()
    processes.sweep(time.time())
    assert processes.problems == ()
    before, used = cpu_s(*children), [0.0 for _ in children]
    while sum(used) < cpu_time:
        time.sleep(0.1)
        used = [now - then for now, then in zip(cpu_s(*children), before, strict=True)]
    return [each / sum(used) for each in used]


def weighed(child: "Start", *runs: tuple[str, float]) -> tuple[RunProcesses, list["Child"]]:
    """Starts the children that run this code, each with this CPU weight."""
    processes, children = RunProcesses(), list["Child"]()
    for number, (code, weight) in enumerate(runs):
        one = child(code)
        children.append(one)
        assert one.hear() == "ready"
        assert processes.watch(f"run {number}", one.pid)
        kept = processes.weigh(f"run {number}", weight)
        assert kept is not None
        assert not kept.refused
    return processes, children


@on_linux
def test_lower_weights_yield_to_higher_ones(child: "Start") -> None:
    """Three tiers on one core, by the kernel's own table: 1024, 215 and 45."""
    processes, runs = weighed(child, (SPIN, 100), (SPIN, 20), (SPIN, 4))
    high, middle, low = shares(processes, *runs, cpu_time=2.0)
    assert high > 0.65
    assert 0.08 < middle < 0.3
    assert low < 0.1


@on_linux
def test_children_and_their_sessions_yield_as_well(child: "Start") -> None:
    """What a run starts inherits its nice; a session of its own gets it by its autogroup."""
    code = """
    ready = "print('up', flush=True)\\nwhile True: pass"
    helper = subprocess.Popen([sys.executable, '-c', ready], stdout=subprocess.PIPE, start_new_session=True)
    helper.stdout.readline()
    say('ready'); hear(); hear()
    """
    processes, (high, low) = weighed(child, (SPIN, 100), (code, 4))
    assert shares(processes, high, low)[1] < 0.2
    (helper,) = psutil.Process(low.pid).children()
    assert helper.nice() == 14
    file = Path(f"/proc/{helper.pid}/autogroup")
    if file.exists() and file.read_text().strip():
        assert file.read_text().split()[-1] == "14"


@on_linux
def test_threads_that_run_already_are_raised(child: "Start") -> None:
    """Each thread has a nice of its own."""
    processes, (run,) = weighed(
        child, ("import threading; threading.Thread(target=hear).start(); say('ready'); time.sleep(60)", 20)
    )
    del processes
    threads = [int(name) for name in os.listdir(f"/proc/{run.pid}/task")]
    assert len(threads) == 2
    assert {os.getpriority(os.PRIO_PROCESS, thread) for thread in threads} == {7}


@on_linux
def test_a_nice_that_a_user_has_set_is_never_lowered(child: "Start") -> None:
    """Neither a higher one of the run, nor one that a step sets later."""
    code = "os.nice(12); say('ready'); hear(); os.nice(5); say('nicer'); hear()"
    processes, (run,) = weighed(child, (code, 20))
    assert psutil.Process(run.pid).nice() == 12
    run.say()
    assert run.hear() == "nicer"
    processes.sweep(time.time())
    assert psutil.Process(run.pid).nice() == 17


@on_linux
def test_weights_count_from_the_nice_of_the_code_server(child: "Start") -> None:
    """A server that a user started with nice 5 has its runs at 5 and more."""
    server = child(
        """
        os.nice(5)
        run = subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE)
        say(run.pid); hear(); run.kill()
        """
    )
    pid = int(server.hear())
    assert RunNice(pid, 20).nice == 12
    assert RunNice(pid, 100).nice == 0  # nothing is asked of it: it stays as it was started
    assert RunNice(pid, 1).nice == 19


def test_a_weight_is_given_once(child: "Start") -> None:
    """A policy that changes while the run runs does not move it."""
    processes, (run,) = weighed(child, (SPIN, 20))
    processes.weigh("run 0", 4)
    assert psutil.Process(run.pid).nice() == 7


def test_a_process_that_has_ended_is_no_error(child: "Start") -> None:
    """Before it is weighed, and between two sweeps."""
    first, second = child(SPIN), child(SPIN)
    processes = RunProcesses()
    for name, one in (("first", first), ("second", second)):
        one.hear()
        assert processes.watch(name, one.pid)
    first.end()
    assert processes.weigh("first", 20) is None
    assert processes.weigh("nobody", 20) is None
    kept = processes.weigh("second", 20)
    second.end()
    processes.sweep(time.time())
    assert processes.problems == ()
    assert kept is not None
    assert kept.refused == ""


def test_whatever_the_system_says_no_with_is_a_refusal(
    child: "Start", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as a read-only /proc: not that the run has ended, which would say nothing."""
    run = child(SPIN)
    run.hear()
    processes = RunProcesses()
    assert processes.watch("run", run.pid)

    def read_only(*_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr("os.setpriority", read_only)
    kept = processes.weigh("run", 20)
    assert kept is not None
    assert kept.refused == "Read-only file system"


def test_a_pooled_process_is_left_alone(child: "Start") -> None:
    """It works for another run next, and its nice could not be lowered again."""
    run = child(SPIN)
    run.hear()
    processes = RunProcesses()
    assert processes.watch("run", run.pid, pooled=True)
    assert processes.weigh("run", 4) is None
    assert psutil.Process(run.pid).nice() == 0


@as_root
@on_linux
def test_a_refusal_is_kept_and_the_run_unharmed(child: "Start") -> None:
    """A process of another user, as a daemon without rights meets it."""
    run = child("say('ready'); hear(); say('well')")
    run.hear()
    nice = RunNice(run.pid, 20)

    def as_nobody() -> None:
        # of this thread alone: the C library would change all of them
        import ctypes

        libc = ctypes.CDLL(None, use_errno=True)
        assert libc.syscall(_SETRESUID, 65534, 65534, 65534) == 0
        nice.apply([run.pid])

    thread = threading.Thread(target=as_nobody)
    thread.start()
    thread.join()
    assert nice.refused == "Operation not permitted"
    assert psutil.Process(run.pid).nice() == 0
    run.say()
    assert run.hear() == "well"


_SETRESUID = 117 if os.uname().machine == "x86_64" else 147
"""The number of the system call."""


@on_linux
def test_processes_of_one_session_share_a_task_group(child: "Start") -> None:
    """Where autogroups are on; a session of its own is one of the groups of the whole machine."""
    same, own = child(SPIN), child("os.setsid(); say('ready'); hear()")
    same.hear()
    own.hear()
    assert task_group(same.pid) == task_group(same.pid)
    if Path("/proc/sys/kernel/sched_autogroup_enabled").exists():
        assert task_group(own.pid) in {WHOLE_MACHINE, task_group(same.pid)}


def test_groups_of_the_cpu_controller_end_autogroups(root: FakeRoot) -> None:
    """In version 2 the next group above that has the controller."""
    pid = os.getpid()
    root.mount("cgroup2", "/sys/fs/cgroup")
    root.write(f"proc/{pid}/cgroup", "0::/system.slice/code.service")
    session = f"session {os.getsid(0)}" if os.getsid(0) != pid else WHOLE_MACHINE
    assert task_group(pid, root.path) == WHOLE_MACHINE
    root.write("proc/sys/kernel/sched_autogroup_enabled", 1)
    (root.path / "sys/fs/cgroup/system.slice/code.service").mkdir(parents=True)
    assert task_group(pid, root.path) == session
    root.write("sys/fs/cgroup/system.slice/cpu.weight", 100)
    assert task_group(pid, root.path) == "cgroup /sys/fs/cgroup/system.slice"
    root.write("sys/fs/cgroup/system.slice/code.service/cpu.weight", 100)
    assert task_group(pid, root.path) == "cgroup /sys/fs/cgroup/system.slice/code.service"


def test_groups_of_version_1(root: FakeRoot) -> None:
    """Only the top of the whole tree has a release agent; in a container the mount shows a part of it."""
    pid = os.getpid()
    root.mount("cgroup", "/sys/fs/cgroup/cpu", options="rw,cpu,cpuacct")
    root.write(f"proc/{pid}/cgroup", "4:cpu,cpuacct:/\n1:memory:/jobs")
    agent = root.write("sys/fs/cgroup/cpu/release_agent", "")
    assert task_group(pid, root.path) == WHOLE_MACHINE
    agent.unlink()
    assert task_group(pid, root.path) == "cgroup /sys/fs/cgroup/cpu"
    root.write(f"proc/{pid}/cgroup", "4:cpu,cpuacct:/jobs/7")
    assert task_group(pid, root.path) == "cgroup /sys/fs/cgroup/cpu/jobs/7"
