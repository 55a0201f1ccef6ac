"""What Dagster's event log knows of runs, assets and checks."""

from collections.abc import Mapping, Sequence

import dagster as dg
from dagster._core.definitions.freshness import FreshnessStateRecord
from dagster._core.events import EngineEventData
from dagster._core.storage.event_log.base import AssetRecord

__all__ = [
    "EngineEventData",
    "asset_records",
    "freshness_states",
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
