"""A deployment inside the test's process: all of it is real, but its launcher only records."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationPlanned
from dagster._core.instance import T_DagsterInstance
from dagster._core.launcher import LaunchRunContext, RunLauncher
from dagster._core.run_coordinator.base import SubmitRunContext
from dagster._core.test_utils import in_process_test_workspace
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceRequestContext
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon
from dagster._serdes import ConfigurableClass, ConfigurableClassData
from typing_extensions import override

from adaptive_assets.coordinator.run_coordinator import AdaptiveRunCoordinator

CODE = """
import dagster as dg

@dg.asset(group_name="sources")
def readings() -> int: return 1

@dg.asset_check(asset=readings, blocking=True)
def plausible() -> dg.AssetCheckResult: return dg.AssetCheckResult(passed=True)

@dg.asset(deps=[readings], group_name="reports")
def report() -> None: ...

@dg.asset(group_name="reports", tags={"team": "north"})
def summary() -> None: ...

@dg.op
def toil() -> None: ...

@dg.job
def plain() -> None: toil()

reports = dg.define_asset_job("reports", dg.AssetSelection.groups("reports"))
defs = dg.Definitions(assets=[readings, report, summary], asset_checks=[plausible], jobs=[plain, reports])
"""
IDLE = """\
version: 1
guards: {cpu: 100%, memory: 100%}
default: {estimate: {cpu: 0, memory: 1MiB, duration: 1s}}
"""
"""Policies under which every run fits, whatever the machine of the tests is doing."""


class RecordingLauncher(RunLauncher[T_DagsterInstance], ConfigurableClass):
    """Launches nothing; remembers what it was given."""

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._inst_data = inst_data
        self.launched: list[str] = []

    @property
    @override
    def inst_data(self) -> ConfigurableClassData | None:
        """As Dagster configured it."""
        return self._inst_data

    @classmethod
    @override
    def config_type(cls) -> dict[str, Any]:
        """Takes no configuration."""
        return {}

    @classmethod
    @override
    def from_config_value(  # type: ignore[override]  # Dagster types it by the class it is called on
        cls, inst_data: ConfigurableClassData | None, config_value: Any
    ) -> "RecordingLauncher[dg.DagsterInstance]":
        """Called by Dagster."""
        del config_value
        return RecordingLauncher(inst_data)

    @override
    def launch_run(self, context: LaunchRunContext) -> None:
        """Remember the run."""
        self.launched.append(context.dagster_run.run_id)

    @override
    def terminate(self, run_id: str) -> bool:
        """Nothing runs that could be ended."""
        raise NotImplementedError


@dataclass
class World:
    """What a test does with the deployment."""

    instance: dg.DagsterInstance
    workspace: WorkspaceRequestContext
    process_context: Any
    policies: Path

    def create(
        self,
        *assets: str,
        job: str = "__ASSET_JOB",
        tags: dict[str, str] | None = None,
        planned: bool = False,
    ) -> dg.DagsterRun:
        """A run that is not submitted yet; ``planned``: with its execution plan, which tells of its pools."""
        location = self.workspace.code_locations[0]
        repository = next(iter(location.get_repositories().values()))
        remote_job = repository.get_full_job(job)
        plan = location.get_execution_plan(remote_job, {}, None, None, self.instance) if planned else None
        return self.instance.create_run(
            job_name=job,
            run_id=None,
            run_config={},
            status=dg.DagsterRunStatus.NOT_STARTED,
            tags=tags or {},
            root_run_id=None,
            parent_run_id=None,
            step_keys_to_execute=None,
            execution_plan_snapshot=plan.execution_plan_snapshot if plan else None,
            job_snapshot=remote_job.job_snapshot,
            parent_job_snapshot=None,
            asset_selection=frozenset(dg.AssetKey(asset) for asset in assets) or None,
            asset_check_selection=None,
            resolved_op_selection=None,
            op_selection=None,
            remote_job_origin=remote_job.get_remote_origin(),
            job_code_origin=remote_job.get_python_origin(),
            asset_graph=self.workspace.asset_graph,
        )

    def submit(
        self,
        *assets: str,
        job: str = "__ASSET_JOB",
        tags: dict[str, str] | None = None,
        planned: bool = False,
    ) -> str:
        """Submit a run as the webserver does; returns its id."""
        run = self.create(*assets, job=job, tags=tags, planned=planned)
        return self.instance.submit_run(run.run_id, self.workspace).run_id

    def run(self, run_id: str) -> dg.DagsterRun:
        """The run as it is now."""
        run = self.instance.get_run_by_id(run_id)
        assert run is not None
        return run

    def pass_(self) -> list[str]:
        """One pass of the dequeue daemon; returns the run ids that it launched."""
        launcher = self.instance.run_launcher
        assert isinstance(launcher, RecordingLauncher)
        before = len(launcher.launched)
        self.daemon = getattr(self, "daemon", None) or QueuedRunCoordinatorDaemon(interval_seconds=1)
        list(self.daemon.run_iteration(self.process_context))
        return launcher.launched[before:]

    def daemon_errors(self) -> list[str]:
        """What the daemon would show as its errors."""
        return [error.message for error, _ in self.daemon._errors]

    def materialize(self, asset: str, check: bool | None = None, **metadata: Any) -> None:
        """Report a materialization, and an evaluation of its check if given."""
        self.instance.report_runless_asset_event(dg.AssetMaterialization(asset, metadata=metadata))
        if check is not None:
            event = self.instance.get_latest_materialization_event(dg.AssetKey(asset))
            assert event is not None
            self.instance.report_runless_asset_event(
                dg.AssetCheckEvaluation(dg.AssetKey(asset), "plausible", check, blocking=True)
            )

    def plan_check(self, run: dg.DagsterRun, asset: str) -> None:
        """Note that ``run`` will evaluate the check of ``asset``, as Dagster does when it creates a run."""
        planned = AssetCheckEvaluationPlanned(asset_key=dg.AssetKey(asset), check_name="plausible")
        kind = dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED.value
        event = dg.DagsterEvent(kind, run.job_name, event_specific_data=planned)
        self.instance.report_dagster_event(event, run.run_id)

    @property
    def coordinator(self) -> AdaptiveRunCoordinator:
        """The coordinator of the instance."""
        coordinator = self.instance.run_coordinator
        assert isinstance(coordinator, AdaptiveRunCoordinator)
        return coordinator


def submit_context(world: World, run: dg.DagsterRun) -> SubmitRunContext:
    """What the coordinator is given for a run."""
    return SubmitRunContext(run, world.workspace)


@contextmanager
def open_world(
    instance: dg.DagsterInstance, folder: Path, policies: Path, code: str = CODE
) -> Iterator[World]:
    """The deployment around ``instance``, of the project that ``code`` is."""
    file = folder / "project.py"
    file.write_text(code)
    origin = LoadableTargetOrigin(executable_path=None, python_file=str(file), working_directory=str(folder))
    with in_process_test_workspace(instance, origin) as workspace:
        yield World(instance, workspace, workspace.process_context, policies)


def coordinator_section(policies: Path, **config: Any) -> dict[str, Any]:
    """The ``run_coordinator`` section of ``dagster.yaml``."""
    return {
        "module": "adaptive_assets",
        "class": "AdaptiveRunCoordinator",
        "config": {"policies": str(policies), **config},
    }


LAUNCHER: dict[str, Any] = {"module": "tests.coordinator.world", "class": "RecordingLauncher"}

__all__: Sequence[str] = [
    "CODE",
    "IDLE",
    "LAUNCHER",
    "RecordingLauncher",
    "World",
    "coordinator_section",
    "open_world",
    "submit_context",
]
