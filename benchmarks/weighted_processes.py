"""Three tiers that compete for one core: as real processes with nice levels, and in the simulator.

The processes are plain ones that use so many seconds of CPU. They are children of the benchmark and so of one
session: where the kernel groups by session (``kernel.sched_autogroup_enabled``), nice counts among them. All
are kept to one core. The simulated one is as large as the part of it that they got in all, while any of them
ran: how strangers divide a core is their kernel groups' affair, and not what is compared here.
"""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Final

from adaptive_assets.planning.decisions import Plan
from adaptive_assets.planning.snapshot import Snapshot
from adaptive_assets.policy import PolicyBook
from adaptive_assets.policy.weights import nice_of
from adaptive_assets.simulation.baselines.stock import launch
from adaptive_assets.simulation.engine.cluster import Cluster
from adaptive_assets.simulation.engine.policy_assignment import plain_book
from adaptive_assets.simulation.engine.settings import Settings
from adaptive_assets.simulation.engine.simulator import simulate
from adaptive_assets.simulation.traces.trace import TracedRun, Workload

__all__ = ["JOBS", "Job", "Seen", "play", "turnarounds"]

_BURN: Final = "import sys, time\nwhile time.process_time() < float(sys.argv[1]):\n    sum(range(20_000))\n"
_MIB: Final = 2**20
_EVERY_S: Final = 0.02


@dataclass(frozen=True, slots=True)
class Job:
    """A process of a tier that comes after so many seconds and uses so many seconds of CPU."""

    tier: str
    submit_s: float
    core_s: float


JOBS: Final = (
    *(Job("critical", at, 3.0) for at in (2.0, 12.0, 22.0)),
    *(Job("standard", at, 4.0) for at in (1.0, 11.0, 21.0)),
    *(Job("batch", at, 6.0) for at in (0.0, 0.0, 10.0)),
)


@dataclass(frozen=True, slots=True)
class Seen:
    """What became of a job: its submission, its end, and the CPU used, with the start of its process."""

    job: Job
    submitted_s: float
    ended_s: float
    core_s: float


def play(jobs: Sequence[Job], book: PolicyBook) -> tuple[list[Seen], float]:
    """Run ``jobs`` on one core, with the nice level of their tier; and the part of it that they got.

    Raises :class:`RuntimeError` for a process that fails.
    """
    core = max(os.sched_getaffinity(0))
    began, seen = time.monotonic(), list[Seen]()
    busy_s = last = 0.0
    waiting = sorted(jobs, key=lambda job: job.submit_s)
    running: dict[int, tuple[subprocess.Popen[bytes], Job, float]] = {}
    try:
        while waiting or running:
            now = time.monotonic() - began
            busy_s, last = busy_s + (now - last if running else 0.0), now
            while waiting and waiting[0].submit_s <= now:
                job = waiting.pop(0)
                nice = nice_of(book.cpu_weight(job.tier))
                command = ["nice", "-n", str(nice), "taskset", "-c", str(core), sys.executable, "-c", _BURN]
                process = subprocess.Popen([*command, str(job.core_s)])
                running[process.pid] = (process, job, now)
            for process, job, submitted in [*running.values()]:
                pid, status, usage = os.wait4(process.pid, os.WNOHANG)
                if pid:
                    process.returncode = os.waitstatus_to_exitcode(status)
                    del running[pid]
                    if process.returncode:
                        raise RuntimeError(f"a process of {job.tier} ended with {process.returncode}")
                    used = usage.ru_utime + usage.ru_stime
                    seen.append(Seen(job, submitted, time.monotonic() - began, used))
            time.sleep(_EVERY_S)
    finally:
        for process, _, _ in running.values():
            process.kill()
            process.wait()
    return seen, min(1.0, sum(each.core_s for each in seen) / busy_s)


def turnarounds(seen: Sequence[Seen], book: PolicyBook, part: float) -> dict[str, tuple[float, float]]:
    """By tier, the mean seconds from submission to end: of the real processes, and on ``part`` of a core."""
    runs = [
        TracedRun(
            f"job-{number}",
            each.job.tier,
            each.submitted_s,
            each.job.tier,
            duration_s=each.core_s,
            cpu=1.0,
            memory=_MIB,
        )
        for number, each in enumerate(seen)
    ]
    workload = Workload.of("three tiers", runs)
    outcome = simulate(
        workload,
        plain_book(workload),
        Cluster.of(part, 1024 * _MIB),
        planner=_Weighted(book),
        settings=Settings(startup_s=0.0, cycle_s=_EVERY_S),
    )
    found = {}
    for tier in (tier.name for tier in book.tiers):
        real = [each.ended_s - each.submitted_s for each in seen if each.job.tier == tier]
        simulated = [run.turnaround_s for run in outcome.runs if run.tier == tier and run.turnaround_s]
        if real:
            found[tier] = (fmean(real), fmean(simulated))
    return found


@dataclass(frozen=True, slots=True)
class _Weighted:
    """Launches all at once, each with the weight of its tier."""

    book: PolicyBook

    def __call__(self, snapshot: Snapshot, book: PolicyBook) -> Plan:
        """Nothing waits."""
        decisions = [launch(run, book) for run in snapshot.queued]
        weighted = [replace(each, cpu_weight=self.book.cpu_weight(each.tier)) for each in decisions]
        return Plan(snapshot.at, book.revision, tuple(weighted))
