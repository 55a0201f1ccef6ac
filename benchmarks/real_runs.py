"""A deployment with a real daemon and real runs, each in a process of its own."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import dagster as dg
import psutil
import yaml

from benchmarks.dagster_private import LOCATION, WorkspaceProcessContext, served_workspace, submit_job
from benchmarks.parts import PASSES, LoggedCoordinator
from benchmarks.processes import awaited, free_port, listens, process
from benchmarks.sites import Home, homes
from benchmarks.synthetic_work import Worked, worked

__all__ = ["Plant", "RealRun", "Request", "deployed", "plant"]

INTERVAL_S = 2
"""Seconds from one pass of the daemon to the next, at the least."""

MOST_S = 420.0
FINELY_S = 0.1
SETTLE_S = 6.0


@dataclass(frozen=True, slots=True)
class Request:
    """A run to submit, ``submit_s`` seconds after the first; what it is to use, and for how long.

    With a ``partition``, ``job`` is the name of an asset, which has its own use in its code.
    """

    submit_s: float
    job: str
    seconds: float
    cores: float
    memory_mib: int
    partition: str | None = None

    @property
    def config(self) -> dict[str, Any]:
        """The run config."""
        given = {"seconds": self.seconds, "cores": self.cores, "memory_mib": self.memory_mib}
        return {"ops": {"toil": {"config": given}}}


@dataclass(frozen=True, slots=True)
class RealRun:
    """What became of a request; times are POSIX seconds, from Dagster's own events."""

    request: Request
    submitted_at: float
    launched_at: float
    started_at: float
    ended_at: float
    worked: Worked

    @property
    def wait_s(self) -> float:
        """In the queue."""
        return self.launched_at - self.submitted_at

    @property
    def startup_s(self) -> float:
        """From the launch to the start of the run in its own process."""
        return self.started_at - self.launched_at

    @property
    def duration_s(self) -> float:
        """From there to its end."""
        return self.ended_at - self.started_at

    @property
    def cores(self) -> float:
        """That its user code used."""
        return (self.worked.cpu_after_s - self.worked.cpu_before_s) / self.duration_s


@dataclass(frozen=True, slots=True)
class Probe:
    """A run that had the machine to itself, and what it cost beside its user code."""

    run: RealRun
    overhead_core_s: float
    """What all processes used for it together: its own, the daemon's and the code server's."""
    shutdown_s: float
    """From its last event to the end of its process, which holds the memory until then."""


