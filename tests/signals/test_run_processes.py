import os
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import psutil
import pytest

from adaptive_assets.signals import RunProcesses, RunUsage, process_tree
from adaptive_assets.signals.smoothing import smoothed

if TYPE_CHECKING:
    from tests.signals.conftest import Child

    Start = Callable[[str], Child]

MIB = 1024**2

on_linux = pytest.mark.skipif(not psutil.LINUX, reason="the kernel's own accounting is Linux's")


def look(processes: RunProcesses, run_id: str = "run") -> RunUsage:
    """Sweep, and the usage that came of it."""
    processes.sweep(time.time())
    assert processes.problems == ()
    usage = processes.usage(run_id)
    assert usage is not None
    return usage


def watching(child: "Child") -> RunProcesses:
    """Follows ``child`` as the run "run"."""
    processes = RunProcesses()
    assert processes.watch("run", child.pid, child.create_time)
    return processes


def test_memory_now_and_at_its_peak(child: "Start") -> None:
    """100 MiB show while they are held, and stay in the peak when they were given back."""
    run = child("""
        block = bytearray(b'x') * (100 << 20)
        say('holding'); hear()
        del block
        say('released'); hear()
    """)
    processes = watching(run)
    run.hear()
    held = look(processes)
    assert 100 * MIB < held.memory_now < 160 * MIB
    run.say()
    run.hear()
    released = look(processes)
    assert released.memory_now < 60 * MIB
    assert released.memory_peak >= 100 * MIB
    assert (released.samples, released.processes) == (2, 1)


@on_linux
def test_a_peak_between_two_looks_is_not_missed(child: "Start") -> None:
    """The kernel keeps a mark of the most that a process ever had."""
    run = child("block = bytearray(b'x') * (100 << 20); del block; say('released'); hear()")
    run.hear()
    usage = look(watching(run))
    assert usage.memory_now < 60 * MIB
    assert usage.memory_peak >= 100 * MIB


SPIN = "while time.process_time() < 0.45: pass"
"""Uses at least 0.4 s of CPU; the kernel tells whole ticks of user and of system time."""


def test_cpu_in_seconds_and_in_cores(child: "Start") -> None:
    """Cores are smoothed from none at the start of the process, as the machine's are."""
    run = child(f"{SPIN}\nsay('spun'); hear()")
    processes = RunProcesses(monotonic=lambda: 0.0)
    assert processes.watch("run", run.pid)
    run.hear()
    processes.sweep(run.create_time + 2.0)
    usage = processes.usage("run")
    assert usage is not None
    assert usage.cpu_seconds >= 0.4
    assert usage.cpu_now == pytest.approx(smoothed(0.0, usage.cpu_seconds / 2.0, 2.0, 5.0))


def test_cores_between_two_looks(child: "Start") -> None:
    """The rate since the last look, by a clock that nobody sets back."""
    run = child(f"say('ready'); hear()\n{SPIN}\nsay('spun'); hear()")
    at = 0.0
    processes = RunProcesses(monotonic=lambda: at, smoothing_s=0.0)
    assert processes.watch("run", run.pid)
    run.hear()
    first = look(processes)
    run.say()
    run.hear()
    at = 2.0
    processes.sweep(first.at - 3600.0)
    second = processes.usage("run")
    assert second is not None
    assert second.cpu_now == pytest.approx((second.cpu_seconds - first.cpu_seconds) / 2.0)
    assert second.cpu_now > 0.1
    at = 2.0
    assert look(processes).cpu_now == pytest.approx(second.cpu_now)


