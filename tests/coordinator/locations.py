"""Workspaces of several code locations, loaded in the test's process."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
from dagster._core.remote_origin import CodeLocationOrigin, InProcessCodeLocationOrigin
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceLoadTarget
from typing_extensions import override

from tests.coordinator.world import World

__all__ = ["at", "submit_to", "workspace_of"]


class _Target(WorkspaceLoadTarget):
    def __init__(self, folder: Path, codes: Mapping[str, str]) -> None:
        self._folder, self._codes = folder, codes

    @override
    def create_origins(self) -> Sequence[CodeLocationOrigin]:
        """The origin of each location."""
        return [self._origin(name, code) for name, code in self._codes.items()]

    def _origin(self, name: str, code: str) -> CodeLocationOrigin:
        number = len(list(self._folder.glob("*.py")))  # Dagster keeps what it has loaded from a file
        file = self._folder / f"code_{number}_{name}.py"
        file.write_text(code, encoding="utf-8")
        target = LoadableTargetOrigin(python_file=str(file), working_directory=str(self._folder))
        return InProcessCodeLocationOrigin(target, location_name=name)


@contextmanager
def workspace_of(
    instance: dg.DagsterInstance, folder: Path, codes: Mapping[str, str]
) -> Iterator[WorkspaceProcessContext]:
    """A workspace of these locations, by name the code of each; one that fails to load stays in it."""
    with WorkspaceProcessContext(instance, _Target(folder, codes)) as process:
        yield process


@contextmanager
def at(
    instance: dg.DagsterInstance, folder: Path, policies: Path, codes: Mapping[str, str]
) -> Iterator[World]:
    """The deployment around ``instance`` of these locations, by name the code of each."""
    with workspace_of(instance, folder, codes) as process:
        yield World(instance, process.create_request_context(), process, policies)


def submit_to(world: World, location: str, *keys: dg.AssetKey, job: str = "__ASSET_JOB", **tags: str) -> str:
    """Submit a run to one location, as the webserver does; returns its id."""
    entry = world.workspace.get_code_location_entries()[location]
    assert entry.code_location is not None, entry.load_error
    remote = next(iter(entry.code_location.get_repositories().values())).get_full_job(job)
    run = world.instance.create_run(
        job_name=job,
        run_id=None,
        run_config={},
        status=dg.DagsterRunStatus.NOT_STARTED,
        tags={name.replace("__", "/"): value for name, value in tags.items()},
        root_run_id=None,
        parent_run_id=None,
        step_keys_to_execute=None,
        execution_plan_snapshot=None,
        job_snapshot=remote.job_snapshot,
        parent_job_snapshot=None,
        asset_selection=frozenset(keys) or None,
        asset_check_selection=None,
        resolved_op_selection=None,
        op_selection=None,
        remote_job_origin=remote.get_remote_origin(),
        job_code_origin=remote.get_python_origin(),
        asset_graph=world.workspace.asset_graph,
    )
    return world.instance.submit_run(run.run_id, world.workspace).run_id
