"""A run that the kernel killed for want of memory: how it is recognized, and what comes of it."""

import contextlib
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.test_utils import wait_for_runs_to_finish
from dagster._daemon.auto_run_reexecution.auto_run_reexecution import (
    consume_new_runs_for_automatic_reexecution,
)
from dagster._grpc.types import ExecuteRunArgs
from dagster_shared.serdes import serialize_value
from typing_extensions import override

from adaptive_assets.assets import tags
from adaptive_assets.coordinator.book_watch import BookWatch
from adaptive_assets.coordinator.catalogue_store import CatalogueStore
from adaptive_assets.coordinator.cycle import Cycle
from adaptive_assets.coordinator.deployment import open_ledger
from adaptive_assets.coordinator.experience import Experience
from adaptive_assets.ledger import Ledger, OutOfMemory, RunUsageRow
from adaptive_assets.planning.estimates import Estimate, Source, Spread
from adaptive_assets.planning.resource_request import estimate_key
from adaptive_assets.planning.snapshot import ActiveRun, MachineReading, QueuedRun, Snapshot, Work
from adaptive_assets.policy import PolicyBook
from adaptive_assets.signals import MachineSampler, RunProcesses
from tests.coordinator.conftest import MakeWorld
from tests.coordinator.world import World

MIB = 2**20
GIB = 2**30
GREEDY = """
import os, time
from pathlib import Path
import dagster as dg

@dg.asset
def greedy(context) -> None:
    held = bytearray(b"x") * (300 << 20)
    Path(os.environ["GREEDY_PID"]).write_text(str(os.getpid()))
    time.sleep(600)

defs = dg.Definitions(assets=[greedy], executor=dg.multiprocess_executor)
"""
POLICIES = """\
version: 1
guards: {cpu: 100%, memory: 50%}
default: {estimate: {cpu: 0, memory: 1MiB, duration: 1s}}
"""


class Reading(MachineSampler):
    """A machine of 4 GiB, of which a quarter is in use."""

    fault = None

    def __init__(self) -> None: ...

    @override
    def latest(self, now: float, max_age_s: float = 15.0) -> MachineReading:
        return MachineReading(
            at=now, cpu_capacity=4.0, cpu_used=0.0, memory_capacity=4 * GIB, memory_used=GIB
        )


@dataclass
class Kernel:
    """A ``/proc`` and ``/sys`` that the test writes; all processes are in one cgroup."""

    root: Path

    def __post_init__(self) -> None:
        """Mount version 2 with nothing in it."""
        self._write("proc/self/cgroup", "0::/")
        mounted = "30 23 0:28 / /sys/fs/cgroup rw,relatime shared:7 - cgroup2 cgroup2 rw"
        self._write("proc/self/mountinfo", mounted)
        self.counts(3)

    def runs(self, pid: int) -> None:
        """The process is there."""
        self._write(f"proc/{pid}/cgroup", "0::/runs")

    def counts(self, kills: int) -> None:
        """So many were killed for want of memory in all."""
        self._write("sys/fs/cgroup/runs/memory.events", f"oom {kills}\noom_kill {kills}")

    def _write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{text}\n")


@dataclass
class Deployment:
    """A world whose cycles and whose run workers the test runs; the sampler looks when it is told to."""

    world: World
    ledger: Ledger
    processes: RunProcesses
    cycle: Cycle

    def admit(self, run_id: str) -> None:
        """A cycle lets the run go, and the daemon launches it."""
        self.cycle.run(time.time(), time.monotonic())
        assert self.world.run(run_id).tags[tags.ADMISSION] == tags.ADMITTED
        self.world.instance.launch_run(run_id, self.world.workspace)

    def snapshot_of(self, run_id: str) -> Snapshot:
        """The snapshot of the last decision about the run."""
        return self.ledger.snapshot(self.ledger.decisions_for_run(run_id)[-1].cycle_id)


Deploy = Callable[[Path], Deployment]


@pytest.fixture
def deploy(make_world: MakeWorld) -> Deploy:
    """``deploy(root)``: a deployment that finds the kernel's counters below ``root``."""

    def made(root: Path) -> Deployment:
        world = make_world(POLICIES, code=GREEDY, run_retries={"enabled": True})
        ledger = open_ledger(world.instance, None)
        processes = RunProcesses(root=root)
        cycle = Cycle(
            world.instance,
            books=BookWatch(world.policies),
            ledger=ledger,
            catalogues=CatalogueStore(ledger),
            machine=Reading(),
            processes=processes,
            node="here",
        )
        return Deployment(world, ledger, processes, cycle)

    return made


