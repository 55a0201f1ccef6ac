"""What Dagster's event log has of one version of an asset: its id, and who is about to judge or make it."""

from collections.abc import Collection, Sequence

import dagster as dg
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.dagster_run import IN_PROGRESS_RUN_STATUSES
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, SqlEventLogStorageTable
from dagster._core.storage.tags import PARTITION_NAME_TAG
from sqlalchemy import func, select

from adaptive_assets.dagster_compat.events import asset_records
from adaptive_assets.dagster_compat.storage import event_log_storage
from adaptive_assets.dagster_compat.versions import latest_by_partition

__all__ = [
    "evaluated_by",
    "has_newer_event",
    "is_being_judged",
    "is_being_made",
    "newest_event",
    "version_id",
]

UNFINISHED = [dg.DagsterRunStatus.QUEUED, *IN_PROGRESS_RUN_STATUSES]
PLANS_LOOKED_AT = 50
"""The newest plans to evaluate a check that are looked at for one that is under way."""
RUNS_LOOKED_AT = 100

MOST_NEWER = 500
"""Evaluations of any asset that are looked at for those of the assets asked about; more count as news."""

_JUDGED = dg.DagsterEventType.ASSET_CHECK_EVALUATION.value
_MADE = dg.DagsterEventType.ASSET_MATERIALIZATION.value


def version_id(instance: dg.DagsterInstance, asset: dg.AssetKey, partition: str = "") -> int | None:
    """The storage id of the latest materialization; ``None`` where there is none."""
    if partition:
        return latest_by_partition(instance, asset, [partition]).get(partition)
    record = asset_records(instance, [asset]).get(asset)
    return record.asset_entry.last_materialization_storage_id if record else None


def is_being_judged(
    instance: dg.DagsterInstance, asset: dg.AssetKey, checks: Collection[str], partition: str = ""
) -> bool:
    """Whether a run that has not ended is to evaluate one of the checks, of the partition or of any."""
    plans = {AssetCheckExecutionRecordStatus.PLANNED}
    run_ids = set()
    for name in checks:
        history = event_log_storage(instance).get_asset_check_execution_history(
            dg.AssetCheckKey(asset, name), limit=PLANS_LOOKED_AT, status=plans
        )
        run_ids |= {plan.run_id for plan in history if plan.partition in (None, partition or None)}
    records = (
        instance.get_run_records(dg.RunsFilter(run_ids=sorted(run_ids), statuses=UNFINISHED))
        if run_ids
        else []
    )
    said = (record.dagster_run.tags.get(PARTITION_NAME_TAG) for record in records)
    return any(not partition or of in (None, partition) for of in said)


def is_being_made(
    instance: dg.DagsterInstance, asset: dg.AssetKey, partition: str = "", *, queued: bool = True
) -> bool:
    """Whether a run that has not ended names the asset, and the partition if it is given.

    Without ``queued``, only a run that has been launched counts.
    """
    tags = {PARTITION_NAME_TAG: partition} if partition else {}
    wanted = dg.RunsFilter(statuses=UNFINISHED if queued else list(IN_PROGRESS_RUN_STATUSES), tags=tags)
    records = instance.get_run_records(wanted, limit=RUNS_LOOKED_AT)
    return any(asset in (record.dagster_run.asset_selection or ()) for record in records)


def evaluated_by(
    instance: dg.DagsterInstance, asset: dg.AssetKey, checks: Collection[str], run_id: str
) -> frozenset[str]:
    """Those of the checks that the run has evaluated, whatever the result."""
    of_type = {dg.DagsterEventType.ASSET_CHECK_EVALUATION}
    events = (entry.get_dagster_event() for entry in instance.all_logs(run_id, of_type=of_type))
    data = [event.event_specific_data for event in events]
    said = {
        each.check_name
        for each in data
        if isinstance(each, dg.AssetCheckEvaluation) and each.asset_key == asset
    }
    return frozenset(said & set(checks))


def newest_event(instance: dg.DagsterInstance) -> int:
    """The id of the newest event of any asset."""
    with event_log_storage(instance).index_connection() as connection:
        return int(connection.execute(select(func.max(SqlEventLogStorageTable.c.id))).scalar() or 0)


def has_newer_event(instance: dg.DagsterInstance, assets: Sequence[dg.AssetKey], after: int) -> bool:
    """Whether any of ``assets`` has a materialization or evaluation with an id above ``after``.

    It reads no more than what is newer, and of checks, where there is anything newer, those of ``assets``:
    an evaluation's own row does not tell its asset.
    """
    event, execution = SqlEventLogStorageTable.c, AssetCheckExecutionsTable.c
    keys = [asset.to_string() for asset in assets]
    newer = select(event.id).where(event.id > after)
    made = newer.where(event.asset_key.in_(keys), event.dagster_event_type == _MADE)
    judged = newer.where(event.dagster_event_type == _JUDGED)
    with event_log_storage(instance).index_connection() as connection:
        if connection.execute(made.limit(1)).first() is not None:
            return True
        ids = connection.execute(judged.limit(MOST_NEWER)).scalars().all()
        if not ids or len(ids) == MOST_NEWER:
            return bool(ids)
        of_assets = select(execution.id).where(
            execution.asset_key.in_(keys), execution.evaluation_event_storage_id.in_(ids)
        )
        return connection.execute(of_assets.limit(1)).first() is not None
