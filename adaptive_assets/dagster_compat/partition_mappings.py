"""Which partitions of one asset a run of others reads, by Dagster's own partition mappings."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import dagster as dg
from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph
from dagster._core.definitions.partitions.subset import AllPartitionsSubset, TimeWindowPartitionsSubset
from dagster._core.definitions.partitions.utils import get_builtin_partition_mapping_types
from dagster._core.instance.types import CachingDynamicPartitionsLoader
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    PARTITION_NAME_TAG,
)
from typing_extensions import override

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

_ONE_BY_ONE: Final = 20
"""How many keys of a definition are looked up singly before all are read."""


class DynamicPartitions(CachingDynamicPartitionsLoader):
    """The dynamic partitions of an instance, each definition as it was when it was first asked for.

    Dagster's own asks the database once for each key, which a backfill of hundreds makes slow.
    """

    def __init__(self, instance: dg.DagsterInstance) -> None:
        super().__init__(instance)
        self._singly: defaultdict[str, set[str]] = defaultdict(set)
        self._all: dict[str, frozenset[str]] = {}

    @override
    def has_dynamic_partition(self, partitions_def_name: str, partition_key: str) -> bool:
        """Whether there is one of this key."""
        name, singly = partitions_def_name, self._singly[partitions_def_name]
        if partition_key in singly or len(singly) < _ONE_BY_ONE:
            singly.add(partition_key)
            return super().has_dynamic_partition(name, partition_key)
        if name not in self._all:
            self._all[name] = frozenset(self.get_dynamic_partitions(name))
        return partition_key in self._all[name]


@dataclass(frozen=True, slots=True)
class Mapped:
    """The partitions that are read, always in one order, and those that would be and do not exist."""

    partitions: tuple[str, ...]
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
    graph: AssetGraph,
    child: dg.AssetKey,
    made: Sequence[str] | None,
    parent: dg.AssetKey,
    whole: MutableMapping[dg.AssetKey, tuple[str, ...]],
) -> Mapped | None:
    """What the partitions ``made`` of ``child`` read of ``parent``; ``None``: it has no partitions.

    ``whole`` keeps all partitions of an asset from one call to the next: hours of years are slow to list.

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
    missing = _plain(result.required_but_nonexistent_partition_keys)
    subset = result.partitions_subset
    if not isinstance(subset, AllPartitionsSubset):
        by_time = isinstance(subset, TimeWindowPartitionsSubset)
        return Mapped(_in_order(subset.get_partition_keys(), by_time=by_time), missing)
    if parent not in whole:
        by_time = isinstance(of_parent, dg.TimeWindowPartitionsDefinition)
        whole[parent] = _in_order(subset.get_partition_keys(), by_time=by_time)
    return Mapped(whole[parent], missing)


def _in_order(keys: Iterable[str], *, by_time: bool) -> tuple[str, ...]:
    """Dagster has those of time windows in order; others may be sets, with another order in each process."""
    return tuple(_plain(keys) if by_time else sorted(_plain(keys)))


def _plain(keys: Iterable[str]) -> list[str]:
    """Keys of several dimensions are of a type of Dagster's own, of which there is no JSON."""
    return list(map(str, keys))


def _is_own(mapping: object, known: tuple[type, ...]) -> bool:
    return mapping is not None and not isinstance(mapping, known)