def test_what_all_runs_use_is_smoothed_as_the_machine_is(child: "Start") -> None:
    """Each counts from the start of its process, and one that has ended fades as it does in the machine's."""
    at = 0.0
    processes = RunProcesses(monotonic=lambda: at)
    assert processes.cpu_now == 0.0
    runs = {name: child(f"{SPIN}\nsay('spun'); hear()") for name in ("first", "second")}
    for name, run in runs.items():
        run.hear()
        assert processes.watch(name, run.pid)
    processes.sweep(max(run.create_time for run in runs.values()) + 1.0)
    usages = [processes.usage(name) for name in runs]
    both = sum(usage.cpu_now for usage in usages if usage)
    assert processes.cpu_now == pytest.approx(both)
    assert both > 0.1
    at = 1.0
    processes.sweep(time.time())  # they wait
    waiting = smoothed(both, 0.0, 1.0, 5.0)
    assert processes.cpu_now == pytest.approx(waiting, rel=0.1)
    runs["first"].end()
    at = 6.0
    processes.sweep(time.time())
    assert processes.cpu_now == pytest.approx(smoothed(waiting, 0.0, 5.0, 5.0), rel=0.1)
    for name in runs:
        processes.forget(name)
    at = 11.0
    processes.sweep(time.time())
    forgotten, at = processes.cpu_now, 16.0
    assert forgotten > 0.0
    processes.sweep(time.time())
    assert processes.cpu_now == pytest.approx(smoothed(forgotten, 0.0, 5.0, 5.0))


def test_a_run_that_is_gone_is_taken_to_have_worked_for_half_of_the_time(child: "Start") -> None:
    """Between its last look and the next it ended, and nobody tells when."""
    at = 0.0
    processes = RunProcesses(monotonic=lambda: at)
    run = child(f"say('ready'); hear()\n{SPIN}\nsay('spun'); hear()")
    run.hear()
    assert processes.watch("run", run.pid)
    before = look(processes)
    run.say()
    run.hear()
    at = 1.0
    cores = look(processes).cpu_seconds - before.cpu_seconds
    assert cores > 0.3
    used = processes.cpu_now
    run.end()
    at = 2.0
    assert look(processes).cpu_now == 0.0
    assert processes.cpu_now == pytest.approx(smoothed(used, cores / 2, 1.0, 5.0))


GRANDCHILD = (
    f"import time; block = bytearray(b'x') * (64 << 20); exec({SPIN!r}); print('spun', flush=True); input()"
)


@pytest.mark.parametrize("listed", [pytest.param(True, marks=on_linux), False])
def test_grandchildren_belong_to_the_run_and_their_time_stays(
    child: "Start", monkeypatch: pytest.MonkeyPatch, listed: bool
) -> None:
    """Counted while they live, and once, not twice, when their parent has waited for them.

    Whether the kernel lists children by itself or all processes are searched for them.
    """
    monkeypatch.setattr(process_tree, "_kernel_lists_children", lambda: listed)
    run = child(f"""
        grandchild = subprocess.Popen([sys.executable, '-c', {GRANDCHILD!r}], stdin=subprocess.PIPE)
        hear(); grandchild.communicate(b'end')
        say('waited'); hear()
    """)
    processes = watching(run)
    assert run.hear() == "spun"
    with_grandchild = look(processes)
    assert with_grandchild.processes == 2
    assert with_grandchild.memory_now > 64 * MIB
    assert with_grandchild.cpu_seconds >= 0.4
    again = look(processes)
    assert again.processes == 2
    assert again.cpu_seconds < with_grandchild.cpu_seconds + 0.2
    run.say()
    run.hear()
    alone = look(processes)
    assert alone.processes == 1
    assert alone.memory_now < 60 * MIB
    assert with_grandchild.cpu_seconds <= alone.cpu_seconds < with_grandchild.cpu_seconds + 0.3


@on_linux
def test_time_of_children_that_come_and_go(child: "Start") -> None:
    """The total follows the kernel's own account of the parent, and never goes down on the way."""
    run = child(f"""
        spin = 'import time\\n' + {SPIN!r}.replace('0.45', '0.1')
        for _ in range(4):
            subprocess.run([sys.executable, '-c', spin], check=True)
            say(sum(os.times()[:4])); hear()
    """)
    processes = watching(run)
    totals = []
    for _ in range(4):
        time.sleep(0.05)
        totals.append(look(processes).cpu_seconds)
        accounted = float(run.hear())
        totals.append(look(processes).cpu_seconds)
        assert totals[-1] == pytest.approx(accounted, abs=0.05)
        run.say()
    assert totals == sorted(totals)


