"""What Dagster's event log knows of runs, assets and checks."""

from collections.abc import Mapping, Sequence

import dagster as dg
from dagster._core.definitions.freshness import FreshnessStateRecord
from dagster._core.events import EngineEventData
from dagster._core.storage.asset_check_execution_record import (
    COMPLETED_ASSET_CHECK_EXECUTION_RECORD_STATUSES,
    AssetCheckExecutionRecord,
)
from dagster._core.storage.event_log.base import AssetRecord
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable
from sqlalchemy import func, select

from adaptive_assets.dagster_compat.storage import event_log_storage

__all__ = [
    "AssetCheckExecutionRecord",
    "EngineEventData",
    "asset_records",
    "freshness_states",
    "latest_evaluations",
    "sigkills",
]


KILLED = "was terminated by signal 9 (SIGKILL)"
"""In every message that ``get_run_crash_explanation`` writes of a process that was killed."""


def sigkills(instance: dg.DagsterInstance, run_id: str) -> list[float]:
    """When Dagster found that a process of the run had been ended by SIGKILL (POSIX seconds, ascending).

    The multiprocess executor finds it of a step's process within a tenth of a second, and the code server of
    the run's own within a second; neither says it otherwise than in the words of an engine event.
    """
    page = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)
    entries = [record.event_log_entry for record in page.records]
    said = [entry for entry in entries if entry.dagster_event and KILLED in str(entry.dagster_event.message)]
    return sorted(entry.timestamp for entry in said)


def asset_records(
    instance: dg.DagsterInstance, keys: Sequence[dg.AssetKey]
) -> dict[dg.AssetKey, AssetRecord]:
    """The storage's record of each asset that has ever been materialized, in one read."""
    return {record.asset_entry.asset_key: record for record in instance.get_asset_records(keys)}


def freshness_states(
    instance: dg.DagsterInstance, keys: Sequence[dg.AssetKey]
) -> Mapping[dg.AssetKey, FreshnessStateRecord]:
    """What the freshness daemon last said of each asset that has a freshness policy."""
    return instance.get_freshness_state_records(keys)


def latest_evaluations(
    instance: dg.DagsterInstance, keys: Sequence[dg.AssetCheckKey]
) -> dict[dg.AssetCheckKey, AssetCheckExecutionRecord]:
    """The latest execution of each check that came to a result, in one read.

    Dagster's own read of many checks gives a plan to execute one instead of the result before it. Such a plan
    is written when a run is created, so a long queue has planned most checks again.
    """
    if not keys:
        return {}
    column = AssetCheckExecutionsTable.c
    results = [status.value for status in COMPLETED_ASSET_CHECK_EXECUTION_RECORD_STATUSES]
    latest = (
        select(func.max(column.id))
        .where(
            column.asset_key.in_({key.asset_key.to_string() for key in keys}),
            column.check_name.in_({key.name for key in keys}),
            column.execution_status.in_(results),
        )
        .group_by(column.asset_key, column.check_name)
    )
    wanted = {(key.asset_key.to_string(), key.name): key for key in keys}
    with event_log_storage(instance).index_connection() as connection:
        rows = connection.execute(select(AssetCheckExecutionsTable).where(column.id.in_(latest))).mappings()
        found = {wanted.get((row["asset_key"], row["check_name"])): row for row in rows}
    return {key: AssetCheckExecutionRecord.from_db_row(row, key) for key, row in found.items() if key}
