"""Which process is a run's own: real processes, and what others said of them."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from adaptive_assets.signals import Belonging, Claim, RunProcesses, RunUsage
from adaptive_assets.signals.belonging import belonging

if TYPE_CHECKING:
    from tests.signals.conftest import Child

    Start = Callable[[str], Child]

RUN_ID = "5f3c1f6e-64ab-4c38-9a5d-0b5f6e1f0c11"
SOCKET = "/tmp/code-server-7b1f"
MIB = 1024**2
SPIN = "until = time.process_time() + 0.45\nwhile time.process_time() < until: pass"

on_linux = pytest.mark.skipif(not psutil.LINUX, reason="reads /proc")


def claim(pid: int, *, created_at: float | None = None, server: str | None = None) -> Claim:
    """An event of just now names ``pid``; the run was made a minute ago."""
    now = time.time()
    return Claim(
        RUN_ID, pid, at=now, created_at=now - 60 if created_at is None else created_at, server=server
    )


def seen(pid: int, of: Claim) -> Belonging:
    """What the process is to the run."""
    return belonging(psutil.Process(pid), of)


def test_a_process_that_nothing_ties_to_the_run(child: "Start") -> None:
    """Not even when an event names its pid: that may have been said on another host, or in a container."""
    other = child("say('ready'); hear()")
    other.hear()
    processes = RunProcesses()
    assert processes.claim(claim(other.pid)) is Belonging.UNKNOWN
    processes.sweep(time.time())
    assert processes.usage(RUN_ID) is None


def test_the_hosts_init_is_no_run() -> None:
    """In a container every run's pid is 1."""
    processes = RunProcesses()
    assert processes.claim(claim(1)) is not Belonging.OWN
    processes.sweep(time.time())
    assert processes.forget(RUN_ID) is None


def test_our_own_process_is_no_run() -> None:
    """The daemon, too, may have the pid that a run has elsewhere."""
    assert RunProcesses().claim(claim(os.getpid())) is Belonging.UNKNOWN


def test_a_pid_that_nobody_has(child: "Start") -> None:
    """The run has ended, or runs elsewhere."""
    gone = child("")
    gone.process.wait()
    assert RunProcesses().claim(claim(gone.pid)) is Belonging.ALIEN


def test_a_process_that_started_after_it_was_named(child: "Start") -> None:
    """The pid passed to it from the run's."""
    later = child(f"say('ready'); hear()  # {RUN_ID}")
    later.hear()
    named_before = replace(claim(later.pid), at=later.create_time - 60)
    assert RunProcesses().claim(named_before) is Belonging.ALIEN


def test_the_run_is_named_on_the_command_line(child: "Start") -> None:
    """As by ``dagster api execute_run``."""
    run = child(f"say('ready'); hear()  # {RUN_ID}")
    run.hear()
    assert RunProcesses().claim(claim(run.pid)) is Belonging.OWN


