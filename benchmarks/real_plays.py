"""A workload of real runs on a deployment of its own, stock's or ours, and when runs started and ended."""

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, Final

import dagster as dg
import psutil

from benchmarks.adapted_work import POLICIES
from benchmarks.dagster_private import WorkspaceProcessContext, create_run, submit_job
from benchmarks.processes import awaited
from benchmarks.real_runs import Request, deployed
from benchmarks.sites import STOCK, Storage, homes

INTERVAL_S: Final = 1
"""Seconds between two passes of either daemon: the shortest that Dagster takes, and so the best for stock."""

PATIENCE_S: Final = 900.0
PAUSE_S: Final = 3.0
FIRST: Final = Request(0.0, "probe", 0.5, 0.3, 16)
"""Played first and not counted: when it has ended, the daemon has started."""

_OVER: Final = dg.RunsFilter(
    statuses=[dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
)


@dataclass(frozen=True, slots=True)
class Ended:
    """A run and its times, in POSIX seconds. A run that never started has the start ``inf``."""

    request: Request
    submitted_at: float
    started_at: float
    ended_at: float
    succeeded: bool

    @property
    def start_s(self) -> float:
        """From its submission to its start in its own process."""
        return self.started_at - self.submitted_at

    @property
    def turnaround_s(self) -> float:
        """From its submission to its end."""
        return self.ended_at - self.submitted_at


@dataclass(frozen=True, slots=True)
class Play:
    """A workload that was played once. ``limit`` is stock's ``max_concurrent_runs``, ``None`` for ours."""

    limit: int | None
    runs: tuple[Ended, ...]
    busy_cores: float
    """In use on the whole machine, on average, while it was played."""

    @property
    def makespan_s(self) -> float:
        """From the first submission to the last end."""
        return max(run.ended_at for run in self.runs) - min(run.submitted_at for run in self.runs)

    @property
    def failed(self) -> int:
        """Runs that were killed, or ended badly for another reason."""
        return sum(not run.succeeded for run in self.runs)


def play(storage: Storage, limit: int | None, requests: Sequence[Request], *, in_turn: bool = False) -> Play:
    """Play ``requests`` on an empty instance, with stock's coordinator and ``limit``, or ours for ``None``.

    ``in_turn``: each run is submitted when the one before it has ended, and not at its ``submit_s``. A daemon
    looks at the queue once an interval, over which the submissions are spread evenly, as in
    `benchmarks.launching`.

    Raises :class:`RuntimeError` if the runs do not end in a quarter of an hour.
    """
    module = "benchmarks.synthetic_work" if limit is not None else "benchmarks.adapted_work"
    with (
        homes(storage, _coordinator(limit), launches=True) as (home,),
        deployed(home, module) as (instance, workspace),
    ):
        _submit(instance, workspace, FIRST)
        _await_all(instance)
        time.sleep(PAUSE_S)
        began, busy = time.monotonic(), _busy_core_s()
        submit_all = _one_by_one if in_turn else _at_their_times
        submitted = submit_all(instance, workspace, requests)
        _await_all(instance)
        busy_cores = (_busy_core_s() - busy) / (time.monotonic() - began)
        return Play(limit, tuple(_ended(instance, *each) for each in submitted), busy_cores)


def _coordinator(limit: int | None) -> Mapping[str, Any]:
    paced = {"dequeue_interval_seconds": INTERVAL_S}
    if limit is not None:
        return {**STOCK, "config": {**paced, "max_concurrent_runs": limit}}
    config = {**paced, "policies": str(POLICIES)}
    return {"module": "adaptive_assets", "class": "AdaptiveRunCoordinator", "config": config}


_Submitted = tuple[Request, str, float]
"""A request, the id of its run, and when it was handed in."""


def _at_their_times(
    instance: dg.DagsterInstance, workspace: WorkspaceProcessContext, requests: Sequence[Request]
) -> list[_Submitted]:
    began, submitted = time.monotonic(), list[_Submitted]()
    for request in requests:
        time.sleep(max(0.0, began + request.submit_s - time.monotonic()))
        submitted.append(_submit(instance, workspace, request))
    return submitted


def _one_by_one(
    instance: dg.DagsterInstance, workspace: WorkspaceProcessContext, requests: Sequence[Request]
) -> list[_Submitted]:
    phases = [INTERVAL_S * (number + 0.5) / len(requests) for number in range(len(requests))]
    random.Random(0).shuffle(phases)
    submitted = list[_Submitted]()
    for request, phase in zip(requests, phases, strict=True):
        if submitted:
            launched_at = instance.get_run_stats(submitted[-1][1]).launch_time or 0.0
            time.sleep(PAUSE_S)
            time.sleep((launched_at + phase - time.time()) % INTERVAL_S)
        submitted.append(_submit(instance, workspace, request))
        _await_all(instance)
    return submitted


def _submit(instance: dg.DagsterInstance, workspace: WorkspaceProcessContext, request: Request) -> _Submitted:
    at = time.time()
    if request.partition is None:
        return request, submit_job(instance, workspace, request.job, request.config), at
    run = create_run(instance, workspace, request.job, request.partition)
    instance.submit_run(run.run_id, workspace.create_request_context())
    return request, run.run_id, at


def _await_all(instance: dg.DagsterInstance) -> None:
    def over() -> bool:
        return instance.get_runs_count(_OVER) == instance.get_runs_count()

    awaited(over, "all runs end", patience_s=PATIENCE_S, every_s=0.5)


def _ended(instance: dg.DagsterInstance, request: Request, run_id: str, submitted_at: float) -> Ended:
    times, run = instance.get_run_stats(run_id), instance.get_run_by_id(run_id)
    if run is None or times.end_time is None:
        raise RuntimeError(f"run {run_id} of `{request.job}` has no end")
    started_at = inf if times.start_time is None else times.start_time
    succeeded = run.status is dg.DagsterRunStatus.SUCCESS
    return Ended(request, submitted_at, started_at, times.end_time, succeeded)


def _busy_core_s() -> float:
    times = psutil.cpu_times()
    return float(times.user + times.system + getattr(times, "nice", 0.0))
