"""Runs that the daemon creates itself, as Dagster's own daemons create those of sensors and backfills."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import dagster as dg
from dagster._core.definitions.assets.job.asset_job import IMPLICIT_ASSET_JOB_NAME
from dagster._core.definitions.selector import JobSubsetSelector
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.execution.submit_asset_runs import (
    _get_execution_plan_entity_keys,
    get_job_execution_data_from_run_request,
)
from dagster._core.remote_representation.external import (
    RemoteExecutionPlan,
    RemoteExecutionPlanSelector,
    RemoteJob,
)
from dagster._core.storage.tags import PARTITION_NAME_TAG

__all__ = [
    "IMPLICIT_ASSET_JOB_NAME",
    "LocationAwayError",
    "RunCreationError",
    "create_run",
    "locations_of_checks",
]


class RunCreationError(Exception):
    """The run cannot be created as asked, and the message says why."""


class LocationAwayError(RunCreationError):
    """The code location that would be needed is not loaded, or does not answer: later it may be."""


def _not_defined(workspace: Any, what: str) -> RunCreationError:
    """What no code location that is loaded has; while one is away, it may be that one's."""
    entries = workspace.get_code_location_entries().values()
    away = not entries or any(entry.code_location is None for entry in entries)
    error = LocationAwayError if away else RunCreationError
    return error(f"no code location that is loaded {what}")


def locations_of_checks(
    workspace: Any, keys: Collection[dg.AssetCheckKey]
) -> dict[tuple[str, str], list[dg.AssetCheckKey]]:
    """The checks by code location and repository; those of locations that are not loaded are left out."""
    graph = workspace.asset_graph
    found: dict[tuple[str, str], list[dg.AssetCheckKey]] = {}
    for key in sorted(keys):
        if key in graph.remote_asset_check_nodes_by_key:
            handle = graph.get_repository_handle(key)
            found.setdefault((handle.location_name, handle.repository_name), []).append(key)
    return found


def create_run(
    instance: dg.DagsterInstance,
    workspace: Any,
    *,
    run_id: str,
    tags: Mapping[str, str],
    assets: Sequence[dg.AssetKey] = (),
    checks: Sequence[dg.AssetCheckKey] = (),
    job: str = "",
    near: dg.AssetKey | None = None,
    partition: str = "",
) -> dg.DagsterRun:
    """Create a run that is not submitted yet: of ``assets``, of ``checks`` alone, or of the whole of ``job``.

    ``workspace`` is a request context. The job is that of the code location of the asset ``near``, or else of
    the only location that has one of its name. ``partition`` is that of the first asset.

    Raises:
        LocationAwayError: a code location is down, and what is asked for may be there.
        RunCreationError: what is asked for is not there.
    """
    try:
        if job:
            return _whole_job(instance, workspace, run_id, dict(tags), job, near, partition)
        return _of_entities(instance, workspace, run_id, dict(tags), list(assets), list(checks), partition)
    except DagsterUserCodeUnreachableError as error:
        raise LocationAwayError(f"its code location does not answer: {error}") from error


def _of_entities(
    instance: dg.DagsterInstance,
    workspace: Any,
    run_id: str,
    tags: dict[str, str],
    assets: list[dg.AssetKey],
    checks: list[dg.AssetCheckKey],
    partition: str,
) -> dg.DagsterRun:
    graph = workspace.asset_graph
    for key in assets:
        if key not in graph.remote_asset_nodes_by_key:
            raise _not_defined(workspace, f"defines the asset `{key.to_user_string()}`")
    for check in checks:
        if check not in graph.remote_asset_check_nodes_by_key:
            name = f"{check.asset_key.to_user_string()}: {check.name}"
            raise _not_defined(workspace, f"defines the check `{name}`")
    asset = assets[0] if assets else checks[0].asset_key
    # the checks without partitions of an asset that has some are told the partition by the tag all the same
    request = dg.RunRequest(
        tags=tags | _partition_tags(graph, asset, partition),
        asset_selection=assets or None,
        asset_check_keys=checks or None,
    )
    data = asyncio.run(
        get_job_execution_data_from_run_request(
            graph, request, instance, workspace=workspace, run_request_execution_data_cache={}
        )
    )
    plan = data.remote_execution_plan.execution_plan_snapshot
    left_out = {*assets, *checks} - set(_get_execution_plan_entity_keys(plan))
    if left_out:
        raise RunCreationError(f"the job {IMPLICIT_ASSET_JOB_NAME} does not execute {left_out}")
    return _created(instance, workspace, run_id, request.tags, data.remote_job, plan, assets, checks)