def test_the_run_is_named_in_the_environment() -> None:
    """As where a launcher starts a process or a container for one run."""
    with subprocess.Popen(
        [sys.executable, "-c", "print(flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "RUN": RUN_ID},
    ) as run:
        assert run.stdout
        run.stdout.readline()  # the environment can be read a moment after the process is there
        assert RunProcesses().claim(claim(run.pid)) is Belonging.OWN


SERVER = """
process = subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE)
say(process.pid); hear(); process.communicate()
"""


@pytest.fixture
def spawned(tmp_path: Path) -> Iterator[Callable[[str], int]]:
    """``spawned(address)``: the pid of a process whose parent is started as a code server is."""
    servers = []

    def start(address: str) -> int:
        script = tmp_path / "dagster"
        script.write_text(
            f"import subprocess, sys\nhear, say = input, lambda x: print(x, flush=True)\n{SERVER}"
        )
        server = subprocess.Popen(
            [sys.executable, str(script), "api", "grpc", "--socket", address],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        servers.append(server)
        assert server.stdout is not None
        return int(server.stdout.readline())

    yield start
    for server in servers:
        server.communicate("end\n")


def test_the_code_server_that_was_asked_started_it(spawned: Callable[[str], int]) -> None:
    """Its own command line and environment say nothing of the run."""
    pid = spawned(SOCKET)
    assert seen(pid, claim(pid, server=SOCKET)) is Belonging.OWN
    assert seen(pid, claim(pid, server="/tmp/another")) is Belonging.UNKNOWN
    assert seen(pid, claim(pid)) is Belonging.UNKNOWN
    made_later = claim(pid, created_at=time.time() + 60, server=SOCKET)
    assert seen(pid, made_later) is Belonging.UNKNOWN


POOLED = f"""
import pathlib
{SPIN}
block = bytearray(b'x') * (100 << 20); del block
say('idle')
folder = pathlib.Path(hear()); folder.mkdir(parents=True)
file = (folder / 'step.out').open('w')
say('captures'); hear()
{SPIN}
say('worked'); hear(); file.close()
{SPIN}
say('next'); hear()
"""


def pool(child: "Start") -> "Child":
    """A process that has worked before, then for the run, and then for another; it hears where to write."""
    worker = child(POOLED)
    worker.hear()
    return worker


def look(processes: RunProcesses, at: float) -> RunUsage:
    """Sweep at ``at``, and the usage that came of it."""
    processes.sweep(at)
    assert processes.problems == ()
    usage = processes.usage(RUN_ID)
    assert usage is not None
    return usage


def test_of_a_pooled_process_only_what_it_did_for_the_run(child: "Start", tmp_path: Path) -> None:
    """Neither what it used for earlier runs, nor what it uses for the next one before we hear of the end."""
    worker = pool(child)
    processes = RunProcesses()
    assert processes.claim(claim(worker.pid)) is Belonging.UNKNOWN
    worker.say(str(tmp_path / RUN_ID / "compute_logs"))
    worker.hear()
    assert processes.claim(claim(worker.pid)) is Belonging.POOLED
    first = look(processes, 1000.0)
    assert (first.cpu_seconds, first.since) == (0.0, 1000.0)
    assert first.memory_peak < 60 * MIB, "the mark of earlier work is not this run's"
    worker.say()
    worker.hear()
    worked = look(processes, 1010.0)
    assert 0.4 <= worked.cpu_seconds < 0.8
    worker.say()
    worker.hear()
    assert look(processes, 1011.0).cpu_seconds >= 0.8
    assert processes.forget(RUN_ID, ended_at=1010.5) == worked


def test_a_pooled_process_that_was_never_seen_at_work(child: "Start", tmp_path: Path) -> None:
    """The run had ended before the first look: nothing is known."""
    worker = pool(child)
    worker.say(str(tmp_path / RUN_ID / "compute_logs"))
    worker.hear()
    processes = RunProcesses()
    assert processes.claim(claim(worker.pid)) is Belonging.POOLED
    look(processes, 1000.0)
    assert processes.forget(RUN_ID, ended_at=999.0) is None


@on_linux
def test_who_reads_the_runs_files_does_not_work_for_it(child: "Start", tmp_path: Path) -> None:
    """A webserver shows them."""
    (tmp_path / RUN_ID).mkdir()
    (tmp_path / RUN_ID / "out").write_text("")
    reader = child("file = open(hear()); say('reads'); hear()")
    reader.say(str(tmp_path / RUN_ID / "out"))
    reader.hear()
    assert RunProcesses().claim(claim(reader.pid)) is Belonging.UNKNOWN


@on_linux
def test_a_process_of_another_pid_namespace() -> None:
    """It has another pid there, and so the event of that pid speaks of another process."""
    unshare = shutil.which("unshare")
    if unshare is None or subprocess.run([unshare, "--pid", "--fork", "true"], check=False).returncode:
        pytest.skip("may not make a pid namespace here")
    with subprocess.Popen([unshare, "--pid", "--fork", "sleep", "60"], env={"RUN": RUN_ID}) as outer:
        try:
            while not (inside := psutil.Process(outer.pid).children()):
                time.sleep(0.01)
            assert RunProcesses().claim(claim(inside[0].pid)) is Belonging.ALIEN
        finally:
            for process in psutil.Process(outer.pid).children():
                process.kill()
            outer.kill()
