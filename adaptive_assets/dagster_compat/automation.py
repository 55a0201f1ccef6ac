"""What an automation condition sees of a tick: subsets of assets, and what they read by their mappings."""

from collections.abc import Collection
from typing import TypeAlias

import dagster as dg
from dagster._core.asset_graph_view.asset_graph_view import AssetGraphView
from dagster._core.asset_graph_view.entity_subset import EntitySubset

__all__ = [
    "AssetGraphView",
    "Subset",
    "blocking_checks",
    "narrowed",
    "parents_of",
    "partitions_in",
    "read_by",
]

Subset: TypeAlias = EntitySubset[dg.AssetKey]
"""Some partitions of an asset, or an asset without partitions that is in it or not."""


def partitions_in(subset: Subset) -> frozenset[str | None]:
    """The keys of the partitions in ``subset``; ``None`` stands for an asset without partitions."""
    if subset.is_partitioned:
        return frozenset(subset.expensively_compute_partition_keys())
    return frozenset() if subset.is_empty else frozenset({None})


def narrowed(view: AssetGraphView, subset: Subset, partitions: Collection[str | None]) -> Subset:
    """``subset`` with nothing but these of its partitions."""
    if not partitions:
        return view.get_empty_subset(key=subset.key)
    if not subset.is_partitioned:
        return subset
    return subset.compute_intersection_with_partition_keys({key for key in partitions if key is not None})


def parents_of(view: AssetGraphView, asset: dg.AssetKey) -> list[dg.AssetKey]:
    """The assets that ``asset`` reads, itself included where it reads its own earlier partitions."""
    return sorted(view.asset_graph.get(asset).parent_keys)


def read_by(view: AssetGraphView, subset: Subset, parent: dg.AssetKey) -> tuple[Subset, Subset]:
    """What ``subset`` reads of ``parent`` by its partition mapping, and what it needs that is not there."""
    return view.compute_parent_subset_and_required_but_nonexistent_subset(parent, subset)


def blocking_checks(view: AssetGraphView, asset: dg.AssetKey) -> dict[str, dict[str, object]]:
    """The blocking checks of ``asset`` that the definitions of this code location have: their metadata."""
    graph = view.asset_graph
    nodes = [graph.get(key) for key in graph.asset_check_keys if key.asset_key == asset]
    return {node.key.name: dict(node.metadata) for node in nodes if node.blocking}
