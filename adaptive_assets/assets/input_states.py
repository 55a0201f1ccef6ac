"""The states of inputs, as the instance knows them."""

from collections.abc import Collection, Mapping

import dagster as dg

from adaptive_assets.assets import tags
from adaptive_assets.assets.asset_keys import key_of
from adaptive_assets.assets.check_states import CHECK_STATE, NOT_EVALUATED
from adaptive_assets.assets.inputs import Input
from adaptive_assets.dagster_compat.events import freshness_states
from adaptive_assets.planning.snapshot import CheckOutcome, CheckState, DataState, Freshness
from adaptive_assets.policy import AssetFacts, Catalogue


class InputStates:
    """Reads one partition after another."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self._instance = instance

    def of(self, catalogue: Catalogue, inputs: Collection[Input], now: float) -> Mapping[str, DataState]:
        """The state of each input by its key, as of ``now``."""
        del now
        return {each.key: self._state(catalogue.assets.get(each.asset), each) for each in inputs}

    def _state(self, facts: AssetFacts | None, one: Input) -> DataState:
        if one.problem:
            return DataState(one.asset, unreadable=True, problem=one.problem)
        key = key_of(one.asset)
        partitions: tuple[str | None, ...] = one.partitions or (None,)
        missing, times, mode, outcomes = [], [], tags.FULL, []
        for partition in partitions:
            kept = self._instance.fetch_materializations(
                dg.AssetRecordsFilter(key, asset_partitions=[partition] if partition is not None else None), 1
            ).records
            if not kept:
                missing.append(str(partition or ""))
            else:
                times.append(kept[0].timestamp)
                said = kept[0].asset_materialization.metadata.get(tags.MODE)  # type: ignore[union-attr]
                mode = str(said.value) if said and said.value != tags.FULL else mode
            for check in facts.checks if facts else ():
                if check.blocking:
                    state = self._outcome(key, check.name, kept[0].storage_id if kept else None)
                    if state:
                        outcomes.append(CheckOutcome(check.name, state, partition or ""))
        fresh = freshness_states(self._instance, [key]).get(key)
        return DataState(
            one.asset,
            min(times, default=None),
            (
                Freshness.NO_POLICY
                if not facts or not facts.has_freshness_policy
                else Freshness.NOT_EVALUATED
                if not fresh or fresh.freshness_state.value == "UNKNOWN"
                else Freshness(fresh.freshness_state.value.lower())
            ),
            tuple(outcomes),
            mode,
            facts is None or not facts.materializable,
            partitions=one.label,
            missing=tuple(missing) if one.partitions else (),
        )

    def _outcome(self, key: dg.AssetKey, check: str, version: int | None) -> CheckState | None:
        records = self._instance.event_log_storage.get_asset_check_execution_history(
            dg.AssetCheckKey(key, check), limit=50
        )
        for record in records:
            evaluation = record.evaluation
            if evaluation is None:
                continue
            target = evaluation.target_materialization_data
            if (target.storage_id if target else None) != version:
                continue
            said = evaluation.metadata.get(CHECK_STATE)
            if said and said.value == NOT_EVALUATED:
                return CheckState.NOT_EVALUATED
            if evaluation.passed:
                return None
            warns = evaluation.severity is dg.AssetCheckSeverity.WARN
            return CheckState.WARN if warns else CheckState.FAIL
        return CheckState.NOT_EVALUATED
