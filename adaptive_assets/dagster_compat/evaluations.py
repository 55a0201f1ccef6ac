"""What the event log says of the versions of an asset: its materializations, and evaluations by version."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData as Target,
)
from dagster._core.storage.asset_check_execution_record import (
    AssetCheckExecutionRecord,
    AssetCheckExecutionRecordStatus,
)
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable
from sqlalchemy import func, select

from adaptive_assets.dagster_compat.storage import event_log_storage

__all__ = ["CheckRow", "Target", "check_rows", "first_execution", "materializations"]

_AT_ONCE: Final = 200
"""Values in one IN list, and materializations in one page."""


@dataclass(frozen=True, slots=True)
class CheckRow:
    """One execution of a check; ``evaluation`` is ``None`` while it is only planned."""

    id: int
    name: str
    run_id: str
    partition: str | None
    target: int | None
    """The storage id of the materialization that was looked at."""
    evaluation: dg.AssetCheckEvaluation | None


def check_rows(
    instance: dg.DagsterInstance, asset: dg.AssetKey, run_ids: Collection[str], targets: Collection[int]
) -> list[CheckRow]:
    """The executions of an asset's checks in some runs, or of some materializations, oldest first.

    Two reads by index, however many evaluations of other versions there are.
    """
    column = AssetCheckExecutionsTable.c
    of_asset = column.asset_key == asset.to_string()
    found: dict[int, CheckRow] = {}
    with event_log_storage(instance).index_connection() as connection:
        names = connection.execute(select(column.check_name).where(of_asset).distinct()).scalars().all()
        if not names:
            return []
        of_checks = (of_asset, column.check_name.in_(names))
        for values, wanted in (
            (run_ids, column.run_id),
            (targets, column.materialization_event_storage_id),
        ):
            listed = sorted(values)
            for first in range(0, len(listed), _AT_ONCE):
                some = listed[first : first + _AT_ONCE]
                rows = connection.execute(
                    select(AssetCheckExecutionsTable).where(*of_checks, wanted.in_(some))
                ).mappings()
                for row in rows:
                    key = dg.AssetCheckKey(asset, row["check_name"])
                    record = AssetCheckExecutionRecord.from_db_row(row, key)
                    found[record.id] = CheckRow(
                        row["evaluation_event_storage_id"] or 0,
                        key.name,
                        row["run_id"],
                        row["partition"],
                        row["materialization_event_storage_id"],
                        _evaluation(record),
                    )
    return sorted(found.values(), key=lambda row: row.id)


def first_execution(instance: dg.DagsterInstance, asset: dg.AssetKey) -> int | None:
    """The storage id of the event by which a check of the asset was first planned or evaluated."""
    column = AssetCheckExecutionsTable.c
    first = select(func.min(column.evaluation_event_storage_id)).where(column.asset_key == asset.to_string())
    with event_log_storage(instance).index_connection() as connection:
        found = connection.execute(first).scalar()
    return None if found is None else int(found)


def materializations(
    instance: dg.DagsterInstance, asset: dg.AssetKey, partition: str | None
) -> Iterator[tuple[int, str, float, dg.AssetMaterialization]]:
    """The materializations of an asset or of one partition of it, newest first, a page at a time.

    Each with its storage id, the id of its run (empty for a reported one) and its time (POSIX seconds).
    """
    wanted = dg.AssetRecordsFilter(asset_key=asset, asset_partitions=[partition] if partition else None)
    cursor: str | None = None
    while True:
        page = instance.fetch_materializations(wanted, limit=_AT_ONCE, cursor=cursor)
        for record in page.records:
            made = record.asset_materialization
            if made is not None and made.partition == partition:
                yield record.storage_id, record.event_log_entry.run_id, record.timestamp, made
        if not page.has_more or not page.records:
            return
        cursor = page.cursor


def _evaluation(record: AssetCheckExecutionRecord) -> dg.AssetCheckEvaluation | None:
    if record.status is AssetCheckExecutionRecordStatus.PLANNED or record.event is None:
        return None
    event = record.event.dagster_event
    said = event.event_specific_data if event else None
    return said if isinstance(said, dg.AssetCheckEvaluation) else None
