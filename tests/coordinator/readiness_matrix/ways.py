"""The ways in which a run comes to be: each asks for a run of some readers, as its users do."""

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._daemon.backfill import execute_backfill_iteration
from dagster._daemon.sensor import execute_sensor_iteration
from dagster._scheduler.scheduler import launch_scheduled_runs
from dagster_graphql.test.utils import execute_dagster_graphql

from tests.coordinator.readiness_matrix.cells import Cell, Gate, Reads
from tests.coordinator.readiness_matrix.verdicts import partition_tags, submit
from tests.coordinator.world import World

GATE = Gate.STRICT
_LOGGER = logging.getLogger(__name__)

_LAUNCH = """
mutation($params: ExecutionParams!) {
  launchPipelineExecution(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
  }
}
"""
_BACKFILL = """
mutation($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}
"""


def code(cells: Iterable[Cell]) -> str:
    """A sensor and a schedule that ask for a run of each reader, to stand at the end of a location's code."""
    asked = [(cell.reader(GATE), partition_tags(cell)) for cell in cells]
    return f"""
asked = {asked!r}
here = dg.AssetSelection.assets(*(name for name, _ in asked))

def requests():
    return [
        dg.RunRequest(run_key=name, asset_selection=[dg.AssetKey(name)], tags=tags) for name, tags in asked
    ]

@dg.sensor(target=here, default_status=dg.DefaultSensorStatus.RUNNING)
def on_arrival(): return requests()

@dg.schedule(target=here, cron_schedule="* * * * *", default_status=dg.DefaultScheduleStatus.RUNNING)
def each_minute(): return requests()

defs = dg.Definitions.merge(defs, dg.Definitions(sensors=[on_arrival], schedules=[each_minute]))
"""


def by_api(world: World, cells: Iterable[Cell]) -> None:
    """As a program does that creates a run and submits it."""
    for cell in cells:
        submit(world, cell, GATE)


def by_graphql(world: World, cells: Iterable[Cell]) -> None:
    """As the page of an asset does."""
    for cell in cells:
        tags = [{"key": key, "value": value} for key, value in partition_tags(cell).items()]
        params = {
            "selector": {
                "repositoryLocationName": "here",
                "repositoryName": "__repository__",
                "pipelineName": "__ASSET_JOB",
                "assetSelection": [{"path": [cell.reader(GATE)]}],
            },
            "runConfigData": {},
            "mode": "default",
            "executionMetadata": {"tags": tags},
        }
        _mutate(world, _LAUNCH, params, "launchPipelineExecution", "LaunchRunSuccess")


def by_backfill(world: World, cells: Iterable[Cell]) -> None:
    """As the page of an asset does for partitions; its daemon then makes the runs, one for each partition."""
    for cell in cells:
        params: dict[str, Any] = {"assetSelection": [{"path": [cell.reader(GATE)]}]}
        if cell.partitioned:
            params["partitionNames"] = ["b"]
            _mutate(world, _BACKFILL, params, "launchPartitionBackfill", "LaunchBackfillSuccess")
    for _ in range(2):
        for error in execute_backfill_iteration(_process(world), _LOGGER):
            assert error is None, error


def by_sensor(world: World, cells: Iterable[Cell]) -> None:
    """A tick of a sensor."""
    del cells
    list(execute_sensor_iteration(_process(world), _LOGGER, None, None))


def by_schedule(world: World, cells: Iterable[Cell]) -> None:
    """A tick of a schedule: what is running begins to count at the first look."""
    del cells
    now = datetime.now(UTC)
    for end in (now, now + timedelta(minutes=1)):
        list(launch_scheduled_runs(_process(world), _LOGGER, end, {}))


WAYS: Mapping[str, Callable[[World, Iterable[Cell]], None]] = {
    "api": by_api,
    "graphql": by_graphql,
    "backfill": by_backfill,
    "sensor": by_sensor,
    "schedule": by_schedule,
}


def can(way: str, cell: Cell) -> bool:
    """Whether the way makes one run of what the cell asks for."""
    return way != "backfill" or cell.reads not in (Reads.UNPARTITIONED, Reads.RANGE)


def _process(world: World) -> WorkspaceProcessContext:
    process: WorkspaceProcessContext = world.process_context
    return process


def _mutate(world: World, mutation: str, params: Mapping[str, Any], name: str, success: str) -> None:
    result = execute_dagster_graphql(world.workspace, mutation, {"params": params})
    told = result.data[name]
    assert told["__typename"] == success, told
