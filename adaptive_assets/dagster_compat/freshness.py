"""Dagster's freshness policies and time windows of partitions, as text that any process can read back."""

import logging
from datetime import UTC, datetime
from typing import Any

import dagster as dg
from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetNode
from dagster._core.definitions.assets.graph.remote_asset_graph import RemoteRepositoryAssetNode
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

__all__ = ["WindowEnds", "freshness_at", "policy_text", "read_policy", "time_partitions"]

logger = logging.getLogger("dagster.adaptive_assets")


def policy_text(node: BaseAssetNode) -> str:
    """The freshness policy of an asset; empty where it has none."""
    policy = node.freshness_policy
    return "" if policy is None else serialize_value(policy)  # type: ignore[arg-type]  # its base is not typed as such


def read_policy(text: str) -> FreshnessPolicy | None:
    """The policy in a text of :func:`policy_text`; ``None`` where this Dagster cannot read it."""
    try:
        policy: Any = deserialize_value(text) if text else None
    except Exception as error:  # noqa: BLE001  another version of Dagster wrote it
        logger.info("A freshness policy cannot be read, so the daemon's word alone counts: %s", error)
        return None
    return policy if isinstance(policy, FreshnessPolicy) else None


def freshness_at(policy: FreshnessPolicy, made_at: float, now: float) -> str:
    """``PASS``, ``WARN`` or ``FAIL``: what Dagster's daemon would say of a version made at ``made_at``."""
    if isinstance(policy, TimeWindowFreshnessPolicy):
        age = now - made_at
        if age >= policy.fail_window.to_timedelta().total_seconds():
            return "FAIL"
        warn = policy.warn_window
        return "WARN" if warn and age >= warn.to_timedelta().total_seconds() else "PASS"
    if isinstance(policy, CronFreshnessPolicy):
        at = datetime.fromtimestamp(now, UTC)
        tick = get_latest_completed_cron_tick(policy.deadline_cron, at, policy.timezone)
        return "PASS" if made_at >= tick.timestamp() - policy.lower_bound_delta.total_seconds() else "FAIL"
    return "PASS"


def time_partitions(node: BaseAssetNode) -> tuple[str, int]:
    """The time windows of an asset's partitions, and their place in a key of several dimensions.

    The text is empty where there are none; the place is -1 where the whole key names the window.
    """
    snap = _snap(node)
    if isinstance(snap, TimeWindowPartitionsSnap):
        return serialize_value(snap), -1
    if isinstance(snap, MultiPartitionsSnap):
        for place, dimension in enumerate(snap.partition_dimensions):
            if isinstance(dimension.partitions, TimeWindowPartitionsSnap):
                return serialize_value(dimension.partitions), place
    return "", -1


def _snap(node: BaseAssetNode) -> PartitionsSnap | None:
    if isinstance(node, RemoteRepositoryAssetNode):
        return node.asset_node_snap.partitions
    definition = node.partitions_def
    known = (dg.TimeWindowPartitionsDefinition, dg.MultiPartitionsDefinition)
    return PartitionsSnap.from_def(definition) if isinstance(definition, known) else None


class WindowEnds:
    """When the time windows of an asset's partitions end."""

    def __init__(self, text: str, place: int) -> None:
        """``text`` and ``place`` are those of :func:`time_partitions`."""
        self._place = place
        self._known: dict[str, float | None] = {}
        self._definition: Any = None
        try:
            if text:
                snap: Any = deserialize_value(text, TimeWindowPartitionsSnap)
                self._definition = snap.get_partitions_definition()
        except Exception as error:  # noqa: BLE001  another version of Dagster wrote it
            logger.info("Time windows of partitions cannot be read, so their versions age: %s", error)

    def of(self, partition: str) -> float | None:
        """The end (POSIX seconds) of a partition's window; ``None`` where it has none."""
        if partition not in self._known:
            self._known[partition] = self._end(partition)
        return self._known[partition]

    def _end(self, partition: str) -> float | None:
        if self._definition is None:
            return None
        try:
            key = partition if self._place < 0 else partition.split("|")[self._place]
            return float(self._definition.time_window_for_partition_key(key).end.timestamp())
        except Exception:  # noqa: BLE001  a key that is none of the definition's has no window
            return None
