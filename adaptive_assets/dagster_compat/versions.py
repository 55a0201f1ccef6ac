"""The versions of assets in Dagster's event log, and what checks said of them, many at once."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import dagster as dg
from dagster._core.storage.asset_check_execution_record import (
    COMPLETED_ASSET_CHECK_EXECUTION_RECORD_STATUSES,
    AssetCheckExecutionRecordStatus,
)
from dagster._core.storage.event_log.base import AssetRecord
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, SqlEventLogStorageTable
from dagster._core.storage.sqlalchemy_compat import db_select
from dagster._serdes import deserialize_value
from sqlalchemy import and_, func, or_
from sqlalchemy.sql.elements import ColumnElement

from adaptive_assets.dagster_compat.storage import event_log_storage

__all__ = [
    "EvaluationRow",
    "VersionRow",
    "earlier_versions",
    "evaluation_events",
    "evaluations",
    "latest_version",
    "latest_versions",
    "next_versions",
    "versions",
]

MOST_NAMED: Final = 500
"""Values in one ``IN``: SQLite takes some thousands, and the query planner of either database fewer."""

_MATERIALIZATION: Final = dg.DagsterEventType.ASSET_MATERIALIZATION


@dataclass(frozen=True, slots=True)
class VersionRow:
    """One materialization. ``id`` is that of its event, which grows; ``at`` is in POSIX seconds."""

    id: int
    partition: str | None
    run_id: str
    at: float
    metadata: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class EvaluationRow:
    """One completed execution of a check.

    ``id`` is that of its event, comparable with that of a version; ``target`` is the version that Dagster
    says it was of, where it says so. A run has one row for each partition of a check.
    """

    key: dg.AssetCheckKey
    id: int
    partition: str | None
    run_id: str
    target: int | None
    passed: bool
    row: int
    """The row's own id. Dagster writes the row when the run is planned, and fills it in later."""


def latest_version(record: AssetRecord) -> VersionRow | None:
    """The latest materialization of an asset, of whatever partition, as Dagster's record of the asset has it.

    The record outlives the event, which is deleted with its run.
    """
    latest = record.asset_entry.last_materialization_record
    made = latest.asset_materialization if latest else None
    if latest is None or made is None:
        return None
    return VersionRow(latest.storage_id, made.partition, latest.run_id, latest.timestamp, made.metadata)


def latest_versions(
    instance: dg.DagsterInstance, asset: dg.AssetKey, partitions: Collection[str]
) -> dict[str, int]:
    """The id of the latest materialization of each of some partitions, those without any left out."""
    found: dict[str, int] = {}
    for names in _chunks(sorted(partitions)):
        found |= event_log_storage(instance).get_latest_storage_id_by_partition(
            asset, _MATERIALIZATION, set(names)
        )
    return found


def versions(instance: dg.DagsterInstance, ids: Collection[int]) -> dict[int, VersionRow]:
    """The materializations with these ids."""
    column = SqlEventLogStorageTable.c
    found: dict[int, VersionRow] = {}
    for some in _chunks(sorted(ids)):
        wanted = db_select([column.id, column.event]).where(column.id.in_(some))
        with event_log_storage(instance).index_connection() as connection:
            for number, text in connection.execute(wanted).fetchall():
                entry = deserialize_value(text, dg.EventLogEntry)
                event = entry.asset_materialization
                if event is not None:
                    found[number] = VersionRow(
                        number, event.partition, entry.run_id, entry.timestamp, event.metadata
                    )
    return found


def earlier_versions(
    instance: dg.DagsterInstance, asset: dg.AssetKey, partition: str | None, before: int, most: int
) -> list[int]:
    """The ids of materializations before the one with the id ``before``, the latest first."""
    column = SqlEventLogStorageTable.c
    wanted = (
        db_select([column.id])
        .where(
            column.asset_key == asset.to_string(),
            column.dagster_event_type == _MATERIALIZATION.value,
            column.partition.is_(None) if partition is None else column.partition == partition,
            column.id < before,
        )
        .order_by(column.id.desc())
        .limit(most)
    )
    with event_log_storage(instance).index_connection() as connection:
        return [number for (number,) in connection.execute(wanted).fetchall()]