@on_linux
def test_a_grandchild_that_nobody_saw_is_counted(child: "Start") -> None:
    """Its parent waited for it, and the kernel handed over its time."""
    run = child(f"""
        subprocess.run([sys.executable, '-c', {SPIN!r}.replace('while', 'import time\\nwhile')], check=True)
        say('waited'); hear()
    """)
    run.hear()
    assert look(watching(run)).cpu_seconds >= 0.4


def test_orphans_are_followed(child: "Start") -> None:
    """A process whose parent has ended goes on working for the run."""
    run = child(f"""
        grandchild = subprocess.Popen([sys.executable, '-c', {GRANDCHILD!r}], stdin=subprocess.PIPE)
        hear(); say(grandchild.pid); hear(); os._exit(0)
    """)
    processes = watching(run)
    assert run.hear() == "spun"
    both = look(processes)
    run.say()
    orphan = psutil.Process(int(run.hear()))
    try:
        orphan.suspend()  # its input ends with its parent, and it is to stay
        run.say()
        run.process.wait()
        left = look(processes)
        assert left.processes == 1
        assert left.memory_now > 64 * MIB
        assert left.cpu_seconds >= both.cpu_seconds
    finally:
        orphan.kill()
        psutil.wait_procs([orphan], timeout=10)
    gone = look(processes)
    assert (gone.processes, gone.memory_now, gone.cpu_now) == (0, 0, 0.0)
    assert gone.cpu_seconds >= left.cpu_seconds


def test_an_ended_run_keeps_its_totals(child: "Start") -> None:
    """Usage stays until it is asked for with forget, and then is gone."""
    run = child(f"{SPIN}\nsay('spun'); hear()")
    processes = watching(run)
    run.hear()
    before = look(processes)
    run.end()
    after = look(processes)
    assert (after.processes, after.memory_now, after.cpu_now) == (0, 0, 0.0)
    assert after.cpu_seconds == before.cpu_seconds
    assert after.memory_peak == before.memory_peak
    assert look(processes) == after, "a run that has ended is not looked at again"
    assert processes.forget("run") == after
    assert processes.forget("run") is None
    assert processes.usage("run") is None


def test_a_zombie_uses_nothing(child: "Start") -> None:
    """A run that ended, and whose parent has not waited for it, has its totals and no process."""
    run = child(SPIN)
    processes = watching(run)
    run.wait_as_zombie()
    usage = look(processes)
    assert (usage.processes, usage.memory_now) == (0, 0)
    assert usage.cpu_seconds >= 0.4
    assert not processes.watch("run", run.pid)
    assert look(processes) == usage


def test_a_pid_that_passed_to_another_process(child: "Start") -> None:
    """A process that started at another time, or after the pid was known to be the run's, is not the run."""
    other = child("say('ready'); hear()")
    other.hear()
    processes = RunProcesses()
    assert not processes.watch("run", other.pid, other.create_time - 60)
    assert not processes.watch("run", other.pid, known_at=other.create_time - 60)
    processes.sweep(time.time())
    assert processes.usage("run") is None
    assert processes.watch("run", other.pid, other.create_time, known_at=time.time())


def test_a_pid_that_nobody_has(child: "Start") -> None:
    """Nothing to follow is no error: the run has just ended, or runs elsewhere."""
    run = child("")
    run.process.wait()
    processes = RunProcesses()
    assert not processes.watch("run", run.pid)
    assert not processes.watch("run", -1)
    assert processes.forget("run") is None


def test_watching_again_changes_nothing(child: "Start") -> None:
    """A coordinator may say it every cycle."""
    run = child("say('ready'); hear()")
    run.hear()
    processes = watching(run)
    assert processes.usage("run") is None
    first = look(processes)
    assert processes.watch("run", run.pid)
    assert processes.watch("run", run.pid, run.create_time)
    assert processes.usage("run") == first
    assert look(processes).samples == 2


