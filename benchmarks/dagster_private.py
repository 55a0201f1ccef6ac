"""Every private Dagster name that the benchmarks rely on, in one place."""

import asyncio
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationPlanned
from dagster._core.events import DagsterEvent, DagsterEventType
from dagster._core.execution.api import execute_run as _execute_run
from dagster._core.execution.submit_asset_runs import get_job_execution_data_from_run_request
from dagster._core.launcher import LaunchRunContext, RunLauncher
from dagster._core.remote_origin import CodeLocationOrigin, InProcessCodeLocationOrigin
from dagster._core.run_coordinator.base import SubmitRunContext
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext, WorkspaceRequestContext
from dagster._core.workspace.load_target import GrpcServerTarget, WorkspaceLoadTarget
from dagster._daemon.cli import cli
from dagster._daemon.run_coordinator import QueuedRunCoordinatorDaemon
from dagster._serdes import ConfigurableClass, ConfigurableClassData
from typing_extensions import override

__all__ = [
    "LOCATION",
    "ConfigurableClass",
    "ConfigurableClassData",
    "DequeueDaemon",
    "LaunchRunContext",
    "RunLauncher",
    "WorkspaceProcessContext",
    "WorkspaceRequestContext",
    "create_run",
    "execute_run",
    "in_process_workspace",
    "plan_check",
    "report",
    "run_daemon",
    "served_workspace",
    "submit",
    "submit_job",
]

LOCATION = "pipeline"


class DequeueDaemon(QueuedRunCoordinatorDaemon):
    """Dagster's dequeue daemon, driven pass by pass."""

    def __init__(self) -> None:
        super().__init__(interval_seconds=5)

    def run_pass(self, workspace: WorkspaceProcessContext) -> None:
        """One whole pass: what the daemon's loop does every few seconds."""
        for _ in self.run_iteration(workspace):
            pass

    def select(self, instance: dg.DagsterInstance) -> Sequence[dg.DagsterRun]:
        """The first half of a stock pass: find the runs to launch, and launch none."""
        return self._get_runs_to_dequeue(instance, instance.get_concurrency_config(), None)


class _Pipeline(WorkspaceLoadTarget):
    @override
    def create_origins(self) -> Sequence[CodeLocationOrigin]:
        target = LoadableTargetOrigin(
            executable_path=sys.executable,
            module_name="benchmarks.pipeline",
            working_directory=str(Path(__file__).parents[1]),
        )
        return [InProcessCodeLocationOrigin(target, location_name=LOCATION)]


@contextmanager
def in_process_workspace(instance: dg.DagsterInstance) -> Iterator[WorkspaceProcessContext]:
    """The workspace of ``benchmarks.pipeline``, loaded in this process."""
    with WorkspaceProcessContext(instance, _Pipeline(), code_server_log_level="ERROR") as context:
        yield context


@contextmanager
def served_workspace(instance: dg.DagsterInstance, port: int) -> Iterator[WorkspaceProcessContext]:
    """The workspace of the code server that listens on ``port`` of this machine."""
    target = GrpcServerTarget(host="localhost", port=port, socket=None, location_name=LOCATION)
    with WorkspaceProcessContext(instance, target, code_server_log_level="ERROR") as context:
        yield context


def submit_job(
    instance: dg.DagsterInstance, workspace: WorkspaceProcessContext, job: str, config: Mapping[str, Any]
) -> str:
    """Submit a run of ``job``, as ``dagster job launch`` does; its id."""
    context = workspace.create_request_context()
    location = context.get_code_location(LOCATION)
    (repository,) = location.get_repositories().values()
    remote = repository.get_full_job(job)
    plan = location.get_execution_plan(remote, config, None, None, instance).execution_plan_snapshot
    run = instance.create_run(
        job_name=job,
        run_id=None,
        run_config=config,
        status=None,
        tags=remote.tags,
        root_run_id=None,
        parent_run_id=None,
        step_keys_to_execute=plan.step_keys_to_execute,
        execution_plan_snapshot=plan,
        job_snapshot=remote.job_snapshot,
        parent_job_snapshot=remote.parent_job_snapshot,
        asset_selection=None,
        asset_check_selection=None,
        resolved_op_selection=None,
        op_selection=None,
        remote_job_origin=remote.get_remote_origin(),
        job_code_origin=remote.get_python_origin(),
        asset_graph=repository.asset_graph,
    )
    return instance.submit_run(run.run_id, context).run_id


def create_run(
    instance: dg.DagsterInstance, workspace: WorkspaceProcessContext, asset: str, partition: str | None = None
) -> dg.DagsterRun:
    """A run that makes one asset, or one partition of it, as a sensor creates it; not submitted."""
    request = dg.RunRequest(asset_selection=[dg.AssetKey(asset)], partition_key=partition)
    context = workspace.create_request_context()
    graph = context.asset_graph
    data = asyncio.run(get_job_execution_data_from_run_request(graph, request, instance, context, {}))
    job, plan = data.remote_job, data.remote_execution_plan
    return instance.create_run(
        job_name=job.name,
        run_id=None,
        run_config={},
        status=dg.DagsterRunStatus.NOT_STARTED,
        tags={"dagster/sensor_name": "benchmarks", **({"dagster/partition": partition} if partition else {})},
        root_run_id=None,
        parent_run_id=None,
        step_keys_to_execute=None,
        execution_plan_snapshot=plan.execution_plan_snapshot,
        job_snapshot=job.job_snapshot,
        parent_job_snapshot=job.parent_job_snapshot,
        asset_selection={dg.AssetKey(asset)},
        asset_check_selection=None,
        resolved_op_selection=None,
        op_selection=None,
        remote_job_origin=job.get_remote_origin(),
        job_code_origin=job.get_python_origin(),
        asset_graph=graph,
    )


def submit(instance: dg.DagsterInstance, run: dg.DagsterRun, context: WorkspaceRequestContext) -> None:
    """Hand a run to the coordinator: what ``instance.submit_run`` does, without its own reads."""
    instance.run_coordinator.submit_run(SubmitRunContext(run, context))


def plan_check(instance: dg.DagsterInstance, run_id: str, check: dg.AssetCheckKey) -> None:
    """Note that a run will execute a check, as Dagster does when it creates the run."""
    planned = AssetCheckEvaluationPlanned(asset_key=check.asset_key, check_name=check.name)
    kind = DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED.value
    instance.report_dagster_event(DagsterEvent(kind, "", event_specific_data=planned), run_id)


def report(instance: dg.DagsterInstance, run_id: str, job: str, kind: dg.DagsterEventType) -> None:
    """Report that a run has started, or has ended."""
    instance.report_dagster_event(DagsterEvent(DagsterEventType(kind).value, job), run_id)


def execute_run(instance: dg.DagsterInstance, job: Any, run_id: str) -> None:
    """Execute a run in this process, as its own process would; an error of the run is raised."""
    run = instance.get_run_by_id(run_id)
    if run is None:
        raise LookupError(f"there is no run {run_id}")
    _execute_run(job, run, instance, raise_on_error=True)


def run_daemon(workspace: Path) -> None:
    """What ``dagster-daemon run`` does, in this process and for good."""
    cli(["run", "-w", str(workspace)], obj={})