Start = Callable[[Deployment, str, Path], "subprocess.Popen[bytes]"]


@pytest.fixture
def start_worker() -> Iterator[Start]:
    """Starts run workers as launchers do, with Dagster's multiprocess executor in them; ends what is left."""
    workers: list[subprocess.Popen[bytes]] = []

    def start(deployment: Deployment, run_id: str, pid_file: Path) -> "subprocess.Popen[bytes]":
        run, instance = deployment.world.run(run_id), deployment.world.instance
        assert run.job_code_origin is not None
        arguments = ExecuteRunArgs(
            job_origin=run.job_code_origin, run_id=run_id, instance_ref=instance.get_ref()
        )
        command = [sys.executable, "-m", "dagster", "api", "execute_run", serialize_value(arguments)]
        environment = {**os.environ, "GREEDY_PID": str(pid_file)}
        workers.append(subprocess.Popen(command, env=environment, start_new_session=True))
        return workers[-1]

    yield start
    for worker in workers:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()


def step_of(worker: "subprocess.Popen[bytes]", pid_file: Path) -> int:
    """The process id of the step, once it holds what it holds."""
    while not (pid_file.exists() and pid_file.read_text()):
        assert worker.poll() is None, "the run worker has ended"
        time.sleep(0.05)
    return int(pid_file.read_text())


@pytest.mark.timeout(240)
def test_the_next_attempt_asks_for_more(deploy: Deploy, start_worker: Start, tmp_path: Path) -> None:
    """A real run, whose step is killed while its cgroup's counter rises, and Dagster's own retry of it."""
    kernel = Kernel(tmp_path / "root")
    deployment = deploy(kernel.root)
    world, pid_file = deployment.world, tmp_path / "pid"
    run_id = world.submit("greedy", tags={"dagster/max_retries": "1", "dagster/retry_strategy": "ALL_STEPS"})
    deployment.admit(run_id)
    worker = start_worker(deployment, run_id, pid_file)
    kernel.runs(worker.pid)
    step = step_of(worker, pid_file)
    deployment.cycle.run(time.time(), time.monotonic())
    deployment.processes.sweep(time.time())
    kernel.counts(4)
    os.kill(step, signal.SIGKILL)
    worker.wait()
    wait_for_runs_to_finish(world.instance, timeout=60)
    assert world.run(run_id).status is dg.DagsterRunStatus.FAILURE
    record = world.instance.get_run_record_by_id(run_id)
    assert record is not None
    # Dagster's retry comes before the cycle that learns of the failure: that cycle must know all the same
    daemon = logging.getLogger("retries")
    list(consume_new_runs_for_automatic_reexecution(world.process_context, [record], daemon))
    (retry,) = (run.run_id for run in world.instance.get_runs() if run.run_id != run_id)
    assert world.run(retry).root_run_id == run_id
    deployment.cycle.run(time.time(), time.monotonic())

    (usage,) = deployment.ledger.out_of_memory(run_id)
    assert (usage.run_id, usage.status, usage.root_run_id) == (run_id, "FAILURE", None)
    assert usage.memory_peak is not None
    assert usage.memory_peak > 300 * MIB
    evidence = usage.out_of_memory
    assert evidence is not None
    assert evidence.counter == str(kernel.root / "sys/fs/cgroup/runs/memory.events")
    assert evidence.kills == 1
    assert evidence.since <= evidence.killed_at <= evidence.until
    snapshot = deployment.snapshot_of(retry)
    (queued,) = snapshot.queued
    assert queued.estimate is not None
    assert queued.estimate.memory.p50 == pytest.approx(1.5 * usage.memory_peak)
    assert snapshot.estimates[estimate_key(queued.work, "full")].memory.p50 == queued.estimate.memory.p50


@pytest.mark.timeout(240)
def test_a_kill_that_nobody_counted_is_none_for_want_of_memory(
    deploy: Deploy, start_worker: Start, tmp_path: Path
) -> None:
    """SIGKILL may come from anybody: Dagster suspects memory, and we do not."""
    kernel = Kernel(tmp_path / "root")
    deployment = deploy(kernel.root)
    world, pid_file = deployment.world, tmp_path / "pid"
    run_id = world.submit("greedy")
    deployment.admit(run_id)
    worker = start_worker(deployment, run_id, pid_file)
    kernel.runs(worker.pid)
    step = step_of(worker, pid_file)
    deployment.cycle.run(time.time(), time.monotonic())
    deployment.processes.sweep(time.time())
    os.kill(step, signal.SIGKILL)
    worker.wait()
    wait_for_runs_to_finish(world.instance, timeout=60)
    deployment.cycle.run(time.time(), time.monotonic())
    (usage,) = deployment.ledger.usages()
    assert (usage.run_id, usage.status, usage.out_of_memory) == (run_id, "FAILURE", None)