def test_a_resumed_run_adds_up(child: "Start") -> None:
    """Dagster starts a new process for a run whose worker was lost; what the lost one used was used."""
    lost = child(f"block = bytearray(b'x') * (64 << 20)\n{SPIN}\nsay('spun'); hear()")
    processes = watching(lost)
    lost.hear()
    before = look(processes)
    lost.end()
    resumed = child(f"{SPIN}\nsay('spun'); hear()")
    resumed.hear()
    assert processes.watch("run", resumed.pid)
    assert processes.usage("run") == before
    after = look(processes)
    assert after.cpu_seconds >= before.cpu_seconds + 0.4
    assert after.memory_peak == before.memory_peak
    assert after.memory_now < 60 * MIB
    assert after.samples == 2


@on_linux
def test_shared_memory_is_counted_once(child: "Start") -> None:
    """Two processes that map the same 64 MiB hold 64 MiB."""
    run = child("""
        import mmap
        shared = mmap.mmap(-1, 64 << 20)
        shared.write(b'x' * (64 << 20))
        if os.fork() == 0:
            shared.seek(0); shared.read()
            say('read'); hear(); os._exit(0)
        os.wait()
    """)
    processes = watching(run)
    run.hear()
    usage = look(processes)
    assert usage.processes == 2
    assert 64 * MIB < usage.memory_now < 110 * MIB


@on_linux
def test_bytes_of_disks(child: "Start", tmp_path: object) -> None:
    """What was written down to a disk is counted, and never goes down."""
    run = child(f"""
        file = os.open({str(tmp_path)!r} + '/file', os.O_CREAT | os.O_WRONLY)
        os.write(file, b'x' * (1 << 20)); os.fsync(file)
        say('written'); hear()
    """)
    run.hear()
    processes = watching(run)
    usage = look(processes)
    assert usage.io_write is not None
    assert usage.io_write in (0, *range(1 << 20, 2 << 20)), "nothing only where files live in memory"
    run.end()
    assert look(processes).io_write == usage.io_write


def test_what_the_kernel_does_not_show_is_unknown(child: "Start", monkeypatch: pytest.MonkeyPatch) -> None:
    """The bytes of another user's run are unknown, not zero; its CPU and memory are still seen."""
    run = child("say('ready'); hear()")
    run.hear()

    def refuse(process: psutil.Process) -> None:
        raise psutil.AccessDenied(process.pid)

    monkeypatch.setattr(psutil.Process, "io_counters", refuse, raising=False)
    usage = look(watching(run))
    assert (usage.io_read, usage.io_write) == (None, None)
    assert usage.memory_now > 0


def test_a_process_that_may_not_be_looked_at_keeps_its_last_figures(
    child: "Start", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused is neither ended nor a fault."""
    run = child("say('ready'); hear()")
    run.hear()
    processes = watching(run)
    before = look(processes)

    def refuse(process: psutil.Process) -> None:
        raise psutil.AccessDenied(process.pid)

    monkeypatch.setattr(psutil.Process, "status", refuse)
    after = look(processes)
    assert (after.processes, after.memory_now) == (1, before.memory_now)


def test_watch_and_forget_while_a_sweep_goes_on(child: "Start") -> None:
    """Callers and the sampler's thread do not get in each other's way."""
    run = child("say('ready'); hear()")
    run.hear()
    processes = RunProcesses()
    stop, problems = threading.Event(), list[Exception]()

    def sweep() -> None:
        while not stop.is_set():
            processes.sweep(time.time())
            problems.extend(processes.problems)

    thread = threading.Thread(target=sweep)
    thread.start()
    try:
        for number in range(300):
            assert processes.watch(f"run {number % 7}", run.pid)
            processes.forget(f"run {number % 5}")
    finally:
        stop.set()
        thread.join()
    assert problems == []


def test_our_own_process_can_be_watched() -> None:
    """With all children that we have now."""
    processes = RunProcesses()
    assert processes.watch("us", os.getpid())
    usage = look(processes, "us")
    assert usage.processes >= 1
    assert usage.memory_now > 0
    processes.clear()
    assert processes.usage("us") is None
