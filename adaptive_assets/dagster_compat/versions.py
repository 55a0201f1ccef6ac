"""Materializations and evaluations in the tables of Dagster's event log, in narrow columns."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluation
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.asset_check_execution_record import COMPLETED_ASSET_CHECK_EXECUTION_RECORD_STATUSES
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, SqlEventLogStorageTable
from dagster._serdes import deserialize_value
from sqlalchemy import Connection, and_, func, or_, select
from sqlalchemy.sql import ColumnElement

from adaptive_assets.dagster_compat.storage import event_log_storage

__all__ = [
    "AssetCheckEvaluation",
    "EvaluationRow",
    "Materialization",
    "evaluation_events",
    "evaluation_of",
    "evaluation_rows",
    "evaluation_rows_by_partition",
    "latest_by_partition",
    "latest_evaluation_rows",
    "latest_without_partition",
    "materializations",
    "older_materializations",
    "planned_by",
]

CHUNK: Final = 500
"""Values in one IN list: SQLite takes 32,766 parameters, and PostgreSQL plans long lists badly."""

_MADE: Final = dg.DagsterEventType.ASSET_MATERIALIZATION.value
_PLANNED: Final = dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED.value
_RESULTS: Final = [status.value for status in COMPLETED_ASSET_CHECK_EXECUTION_RECORD_STATUSES]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Materialization:
    """A materialization; ``run_id`` is empty for one that was reported from outside of runs.

    ``marked`` is what its metadata says under the key that was asked for, ``None`` where it has none.
    ``problem`` says why its event cannot be read.
    """

    storage_id: int
    run_id: str
    at: float
    partition: str | None
    marked: str | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class EvaluationRow:
    """An evaluation of a check that came to a result, without its event.

    ``row_id`` is that of the plan to evaluate; ``order`` is the storage id of the evaluation itself, and
    ``target`` that of the materialization that it looked at.
    """

    asset_key: str
    check: str
    row_id: int
    order: int
    target: int | None
    run_id: str
    partition: str | None
    succeeded: bool
    at: float


def latest_by_partition(
    instance: dg.DagsterInstance, key: dg.AssetKey, partitions: Collection[str]
) -> dict[str, int]:
    """The storage id of the latest materialization of each of some partitions that has one."""
    found: dict[str, int] = {}
    for chunk in _chunks(sorted(partitions)):
        found |= event_log_storage(instance).get_latest_storage_id_by_partition(
            key, dg.DagsterEventType.ASSET_MATERIALIZATION, partitions=set(chunk)
        )
    return found


def latest_without_partition(instance: dg.DagsterInstance, key: dg.AssetKey, after: float) -> int | None:
    """The storage id of the latest materialization without a partition, made after ``after`` (POSIX)."""
    column = SqlEventLogStorageTable.c
    query = select(func.max(column.id)).where(
        column.asset_key == key.to_string(),
        column.dagster_event_type == _MADE,
        column.partition.is_(None),
        column.timestamp > _column_time(after),
    )
    with _connection(instance) as connection:
        found = connection.execute(query).scalar()
    return None if found is None else int(found)


def materializations(
    instance: dg.DagsterInstance, ids: Collection[int], mark: str
) -> dict[int, Materialization]:
    """Materializations by storage id; the event is read as a whole only where ``mark`` occurs in it."""
    column = SqlEventLogStorageTable.c
    found: dict[int, Materialization] = {}
    if not ids:
        return found
    with _connection(instance) as connection:
        for chunk in _chunks(sorted(ids)):
            query = select(column.id, column.run_id, column.timestamp, column.partition, column.event)
            for row in connection.execute(query.where(column.id.in_(chunk))):
                marked, problem = _marked(row.event, mark)
                found[row.id] = Materialization(
                    row.id, row.run_id or "", _posix(row.timestamp), row.partition, marked, problem
                )
    return found


def older_materializations(
    instance: dg.DagsterInstance, key: dg.AssetKey, before: Collection[Materialization], most: int
) -> dict[int, list[Materialization]]:
    """For each of some materializations the ``most`` latest before it of the same partition, newest first."""
    column = SqlEventLogStorageTable.c
    found: dict[int, list[Materialization]] = {}
    with _connection(instance) as connection:
        for made in before:
            same = (
                column.partition.is_(None) if made.partition is None else column.partition == made.partition
            )
            query = (
                select(column.id, column.run_id, column.timestamp, column.partition)
                .where(
                    column.asset_key == key.to_string(),
                    column.dagster_event_type == _MADE,
                    same,
                    column.id < made.storage_id,
                )
                .order_by(column.id.desc())
                .limit(most)
            )
            found[made.storage_id] = [
                Materialization(row.id, row.run_id or "", _posix(row.timestamp), row.partition)
                for row in connection.execute(query)
            ]
    return found


def planned_by(
    instance: dg.DagsterInstance, keys: Collection[dg.AssetKey], run_ids: Collection[str]
) -> set[tuple[str, str]]:
    """Which of some runs were to materialize which of some assets, whether they came to it or not.

    Pairs of the asset's key, as Dagster stores it, and the run's id.
    """
    column = SqlEventLogStorageTable.c
    found: set[tuple[str, str]] = set()
    with _connection(instance) as connection:
        for chunk in _chunks(sorted(run_ids)):
            query = select(column.asset_key, column.run_id).where(
                column.run_id.in_(chunk),
                column.asset_key.in_([key.to_string() for key in keys]),
                column.dagster_event_type == _PLANNED,
            )
            found.update((asset, run) for asset, run in connection.execute(query))
    return found


def evaluation_rows(
    instance: dg.DagsterInstance,
    checks: Iterable[dg.AssetCheckKey],
    made: Collection[Materialization],
) -> list[EvaluationRow]:
    """The evaluations that may speak of the given materializations of any number of assets, in one read.

    They are those that have one of them as target, those of their runs, and later ones without a target.
    For some materializations of each asset: all evaluations of the checks are gone through.
    """
    keys = list(checks)
    if not keys or not made:
        return []
    column = AssetCheckExecutionsTable.c
    ids = [one.storage_id for one in made]
    found: list[EvaluationRow] = []
    with _connection(instance) as connection:
        for chunk in _chunks(keys):
            about = or_(
                column.materialization_event_storage_id.in_(ids),
                column.run_id.in_(sorted({one.run_id for one in made if one.run_id})),
                and_(
                    column.materialization_event_storage_id.is_(None),
                    column.evaluation_event_storage_id > min(ids),
                ),
            )
            found += _rows(connection, *_of_checks(chunk), about)
    return found


def evaluation_rows_by_partition(
    instance: dg.DagsterInstance,
    key: dg.AssetKey,
    names: Collection[str],
    made: Sequence[Materialization],
) -> list[EvaluationRow]:
    """As :func:`evaluation_rows`, for many materializations of one asset: by its indexes."""
    if not names or not made:
        return []
    column = AssetCheckExecutionsTable.c
    of_checks = _of_checks([dg.AssetCheckKey(key, name) for name in names])
    target = column.materialization_event_storage_id
    found: dict[int, EvaluationRow] = {}

    def add(connection: Connection, *conditions: ColumnElement[bool]) -> None:
        found.update({row.row_id: row for row in _rows(connection, *of_checks, *conditions)})

    with _connection(instance) as connection:
        for chunk in _chunks(made):
            add(connection, target.in_([one.storage_id for one in chunk]))
        seen = {(row.target, row.run_id, row.check) for row in found.values()}
        runs = {
            one.run_id
            for one in made
            if one.run_id and any((one.storage_id, one.run_id, name) not in seen for name in names)
        }
        for of_runs in _chunks(sorted(runs)):
            add(connection, column.run_id.in_(of_runs))
        first = min(one.storage_id for one in made)
        for partitions in _chunks(sorted({one.partition for one in made if one.partition is not None})):
            later = column.evaluation_event_storage_id > first
            add(connection, target.is_(None), column.partition.in_(partitions), later)
    return list(found.values())


def latest_evaluation_rows(
    instance: dg.DagsterInstance, checks: Collection[dg.AssetCheckKey]
) -> list[EvaluationRow]:
    """The latest evaluation of each check and partition, whatever it looked at."""
    if not checks:
        return []
    column = AssetCheckExecutionsTable.c
    latest = (
        select(func.max(column.evaluation_event_storage_id))
        .where(*_of_checks(checks), column.execution_status.in_(_RESULTS))
        .group_by(column.asset_key, column.check_name, column.partition)
    )
    with _connection(instance) as connection:
        return _rows(connection, *_of_checks(checks), column.evaluation_event_storage_id.in_(latest))


def evaluation_events(instance: dg.DagsterInstance, row_ids: Collection[int]) -> dict[int, str]:
    """The events of evaluations as they are stored, by the id of the row."""
    column = AssetCheckExecutionsTable.c
    found: dict[int, str] = {}
    if not row_ids:
        return found
    with _connection(instance) as connection:
        for chunk in _chunks(sorted(row_ids)):
            query = select(column.id, column.evaluation_event).where(column.id.in_(chunk))
            found.update({row.id: row.evaluation_event or "" for row in connection.execute(query)})
    return found


def evaluation_of(event: str) -> AssetCheckEvaluation:
    """The evaluation in a stored event.

    Raises:
        Exception: of whatever kind, where it is none.
    """
    entry = deserialize_value(event, EventLogEntry)
    data = entry.dagster_event.event_specific_data if entry.dagster_event else None
    if not isinstance(data, AssetCheckEvaluation):
        raise TypeError(f"it holds {type(data).__name__} where an evaluation should be")
    return data


def _rows(connection: Connection, *conditions: ColumnElement[bool]) -> list[EvaluationRow]:
    column = AssetCheckExecutionsTable.c
    query = select(
        column.asset_key,
        column.check_name,
        column.id,
        column.evaluation_event_storage_id,
        column.materialization_event_storage_id,
        column.run_id,
        column.partition,
        column.execution_status,
        column.evaluation_event_timestamp,
    ).where(*conditions, column.execution_status.in_(_RESULTS))
    return [
        EvaluationRow(
            asset, check, row_id, order or 0, target, run or "", partition, status == "SUCCEEDED", _posix(at)
        )
        for asset, check, row_id, order, target, run, partition, status, at in connection.execute(query)
    ]


def _of_checks(checks: Iterable[dg.AssetCheckKey]) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    column = AssetCheckExecutionsTable.c
    keys = list(checks)
    return (
        column.asset_key.in_(sorted({key.asset_key.to_string() for key in keys})),
        column.check_name.in_(sorted({key.name for key in keys})),
    )


def _marked(event: str, mark: str) -> tuple[str | None, str]:
    if mark not in event:
        return None, ""
    try:
        entry = deserialize_value(event, EventLogEntry)
        made = entry.asset_materialization
        value: Any = made.metadata.get(mark) if made else None
    except Exception as error:  # noqa: BLE001  of whatever kind: what cannot be read is told, of this one
        return None, f"{type(error).__name__}: {error}"
    return (None if value is None else str(value.value)), ""


def _connection(instance: dg.DagsterInstance) -> AbstractContextManager[Connection]:
    connection: AbstractContextManager[Connection] = event_log_storage(instance).index_connection()
    return connection


def _posix(at: datetime | None) -> float:
    return 0.0 if at is None else at.replace(tzinfo=UTC).timestamp()


def _column_time(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC).replace(tzinfo=None)


def _chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), CHUNK):
        yield values[start : start + CHUNK]
