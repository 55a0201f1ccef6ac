"""Events about data, as a run, the webserver or the freshness daemon writes them."""

import time
from typing import Any

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData,
)
from dagster._core.definitions.freshness import FreshnessState, FreshnessStateChange
from dagster._core.event_api import EventLogRecord
from dagster._core.events import StepMaterializationData
from dagster._core.instance.utils import RUNLESS_JOB_NAME, RUNLESS_RUN_ID
from dagster._core.utils import make_new_run_id

from adaptive_assets.assets.check_states import CHECK_STATE, NOT_EVALUATED

__all__ = ["EventLogRecord", "evaluate", "freshness", "latest", "materialize"]


def materialize(
    instance: dg.DagsterInstance,
    asset: str,
    partition: str | None = None,
    mode: str | None = None,
    *,
    at: float | None = None,
) -> EventLogRecord:
    """Report a version of an asset, or of a partition of it, made ``at`` a time; returns its record."""
    metadata: dict[str, Any] = {} if mode is None else {"adaptive/mode": mode}
    materialization = dg.AssetMaterialization(asset, partition=partition, metadata=metadata)
    event = dg.DagsterEvent(
        event_type_value=dg.DagsterEventType.ASSET_MATERIALIZATION.value,
        job_name=RUNLESS_JOB_NAME,
        event_specific_data=StepMaterializationData(materialization, []),
    )
    when = time.time() if at is None else at
    instance.report_dagster_event(event, run_id=RUNLESS_RUN_ID, timestamp=when)
    return latest(instance, asset, partition)


def latest(instance: dg.DagsterInstance, asset: str, partition: str | None = None) -> EventLogRecord:
    """The record of the latest version."""
    only = None if partition is None else [partition]
    wanted = dg.AssetRecordsFilter(dg.AssetKey(asset), asset_partitions=only)
    (record,) = instance.fetch_materializations(wanted, limit=1).records
    return record


def evaluate(
    instance: dg.DagsterInstance,
    asset: str,
    check: str,
    passed: bool,
    *,
    of: EventLogRecord | None = None,
    partition: str | None = None,
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
    evaluated: bool = True,
    run_id: str | None = None,
) -> None:
    """Report an evaluation of a blocking check ``of`` a version, or of no version, by a run of its own.

    ``run_id`` names the run. Dagster keeps one evaluation of a check and partition by run, and SQLite makes a
    file for each run that has events.
    """
    target = None
    if of is not None:
        target = AssetCheckEvaluationTargetMaterializationData(
            storage_id=of.storage_id, run_id=of.run_id, timestamp=of.timestamp
        )
    evaluation = dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey(asset),
        check_name=check,
        passed=passed,
        metadata={} if evaluated else {CHECK_STATE: NOT_EVALUATED},
        target_materialization_data=target,
        severity=severity,
        blocking=True,
        partition=partition,
    )
    event = dg.DagsterEvent(
        event_type_value=dg.DagsterEventType.ASSET_CHECK_EVALUATION.value,
        job_name=RUNLESS_JOB_NAME,
        event_specific_data=evaluation,
    )
    instance.report_dagster_event(event, run_id=run_id or make_new_run_id())


def freshness(instance: dg.DagsterInstance, asset: str, state: FreshnessState) -> None:
    """Report what the freshness daemon found of an asset."""
    instance.report_runless_asset_event(
        FreshnessStateChange(
            key=dg.AssetKey(asset),
            new_state=state,
            previous_state=FreshnessState.UNKNOWN,
            state_change_timestamp=time.time(),
        )
    )
