"""Events about data, as a run, the webserver or the freshness daemon writes them."""

import time
from typing import Any

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData,
)
from dagster._core.definitions.freshness import FreshnessState, FreshnessStateChange
from dagster._core.event_api import EventLogRecord

from adaptive_assets.assets.check_states import CHECK_STATE, NOT_EVALUATED


def materialize(
    instance: dg.DagsterInstance, asset: str, partition: str | None = None, mode: str | None = None
) -> EventLogRecord:
    """Report a version of an asset, or of a partition of it; returns its record."""
    metadata: dict[str, Any] = {} if mode is None else {"adaptive/mode": mode}
    instance.report_runless_asset_event(
        dg.AssetMaterialization(asset, partition=partition, metadata=metadata)
    )
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
) -> None:
    """Report an evaluation of a blocking check ``of`` a version; without one, of the asset as it is."""
    target = None
    if of is not None:
        target = AssetCheckEvaluationTargetMaterializationData(
            storage_id=of.storage_id, run_id=of.run_id, timestamp=of.timestamp
        )
    instance.report_runless_asset_event(
        dg.AssetCheckEvaluation(
            asset_key=dg.AssetKey(asset),
            check_name=check,
            passed=passed,
            metadata={} if evaluated else {CHECK_STATE: NOT_EVALUATED},
            target_materialization_data=target,
            severity=severity,
            blocking=True,
            partition=partition,
        )
    )


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