def _whole_job(
    instance: dg.DagsterInstance,
    workspace: Any,
    run_id: str,
    tags: dict[str, str],
    job: str,
    near: dg.AssetKey | None,
    partition: str,
) -> dg.DagsterRun:
    found = [
        (location.name, repository.name)
        for location in workspace.code_locations
        for repository in location.get_repositories().values()
        if repository.has_job(job)
    ]
    if not found:
        raise _not_defined(workspace, f"has a job `{job}`")
    graph = workspace.asset_graph
    if len(found) > 1 and near is not None and near in graph.remote_asset_nodes_by_key:
        handle = graph.get_repository_handle(near)
        found = [each for each in found if each == (handle.location_name, handle.repository_name)] or found
    if len(found) > 1:
        places = ", ".join(location for location, _ in found)
        raise RunCreationError(
            f"several code locations have a job `{job}`: {places}; give it a name of its own"
        )
    ((location, repository_name),) = found
    selector = JobSubsetSelector(
        location_name=location, repository_name=repository_name, job_name=job, op_selection=None
    )

    plan_selector = RemoteExecutionPlanSelector(job_selector=selector, run_config={})

    async def read() -> tuple[RemoteJob | None, RemoteExecutionPlan | None]:
        # in one event loop, to which the context's loaders are bound once they are used
        return await RemoteJob.gen(workspace, selector), await RemoteExecutionPlan.gen(
            workspace, plan_selector
        )

    remote_job, plan = asyncio.run(read())
    if remote_job is None or plan is None:
        raise RunCreationError(f"the code location `{location}` does not know its job `{job}`")
    told = tags | (_partition_tags(graph, near, partition) if near is not None else {})
    return _created(instance, workspace, run_id, told, remote_job, plan.execution_plan_snapshot, [], [])


def _created(
    instance: dg.DagsterInstance,
    workspace: Any,
    run_id: str,
    tags: Mapping[str, str],
    job: RemoteJob,
    plan: Any,
    assets: list[dg.AssetKey],
    checks: list[dg.AssetCheckKey],
) -> dg.DagsterRun:
    return instance.create_run(
        job_name=job.name,
        run_id=run_id,
        run_config={},
        status=dg.DagsterRunStatus.NOT_STARTED,
        tags=tags,
        root_run_id=None,
        parent_run_id=None,
        step_keys_to_execute=None,
        execution_plan_snapshot=plan,
        job_snapshot=job.job_snapshot,
        parent_job_snapshot=job.parent_job_snapshot,
        asset_selection=frozenset(assets) or None,
        asset_check_selection=frozenset(checks) or None,
        resolved_op_selection=None,
        op_selection=None,
        remote_job_origin=job.get_remote_origin(),
        job_code_origin=job.get_python_origin(),
        asset_graph=workspace.asset_graph,
    )


def _partition_tags(graph: Any, asset: dg.AssetKey, partition: str) -> dict[str, str]:
    """The tags of a run of a partition: also those of each dimension, where there are several."""
    if not partition:
        return {}
    known = asset in graph.remote_asset_nodes_by_key
    definition = graph.get(asset).partitions_def if known else None
    if definition is None:
        return {PARTITION_NAME_TAG: partition}
    return dict(definition.get_tags_for_partition_key(partition))