def next_versions(instance: dg.DagsterInstance, asset: dg.AssetKey, ids: Collection[int]) -> dict[int, int]:
    """The id of the materialization of ``asset`` that came next after each of these; the latest left out."""
    of, after = SqlEventLogStorageTable.alias(), SqlEventLogStorageTable.alias()
    following = (
        db_select([func.min(after.c.id)])
        .where(
            after.c.asset_key == asset.to_string(),
            after.c.dagster_event_type == _MATERIALIZATION.value,
            after.c.id > of.c.id,
        )
        .scalar_subquery()
    )
    found: dict[int, int] = {}
    for some in _chunks(sorted(ids)):
        with event_log_storage(instance).index_connection() as connection:
            rows = connection.execute(db_select([of.c.id, following]).where(of.c.id.in_(some))).fetchall()
        found |= {number: after_it for number, after_it in rows if after_it is not None}
    return found


def evaluations(
    instance: dg.DagsterInstance,
    keys: Collection[dg.AssetCheckKey],
    ids: Collection[int],
    runs: Collection[str],
    *,
    latest: bool,
) -> list[EvaluationRow]:
    """The completed executions of some checks that are of versions with these ids, or in these runs.

    With those that no run made and of which nobody said the version, if they came after the first of these
    versions. ``latest``: and the latest one of each check and partition at all.
    """
    column = AssetCheckExecutionsTable.c
    known = {(key.asset_key.to_string(), key.name): key for key in keys}
    if not known:
        return []
    completed = [status.value for status in COMPLETED_ASSET_CHECK_EXECUTION_RECORD_STATUSES]
    of_checks = and_(
        column.asset_key.in_({asset for asset, _ in known}),
        column.check_name.in_({name for _, name in known}),
        column.execution_status.in_(completed),
    )
    conditions: list[ColumnElement[bool]] = []
    if ids:
        conditions.append(
            and_(
                column.materialization_event_storage_id.is_(None),
                or_(column.run_id.is_(None), column.run_id == ""),
                column.evaluation_event_storage_id > min(ids),
            )
        )
    conditions += [column.materialization_event_storage_id.in_(some) for some in _chunks(sorted(ids))]
    conditions += [column.run_id.in_(some) for some in _chunks(sorted(run for run in runs if run))]
    if latest:
        newest = db_select([func.max(column.evaluation_event_storage_id)]).where(of_checks)
        conditions.append(
            column.evaluation_event_storage_id.in_(
                newest.group_by(column.asset_key, column.check_name, column.partition)
            )
        )
    narrow = [
        column.id,
        column.asset_key,
        column.check_name,
        column.partition,
        column.run_id,
        column.evaluation_event_storage_id,
        column.materialization_event_storage_id,
        column.execution_status,
    ]
    found: dict[tuple[int, int], EvaluationRow] = {}
    with event_log_storage(instance).index_connection() as connection:
        for each in conditions:
            for row in connection.execute(db_select(narrow).where(and_(of_checks, each))).fetchall():
                key = known.get((row[1], row[2]))
                if key is not None and row[5] is not None:
                    passed = row[7] == AssetCheckExecutionRecordStatus.SUCCEEDED.value
                    found[row[0], row[5]] = EvaluationRow(
                        key, row[5], row[3], row[4] or "", row[6], passed, row[0]
                    )
    return list(found.values())


def evaluation_events(
    instance: dg.DagsterInstance, rows: Collection[int]
) -> dict[int, tuple[float, dg.AssetCheckEvaluation] | None]:
    """When (POSIX seconds) and what was evaluated, by the row's own id.

    ``None`` for an execution that came to no evaluation.
    """
    column = AssetCheckExecutionsTable.c
    found: dict[int, tuple[float, dg.AssetCheckEvaluation] | None] = {}
    with event_log_storage(instance).index_connection() as connection:
        for some in _chunks(sorted(rows)):
            wanted = db_select([column.id, column.evaluation_event]).where(column.id.in_(some))
            for number, text in connection.execute(wanted).fetchall():
                entry = deserialize_value(text, dg.EventLogEntry) if text else None
                event = entry.dagster_event if entry else None
                said = event.event_specific_data if event else None
                if entry is not None and isinstance(said, dg.AssetCheckEvaluation):
                    found[number] = (entry.timestamp, said)
                else:
                    found[number] = None
    return found


def _chunks(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(values), MOST_NAMED):
        yield values[start : start + MOST_NAMED]