class Plant:
    """The running deployment, seen by someone who submits runs."""

    def __init__(self, home: Path, instance: dg.DagsterInstance, workspace: WorkspaceProcessContext) -> None:
        self._home = home
        self._instance = instance
        self._workspace = workspace

    def play(self, requests: Sequence[Request], say: Callable[[str], None]) -> list[RealRun]:
        """Submit ``requests``, each in its time, and wait until all runs have ended.

        Raises :class:`RuntimeError` if one fails, or if they take too long.
        """
        began, submitted = time.monotonic(), list[str]()
        for request in requests:
            time.sleep(max(0.0, began + request.submit_s - time.monotonic()))
            run_id = submit_job(self._instance, self._workspace, request.job, request.config)
            submitted.append(run_id)
            if len(submitted) % 16 == 0:
                say(f"[{time.monotonic() - began:4.0f} s] {len(submitted)} of {len(requests)} runs submitted")
        awaited(self._all_over, "all runs end", patience_s=MOST_S, every_s=1.0)
        say(f"[{time.monotonic() - began:4.0f} s] all have ended")
        notes = worked(self._home)
        return [self._seen(*each, notes) for each in zip(requests, submitted, strict=True)]

    def probe(self, request: Request, idle_cores: float) -> Probe:
        """Play ``request`` alone; the machine uses ``idle_cores`` without it."""
        began, busy = time.monotonic(), _busy_core_s()
        run_id = submit_job(self._instance, self._workspace, request.job, request.config)
        awaited(self._all_over, "the probe ends", patience_s=MOST_S, every_s=FINELY_S)
        note = worked(self._home)[run_id]
        awaited(lambda: _is_over(note.pid), "its process ends", every_s=FINELY_S)
        gone_at = time.time()
        used = _busy_core_s() - busy - idle_cores * (time.monotonic() - began)
        run = self._seen(request, run_id, {run_id: note})
        own = note.cpu_after_s - note.cpu_before_s
        return Probe(run, max(0.0, used - own), max(0.0, gone_at - run.ended_at))

    def idle(self) -> tuple[float, int]:
        """Cores and bytes in use while there is no run: the deployment's own, and everybody else's."""
        psutil.cpu_percent()
        memory = []
        for _ in range(round(SETTLE_S)):
            time.sleep(1.0)
            machine = psutil.virtual_memory()
            memory.append(machine.total - machine.available)
        return psutil.cpu_percent() / 100 * (psutil.cpu_count() or 1), round(fmean(memory))

    def cycle_s(self, seen: Sequence[RealRun]) -> float:
        """The mean time from one pass to the next, while there was a queue of ``seen``."""
        first, last = seen[0].submitted_at, max(run.launched_at for run in seen)
        at = [float(line) for line in (self._home / PASSES).read_text().splitlines()]
        within = [each for each in at if first <= each <= last]
        return (within[-1] - within[0]) / (len(within) - 1) if len(within) > 1 else float(INTERVAL_S)

    def _all_over(self) -> bool:
        over = dg.RunsFilter(statuses=[dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE])
        return self._instance.get_runs_count(over) == self._instance.get_runs_count()

    def _seen(self, request: Request, run_id: str, notes: dict[str, Worked]) -> RealRun:
        times = self._instance.get_run_stats(run_id)
        seen = (times.enqueued_time, times.launch_time, times.start_time, times.end_time)
        if run_id not in notes or None in seen:
            raise RuntimeError(f"run {run_id} of `{request.job}` did not end well")
        enqueued, launched, started, ended = (float(at or 0.0) for at in seen)
        return RealRun(request, enqueued, launched, started, ended, notes[run_id])


def _is_over(pid: int) -> bool:
    """Whether the process holds nothing any more."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _busy_core_s() -> float:
    """CPU time that was used on the whole machine, in core-seconds since it was started."""
    times = psutil.cpu_times()
    return float(times.user + times.system + getattr(times, "nice", 0.0))


@contextmanager
def plant(policies: Path) -> Iterator[Plant]:
    """A deployment on SQLite with our coordinator; stopped at the end, whatever happens."""
    coordinator = {
        "module": LoggedCoordinator.__module__,
        "class": LoggedCoordinator.__name__,
        "config": {"policies": str(policies), "dequeue_interval_seconds": INTERVAL_S},
    }
    with (
        homes("sqlite", coordinator, launches=True) as (home,),
        deployed(home, "benchmarks.synthetic_work") as (instance, workspace),
    ):
        yield Plant(home.path, instance, workspace)


@contextmanager
def deployed(home: Home, module: str) -> Iterator[tuple[dg.DagsterInstance, WorkspaceProcessContext]]:
    """A code server of ``module`` and a daemon at ``home``, until the end, whatever happens."""
    with ExitStack() as stack:
        port = free_port()
        serve = ["dagster", "api", "grpc", "-m", module, "-p", str(port), "--location-name", LOCATION]
        stack.enter_context(process(serve, home.path, "code"))
        awaited(lambda: listens(port), "the code server listens")
        server = {"host": "localhost", "port": port, "location_name": LOCATION}
        workspace = home.path / "workspace.yaml"
        workspace.write_text(yaml.safe_dump({"load_from": [{"grpc_server": server}]}))
        stack.enter_context(process(["dagster._daemon", "run", "-w", str(workspace)], home.path, "daemon"))
        instance = stack.enter_context(dg.DagsterInstance.from_config(str(home.path)))
        yield instance, stack.enter_context(served_workspace(instance, port))
