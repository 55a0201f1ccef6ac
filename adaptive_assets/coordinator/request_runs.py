"""Carrying a request out: its run is created and submitted, or its event is written, once."""

import json
from typing import Any, Final

import dagster as dg

from adaptive_assets.assets import tags
from adaptive_assets.assets.asset_keys import key_of
from adaptive_assets.assets.rollback import roll_back
from adaptive_assets.dagster_compat.run_creation import create_run, locations_of_checks
from adaptive_assets.dagster_compat.version_evidence import evaluated_by
from adaptive_assets.ledger import RunRequestRow
from adaptive_assets.planning.wanted_requests import RequestKind

QUARANTINED: Final = "adaptive/quarantined"
"""In the metadata of an observation: the storage id of the materialization that is marked as bad."""
REQUEST: Final = "adaptive/request"
"""In the same: the key of the request, by which it is written once."""

_LOOKED_AT: Final = 50


def carry_out(instance: dg.DagsterInstance, workspace: Any, row: RunRequestRow, run_id: str) -> bool:
    """Whether it has a run, which is submitted then; ``workspace`` is a daemon's.

    Raises:
        NothingToRollBackError: there is no good version to go back to, or the latest is good.
        RunCreationError: it cannot be created; its subclass ``LocationAwayError`` where that may change.
    """
    if row.kind == RequestKind.QUARANTINE:
        _quarantine(instance, row)
        return False
    if row.kind == RequestKind.ROLLBACK:
        roll_back(instance, key_of(row.asset), row.partition or None, row.why)
        return False
    run = instance.get_run_by_id(run_id)  # created before the daemon was killed
    context = workspace.create_request_context()
    if run is None:
        run = _create(instance, context, row, run_id)
    if run.status is dg.DagsterRunStatus.NOT_STARTED:
        instance.submit_run(run.run_id, context)
    return True


def ended_well(instance: dg.DagsterInstance, row: RunRequestRow, run: dg.DagsterRun) -> bool:
    """Whether the run, which has ended, did what was asked. A run whose blocking check fails, fails."""
    if row.kind == RequestKind.VALIDATE:
        checks = row.body.get("checks", ())
        return bool(evaluated_by(instance, key_of(row.asset), checks, run.run_id))
    return run.status is dg.DagsterRunStatus.SUCCESS


def _create(instance: dg.DagsterInstance, context: Any, row: RunRequestRow, run_id: str) -> dg.DagsterRun:
    asset = key_of(row.asset)
    carried = {tags.REQUEST: row.key, tags.REQUESTED_BY: row.why}
    names = row.body.get("checks", ())
    match RequestKind(row.kind):
        case RequestKind.VALIDATE:
            wanted = [dg.AssetCheckKey(asset, name) for name in names]
            # a check may have been renamed since: the others are run all the same
            keys = [key for of_place in locations_of_checks(context, wanted).values() for key in of_place]
            return create_run(
                instance, context, run_id=run_id, tags=carried, checks=keys or wanted, partition=row.partition
            )
        case RequestKind.REFRESH:
            return create_run(
                instance, context, run_id=run_id, tags=carried, assets=[asset], partition=row.partition
            )
        case _:
            version = row.body.get("version")
            carried |= {
                tags.REPAIRS: row.asset,
                tags.FAILED_CHECKS: json.dumps(list(names)),
                tags.REPAIRED_VERSION: "none" if version is None else str(version),
            }
            job = str(row.body.get("job", ""))
            return create_run(
                instance, context, run_id=run_id, tags=carried, job=job, near=asset, partition=row.partition
            )


def _quarantine(instance: dg.DagsterInstance, row: RunRequestRow) -> None:
    """An observation of the version: Dagster shows it in the asset's events, and counts it as no new data."""
    asset = key_of(row.asset)
    partitions = [row.partition] if row.partition else None
    wanted = dg.AssetRecordsFilter(asset, asset_partitions=partitions)
    for record in instance.fetch_observations(wanted, limit=_LOOKED_AT).records:
        seen = record.event_log_entry.asset_observation
        if seen is not None and _text(seen.metadata.get(REQUEST)) == row.key:
            return
    instance.report_runless_asset_event(
        dg.AssetObservation(
            asset,
            description=row.why,
            partition=row.partition or None,
            metadata={
                QUARANTINED: str(row.body.get("version")),
                tags.FAILED_CHECKS: json.dumps(list(row.body.get("checks", ()))),
                REQUEST: row.key,
            },
        )
    )


def _text(value: Any) -> str:
    return "" if value is None else str(value.value)
