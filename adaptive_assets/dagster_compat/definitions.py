"""Assets as Dagster's graphs have them, in whatever process they were loaded."""

from collections.abc import Mapping

import dagster as dg
from dagster._core.definitions.assets.definition.asset_spec import (
    SYSTEM_METADATA_KEY_AUTO_CREATED_STUB_ASSET,
)
from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph, BaseAssetNode
from dagster._core.definitions.assets.graph.remote_asset_graph import RemoteRepositoryAssetNode
from dagster._core.definitions.definitions_load_context import (
    DefinitionsLoadContext,
    DefinitionsLoadType,
)
from dagster._core.definitions.partitions.snap import (
    DynamicPartitionsSnap,
    MultiPartitionsSnap,
    StaticPartitionsSnap,
    TimeWindowPartitionsSnap,
)

__all__ = [
    "BaseAssetGraph",
    "BaseAssetNode",
    "is_reconstruction",
    "is_stub",
    "partitions_kind",
]


def is_stub(node: BaseAssetNode) -> bool:
    """Whether a code location does not define the asset, but only names it as what another one reads."""
    return bool(node.metadata.get(SYSTEM_METADATA_KEY_AUTO_CREATED_STUB_ASSET))


_KINDS: Mapping[type, str] = {
    StaticPartitionsSnap: "static",
    DynamicPartitionsSnap: "dynamic",
    TimeWindowPartitionsSnap: "time",
    MultiPartitionsSnap: "multipartitions",
    dg.StaticPartitionsDefinition: "static",
    dg.DynamicPartitionsDefinition: "dynamic",
    dg.TimeWindowPartitionsDefinition: "time",
    dg.MultiPartitionsDefinition: "multipartitions",
}


def partitions_kind(node: BaseAssetNode) -> str:
    """How the selection syntax calls the partitions of an asset: ``partitions:time``; empty without any."""
    partitions: object
    if isinstance(node, RemoteRepositoryAssetNode):
        partitions = node.asset_node_snap.partitions  # a static one may have thousands of keys to read
    else:
        partitions = node.partitions_def
    if partitions is None:
        return ""
    return next((kind for one, kind in _KINDS.items() if isinstance(partitions, one)), "other")


def is_reconstruction() -> bool:
    """True in the process of a run or a step, which loads again what the code server has loaded before.

    Also true in a code server that loads ``@dg.definitions``.
    """
    return DefinitionsLoadContext.get().load_type is DefinitionsLoadType.RECONSTRUCTION
