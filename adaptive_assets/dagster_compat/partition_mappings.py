"""Which partitions of one asset a run of others reads, by Dagster's own partition mappings."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import dagster as dg
from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph
from dagster._core.definitions.partitions.subset import TimeWindowPartitionsSubset
from dagster._core.definitions.partitions.utils import get_builtin_partition_mapping_types
from dagster._core.instance.types import CachingDynamicPartitionsLoader as DynamicPartitions
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    PARTITION_NAME_TAG,
)

__all__ = [
    "PARTITION_TAGS",
    "DynamicPartitions",
    "Mapped",
    "asset_graph",
    "loading_at",
    "mapped",
    "own_mappings",
    "partitions_of",
]

PARTITION_TAGS = (PARTITION_NAME_TAG, ASSET_PARTITION_RANGE_START_TAG, ASSET_PARTITION_RANGE_END_TAG)
"""The tags by which Dagster says which partition, or which range of them, a run makes."""

AssetGraph = BaseAssetGraph[Any]


@dataclass(frozen=True, slots=True)
class Mapped:
    """The partitions that are read, always in one order, and those that would be and do not exist."""

    partitions: Sequence[str]
    nonexistent: Sequence[str]


def asset_graph(workspace: Any) -> AssetGraph:
    """The graph of all code locations of a daemon's workspace that are loaded."""
    graph: AssetGraph = workspace.create_request_context().asset_graph
    return graph


def own_mappings(graph: AssetGraph) -> dict[dg.AssetKey, list[dg.AssetKey]]:
    """The parents of each asset to which a partition mapping leads that is not Dagster's own.

    A code location does not tell of such a mapping: whoever asks it follows another, which Dagster infers.
    """
    known = get_builtin_partition_mapping_types()
    found = {
        key: [
            parent for parent, mapping in graph.get(key).partition_mappings.items() if _is_own(mapping, known)
        ]
        for key in graph.get_all_asset_keys()
    }
    return {key: parents for key, parents in found.items() if parents}


@contextmanager
def loading_at(known: DynamicPartitions, now: float) -> Iterator[None]:
    """Let partitions be those that there are at ``now`` (POSIX seconds), and dynamic ones those ``known``."""
    with dg.partition_loading_context(datetime.fromtimestamp(now, tz=UTC), known):
        yield


def partitions_of(graph: AssetGraph, asset: dg.AssetKey, tags: Sequence[str | None]) -> list[str] | None:
    """The partitions of ``asset`` that a run makes which has these values of `PARTITION_TAGS`.

    ``None`` for an asset without partitions; an empty list where the run names none.

    Raises:
        LookupError: one of them does not exist; the message is its key.
        Exception: whatever Dagster raises for a key that it cannot read.
    """
    partitions = graph.get(asset).partitions_def
    if partitions is None:
        return None
    one, first, last = tags
    named = [one] if one is not None else [each for each in (first, last) if each is not None]
    for key in named:
        if not partitions.has_partition_key(key):
            raise LookupError(key)
    if one is None and first is not None and last is not None:
        return _plain(partitions.get_partition_keys_in_range(dg.PartitionKeyRange(first, last)))
    return named


def mapped(
    graph: AssetGraph, child: dg.AssetKey, made: Sequence[str] | None, parent: dg.AssetKey
) -> Mapped | None:
    """What the partitions ``made`` of ``child`` read of ``parent``; ``None``: it has no partitions.

    Raises:
        Exception: whatever Dagster raises where it cannot map one to the other.
    """
    of_parent = graph.get(parent).partitions_def
    if of_parent is None:
        return None
    of_child = graph.get(child).partitions_def
    result = graph.get_partition_mapping(child, parent).get_upstream_mapped_partitions_result_for_partitions(
        None if of_child is None or made is None else of_child.subset_with_partition_keys(made),
        downstream_partitions_def=of_child,
        upstream_partitions_def=of_parent,
    )
    subset = result.partitions_subset
    keys = _plain(subset.get_partition_keys())
    return Mapped(
        # other subsets are sets, whose order is another one in each process
        keys if isinstance(subset, TimeWindowPartitionsSubset) else sorted(keys),
        _plain(result.required_but_nonexistent_partition_keys),
    )


def _plain(keys: Iterable[str]) -> list[str]:
    """Keys of several dimensions are of a type of Dagster's own, of which there is no JSON."""
    return list(map(str, keys))


def _is_own(mapping: object, known: tuple[type, ...]) -> bool:
    return mapping is not None and not isinstance(mapping, known)
