"""What the Dagster instance knows of the data that runs would read: materializations, freshness, checks."""

import logging
from collections.abc import Collection, Iterable, Mapping
from functools import partial

import dagster as dg

from adaptive_assets.assets import tags
from adaptive_assets.assets.asset_keys import key_of
from adaptive_assets.assets.check_states import CHECK_STATE, NOT_EVALUATED
from adaptive_assets.coordinator.parts import Parts
from adaptive_assets.dagster_compat.events import (
    AssetCheckExecutionRecord,
    asset_records,
    freshness_states,
    latest_evaluations,
)
from adaptive_assets.planning.snapshot import CheckOutcome, CheckState, DataState, Freshness
from adaptive_assets.policy import AssetFacts, Catalogue

logger = logging.getLogger("dagster.adaptive_assets")

_FRESHNESS = {
    "PASS": Freshness.PASS,
    "WARN": Freshness.WARN,
    "FAIL": Freshness.FAIL,
    "UNKNOWN": Freshness.NOT_EVALUATED,
    "NOT_APPLICABLE": Freshness.NO_POLICY,
}


def readable_states(
    instance: dg.DagsterInstance, catalogue: Catalogue, assets: Collection[str], parts: Parts
) -> dict[str, DataState]:
    """The states of ``assets``; one that cannot be read is unknown, a fault, and stops no other."""
    try:
        return dict(data_states(instance, catalogue, assets))
    except Exception as error:  # noqa: BLE001  whose it is shows when each is read alone
        logger.info("The states of %d assets are read one by one: %s", len(assets), error)
    states: dict[str, DataState] = {}
    for asset in sorted(assets):
        unknown: Mapping[str, DataState] = {asset: DataState(asset, unreadable=True)}
        read = partial(data_states, instance, catalogue, [asset])
        states |= parts.attempt("data", read, unknown, subject=f"asset {asset}")
    return states


def data_states(
    instance: dg.DagsterInstance, catalogue: Catalogue, assets: Iterable[str]
) -> Mapping[str, DataState]:
    """The state of each of ``assets``, in three reads however many there are.

    A check counts only if it looked at the latest materialization; one that looked at an earlier version
    or could not be carried out is *not evaluated*. That some run plans to check again changes nothing.
    """
    facts = {key: catalogue.assets.get(key) for key in sorted(set(assets))}
    keys = {key: key_of(key) for key in facts}
    if not keys:
        return {}
    records = asset_records(instance, list(keys.values()))
    with_policy = [keys[key] for key, known in facts.items() if known and known.has_freshness_policy]
    freshness = freshness_states(instance, with_policy) if with_policy else {}
    checks = latest_evaluations(
        instance, [check for key, known in facts.items() for check in _blocking(known)]
    )

    states = {}
    for key, known in facts.items():
        record = records.get(keys[key])
        materialization = record.asset_entry.last_materialization if record else None
        storage_id = record.asset_entry.last_materialization_storage_id if record else None
        outcomes = {
            check.name: _outcome(checks.get(check), storage_id, materialization and materialization.timestamp)
            for check in _blocking(known)
        }
        event = materialization.asset_materialization if materialization else None
        mode = event.metadata.get(tags.MODE) if event else None
        fresh = freshness.get(keys[key])
        states[key] = DataState(
            asset=key,
            materialized_at=materialization.timestamp if materialization else None,
            freshness=_freshness(known, fresh.freshness_state.value if fresh else None),
            outcomes=tuple(CheckOutcome(name, state) for name, state in outcomes.items() if state),
            mode=str(mode.value) if mode else tags.FULL,
            external=known is None or not known.materializable,
        )
    return states


def _blocking(facts: AssetFacts | None) -> list[dg.AssetCheckKey]:
    if facts is None:
        return []
    key = key_of(facts.key)
    return [dg.AssetCheckKey(key, check.name) for check in facts.checks if check.blocking]


def _freshness(facts: AssetFacts | None, state: str | None) -> Freshness:
    if facts is None or not facts.has_freshness_policy:
        return Freshness.NO_POLICY
    return Freshness.NOT_EVALUATED if state is None else _FRESHNESS[state]


def _outcome(
    record: AssetCheckExecutionRecord | None, storage_id: int | None, materialized_at: float | None
) -> CheckState | None:
    """``None``: passed."""
    evaluation = record.evaluation if record else None
    if record is None or evaluation is None:
        return CheckState.NOT_EVALUATED
    target = evaluation.target_materialization_data
    if target is not None and storage_id is not None:
        looked_at_latest = target.storage_id == storage_id
    else:
        evaluated_at = record.event.timestamp if record.event else record.create_timestamp
        looked_at_latest = materialized_at is None or evaluated_at >= materialized_at
    said = evaluation.metadata.get(CHECK_STATE)
    if not looked_at_latest or (said is not None and said.value == NOT_EVALUATED):
        return CheckState.NOT_EVALUATED
    if evaluation.passed:
        return None
    return CheckState.WARN if evaluation.severity is dg.AssetCheckSeverity.WARN else CheckState.FAIL
