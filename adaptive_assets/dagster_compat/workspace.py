"""Code locations: those of a daemon, of a submission, and of a workspace file."""

import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.remote_representation.code_location import CodeLocation
from dagster._core.remote_representation.external import RemoteRepository
from dagster._core.run_coordinator.base import SubmitRunContext
from dagster._core.workspace.workspace import CodeLocationEntry
from dagster_shared.error import SerializableErrorInfo
from typing_extensions import override

__all__ = [
    "CodeLocation",
    "CodeLocationEntry",
    "LoadedWorkspace",
    "RemoteRepository",
    "code_locations",
    "loaded_workspace",
    "submitted_from",
]


def code_locations(workspace: Any) -> Mapping[str, CodeLocationEntry]:
    """The code locations of a daemon's workspace by name; one mapping until any of them is loaded anew."""
    entries: Mapping[str, CodeLocationEntry] = workspace.create_request_context().get_code_location_entries()
    return entries


def submitted_from(context: SubmitRunContext) -> Mapping[str, CodeLocationEntry]:
    """The code locations, by name, of the workspace from which a run is submitted."""
    return context.workspace.get_code_location_entries()


@dataclass(frozen=True, slots=True)
class LoadedWorkspace:
    """The code locations by name, and the jobs of those that load by name with their locations.

    ``failed`` tells of the others, by name, the message of the error that was the cause.
    """

    entries: Mapping[str, CodeLocationEntry]
    jobs: Mapping[str, tuple[str, ...]]
    failed: Mapping[str, str]


@contextmanager
def loaded_workspace(
    instance: dg.DagsterInstance, workspace: Mapping[str, Any] | Path
) -> "Iterator[LoadedWorkspace]":
    """Load the code locations of a workspace file, or of what such a file would hold.

    Those that run in this environment are loaded in this process, which spares their servers.  The servers of
    the others have ended when it is left.
    """
    from dagster._core.remote_origin import (
        CodeLocationOrigin,
        InProcessCodeLocationOrigin,
        ManagedGrpcPythonEnvCodeLocationOrigin,
    )
    from dagster._core.workspace.context import WorkspaceProcessContext
    from dagster._core.workspace.load import location_origins_from_config, location_origins_from_yaml_paths
    from dagster._core.workspace.load_target import WorkspaceLoadTarget

    def near(origin: CodeLocationOrigin) -> CodeLocationOrigin:
        if not isinstance(origin, ManagedGrpcPythonEnvCodeLocationOrigin):
            return origin
        target = origin.loadable_target_origin
        if target.executable_path not in (None, sys.executable):
            return origin
        return InProcessCodeLocationOrigin(target, location_name=origin.location_name)

    class Near(WorkspaceLoadTarget):
        @override
        def create_origins(self) -> Sequence[CodeLocationOrigin]:
            if isinstance(workspace, Path):
                origins = location_origins_from_yaml_paths([str(workspace)])
            else:
                origins = list(location_origins_from_config(workspace, "the command line").values())
            return [near(origin) for origin in origins]

    context = WorkspaceProcessContext(instance, Near(), code_server_log_level="ERROR")
    with ExitStack() as left, context as process:
        left.callback(process._grpc_server_registry.wait_for_processes)  # noqa: SLF001
        request = process.create_request_context()
        entries = request.get_code_location_entries()
        yield LoadedWorkspace(
            entries=entries,
            jobs=_jobs(entries),
            failed={
                name: _cause(entry.load_error).message.strip()
                for name, entry in entries.items()
                if entry.load_error is not None
            },
        )


def _jobs(entries: Mapping[str, CodeLocationEntry]) -> dict[str, tuple[str, ...]]:
    jobs: defaultdict[str, tuple[str, ...]] = defaultdict(tuple)
    for name, entry in entries.items():
        repositories = entry.code_location.get_repositories() if entry.code_location else {}
        for repository in repositories.values():
            for job in repository.get_all_jobs():
                jobs[job.name] += (name,)
    return dict(jobs)


def _cause(error: SerializableErrorInfo) -> SerializableErrorInfo:
    while error.cause is not None:
        error = error.cause
    return error
