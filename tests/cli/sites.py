"""An installation for the command line to look at: a real instance, real submitted runs, real cycles."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
from click.testing import Result
from dagster._core.remote_origin import InProcessCodeLocationOrigin, RemoteJobOrigin
from dagster._core.test_utils import create_run_for_test
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext, WorkspaceRequestContext
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget
from dagster._daemon.types import DaemonHeartbeat
from dagster_shared.error import SerializableErrorInfo
from typing_extensions import override

from adaptive_assets.coordinator.book_watch import BookWatch
from adaptive_assets.coordinator.catalogue_store import CatalogueStore
from adaptive_assets.coordinator.cycle import Cycle
from adaptive_assets.coordinator.deployment import open_ledger
from adaptive_assets.ledger import Ledger
from adaptive_assets.planning.snapshot import MachineReading, Pressure
from adaptive_assets.signals import MachineSampler, RunProcesses

PROJECT = Path(__file__).with_name("project.py")
LOCATION = "project"
POLICIES = """\
version: 1
policies:
  - name: reports
    select: key:report
    tier: batch
    gates: {checks: pass}
    estimate: {cpu: 0, memory: 1MiB, duration: 5s}
  - name: forecast
    select: key:forecast
    tier: critical
    objective: {deadline: 10m}
    estimate: {cpu: 0, memory: 2MiB, duration: 5s}
    degrade:
      - {mode: reduced, with: {sample: 0.25}, estimate: {cpu: 0, memory: 1MiB, duration: 1s}}
default: {estimate: {cpu: 0, memory: 1MiB, duration: 5s}}
"""

Adaptive = Callable[..., Result]
MakeSite = Callable[..., "Site"]
Told = Callable[..., Any]


@dataclass
class Site:
    """An installation with a policy file of its own; `cycle` does what the daemon would at the time."""

    home: Path
    policies: Path
    instance: dg.DagsterInstance
    workspace: WorkspaceRequestContext
    observes: bool = False
    run_limit: int | None = None
    clock: float = field(default_factory=time.time)
    _cycle: Cycle | None = None
    _ledger: Ledger | None = None

    def submit(
        self,
        *assets: str,
        job: str = "__ASSET_JOB",
        tags: dict[str, str] | None = None,
        repeats: str | None = None,
    ) -> str:
        """Submit a run as the webserver would, or one that repeats another; returns its id."""
        run = self._create(job, assets, tags or {}, dg.DagsterRunStatus.NOT_STARTED, repeats)
        self.instance.submit_run(run.run_id, self.workspace)
        return run.run_id

    def queued_elsewhere(self, job: str) -> str:
        """A run that was queued while the stock coordinator was in charge; returns its id."""
        return self._create(job, (), {}, dg.DagsterRunStatus.QUEUED).run_id

    def _create(
        self,
        job: str,
        assets: Sequence[str],
        tags: dict[str, str],
        status: dg.DagsterRunStatus,
        repeats: str | None = None,
    ) -> dg.DagsterRun:
        repository = self.workspace.get_code_location(LOCATION).get_repository("__repository__")
        run: dg.DagsterRun = create_run_for_test(
            self.instance,
            job,
            status=status,
            tags=tags,
            root_run_id=repeats,
            parent_run_id=repeats,
            asset_selection=frozenset(dg.AssetKey.from_user_string(asset) for asset in assets) or None,
            remote_job_origin=RemoteJobOrigin(repository_origin=repository.get_remote_origin(), job_name=job),
            job_code_origin=repository.get_full_job(job).get_python_origin(),
        )
        return run

    def cycle(self) -> None:
        """Run one cycle, a second after the one before."""
        if self._cycle is None:
            self._cycle = Cycle(
                self.instance,
                books=BookWatch(self.policies),
                ledger=self.ledger,
                catalogues=CatalogueStore(self.ledger),
                machine=QuietMachine(),
                processes=RunProcesses(),
                run_limit=self.run_limit,
                node="node-1",
                observes=self.observes,
            )
        self.clock += 1.0
        self._cycle.run(self.clock, self.clock, self.workspace.process_context)

    @property
    def ledger(self) -> Ledger:
        """The ledger, as the coordinator has it."""
        if self._ledger is None:
            self._ledger = open_ledger(self.instance, None)
        return self._ledger

    def beat(self, age_s: float = 0.0, *errors: str) -> None:
        """Leave a heartbeat of the dequeue daemon, ``age_s`` old."""
        known = [SerializableErrorInfo(error, [], "Error") for error in errors]
        self.instance.add_daemon_heartbeat(
            DaemonHeartbeat(time.time() - age_s, "QUEUED_RUN_COORDINATOR", None, known)
        )

    def close(self) -> None:
        """End the cycle, and close the ledger."""
        if self._cycle is not None:
            self._cycle.close()
        if self._ledger is not None:
            self._ledger.dispose()


class QuietMachine(MachineSampler):
    """A machine with nothing else to do, whatever else the one does that the tests run on."""

    fault = None

    def __init__(self) -> None: ...

    @override
    def latest(self, now: float, max_age_s: float = 15.0) -> MachineReading:
        return MachineReading(
            at=now,
            cpu_capacity=4.0,
            cpu_used=0.5,
            memory_capacity=8 * 2**30,
            memory_used=2**30,
            pressure=Pressure(io=0.01),
        )


@contextmanager
def loaded(instance: dg.DagsterInstance) -> Iterator[WorkspaceRequestContext]:
    """The workspace that the webserver would have."""
    target = LoadableTargetOrigin(python_file=str(PROJECT))
    origin = InProcessCodeLocationOrigin(target, location_name=LOCATION)
    with WorkspaceProcessContext(instance, InProcessWorkspaceLoadTarget([origin])) as process:
        yield process.create_request_context()
