"""Freshness policies and time windows of partitions, as text that says enough without the definitions."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, cast

import dagster as dg
from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetNode
from dagster._core.definitions.freshness import (
    CronFreshnessPolicy,
    FreshnessPolicy,
    TimeWindowFreshnessPolicy,
)
from dagster._core.definitions.partitions.snap import (
    MultiPartitionsSnap,
    PartitionsSnap,
    TimeWindowPartitionsSnap,
)
from dagster._serdes import deserialize_value, serialize_value
from dagster._utils.schedules import get_latest_completed_cron_tick

__all__ = ["freshness_text", "latest_at", "window_end", "windows_text"]


def freshness_text(node: BaseAssetNode) -> str:
    """The freshness policy of an asset; empty without one."""
    return "" if node.freshness_policy is None else serialize_value(cast("Any", node.freshness_policy))


def windows_text(node: BaseAssetNode) -> str:
    """The partitions of an asset whose partitions are, or have, time windows; empty for any other."""
    partitions = node.partitions_def
    if not isinstance(partitions, (dg.TimeWindowPartitionsDefinition, dg.MultiPartitionsDefinition)):
        return ""
    snap = PartitionsSnap.from_def(partitions)
    if isinstance(snap, MultiPartitionsSnap) and not any(
        isinstance(each.partitions, TimeWindowPartitionsSnap) for each in snap.partition_dimensions
    ):
        return ""
    return serialize_value(cast("Any", snap))


def latest_at(policy: str, now: float) -> tuple[float, float]:
    """Since when a version must have been made at ``now`` so that it neither warns nor fails (POSIX seconds).

    Raises:
        Exception: the text is that of no policy that this version of Dagster has.
    """
    known = _policy(policy)
    if isinstance(known, TimeWindowFreshnessPolicy):
        fail = known.fail_window.to_timedelta().total_seconds()
        warn = known.warn_window.to_timedelta().total_seconds() if known.warn_window else fail
        return now - warn, now - fail
    if isinstance(known, CronFreshnessPolicy):
        at = datetime.fromtimestamp(now, tz=UTC)
        tick = get_latest_completed_cron_tick(known.deadline_cron, at, known.timezone).timestamp()
        since = tick - known.lower_bound_delta.total_seconds()
        return since, since
    raise TypeError(f"{type(known).__name__} is not known")


def window_end(windows: str, partition: str) -> float | None:
    """When the time window of a partition ends (POSIX seconds); ``None`` for a key that is none of them."""
    try:
        return _windows(windows).time_window_for_partition_key(partition).end.timestamp()
    except Exception:  # noqa: BLE001  Dagster raises whatever its parsers do
        return None


@lru_cache(maxsize=1024)
def _policy(text: str) -> FreshnessPolicy:
    policy: FreshnessPolicy = deserialize_value(text)  # type: ignore[assignment]
    return policy


@lru_cache(maxsize=1024)
def _windows(text: str) -> dg.TimeWindowPartitionsDefinition | dg.MultiPartitionsDefinition:
    snap: PartitionsSnap = deserialize_value(text)  # type: ignore[assignment]
    found = snap.get_partitions_definition()
    if not isinstance(found, (dg.TimeWindowPartitionsDefinition, dg.MultiPartitionsDefinition)):
        raise TypeError(f"{type(found).__name__} has no time windows")
    return found