EVIDENCE = OutOfMemory(killed_at=990.0, counter="memory.events", kills=1, since=989.0, until=990.0)
WORK = Work("greedy", "default", assets=("greedy",))


def killed(run_id: str, held: int, root: str | None = None) -> RunUsageRow:
    """A run that was killed for want of memory."""
    return RunUsageRow(
        run_id=run_id,
        work_key="greedy",
        policy="default",
        mode="full",
        node="here",
        status="FAILURE",
        submitted_at=900.0,
        launched_at=None,
        started_at=910.0,
        ended_at=990.0,
        memory_peak=held,
        root_run_id=root,
        out_of_memory=EVIDENCE,
    )


def snapshot_with(*queued: QueuedRun, strangers: int = 0) -> Snapshot:
    """A machine of 10 GiB and one of our runs on it, that holds 1 GiB."""
    active = ActiveRun("busy", Work("busy", "default"), "full", 900.0, 905.0, 1.0, GIB)
    machine = MachineReading(
        at=1000.0,
        cpu_capacity=4.0,
        cpu_used=0.0,
        memory_capacity=10 * GIB,
        memory_used=GIB + strangers,
    )
    return Snapshot(at=1000.0, queued=queued, active=(active,), machine=machine)


def estimate_of(run: QueuedRun | ActiveRun) -> Estimate:
    """What is told of this very run."""
    assert run.estimate is not None
    return run.estimate


def test_only_the_attempts_of_that_run_ask() -> None:
    """The next attempt has an estimate of its own; another run of the kind has that of the kind."""
    experience = Experience()
    experience.govern(PolicyBook.model_validate({"version": 1}))
    experience.ended([(WORK, killed("r1", 3 * GIB)), (WORK, killed("r2", 3 * GIB, root="r1"))])
    again, other = QueuedRun("r3", WORK, 995.0, root_run_id="r1"), QueuedRun("x", WORK, 996.0)
    known = experience.into(snapshot_with(again, other))
    assert known.queued[1] is other
    assert estimate_of(known.queued[0]).memory == Spread(4.5 * GIB, 6.75 * GIB, 6.75 * GIB)
    assert estimate_of(known.queued[0]).source is Source.OWN
    assert known.estimates[estimate_key(WORK, "full")].memory.p90 == 4.5 * GIB
    running = ActiveRun("r3", WORK, "full", 999.0, root_run_id="r1")
    counted = experience.into(replace(snapshot_with(), active=(running,)))
    assert estimate_of(counted.active[0]).memory.p90 == 6.75 * GIB


def test_nobody_asks_for_more_than_can_be_had() -> None:
    """The guard's share, less what strangers hold: to ask for more would be to wait for ever, or to fail."""
    experience = Experience()
    experience.govern(PolicyBook.model_validate({"version": 1, "guards": {"memory": "80%"}}))
    experience.ended([(WORK, killed("r1", 7 * GIB))])
    again = QueuedRun("r2", WORK, 995.0, root_run_id="r1")
    known = experience.into(snapshot_with(again))
    assert estimate_of(known.queued[0]).memory.p90 == 8 * GIB
    assert known.estimates[estimate_key(WORK, "full")].memory.p90 == 8 * GIB
    crowded = experience.into(snapshot_with(again, strangers=2 * GIB))
    assert estimate_of(crowded.queued[0]).memory.p90 == 6 * GIB
    blind = experience.into(replace(snapshot_with(again), machine=None))
    assert estimate_of(blind.queued[0]).memory.p90 == 10.5 * GIB


def test_a_new_daemon_remembers_who_asks(deploy: Deploy, tmp_path: Path) -> None:
    """The ledger has the evidence and the root run."""
    deployment = deploy(tmp_path / "root")
    run_id = deployment.world.submit("greedy")
    deployment.cycle.run(time.time(), time.monotonic())
    (decision,) = deployment.ledger.decisions_for_run(run_id)
    row = replace(killed("r1", 600 * MIB), work_key=decision.work_key)
    deployment.ledger.record_usage(usages=[row, replace(row, run_id="r2", root_run_id="r1")])
    experience = Experience()
    experience.recall(deployment.ledger)
    work = deployment.ledger.works()[decision.work_key]
    known = experience.into(snapshot_with(QueuedRun("r3", work, 995.0, root_run_id="r1")))
    assert estimate_of(known.queued[0]).memory.p90 == 1.5 * 1.5 * 600 * MIB
