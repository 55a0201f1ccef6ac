"""Dagster's own asset selection syntax, resolved over a catalogue."""

import warnings
from collections import defaultdict
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Final

import dagster as dg
from typing_extensions import override

from adaptive_assets.assets.asset_keys import key_of, text_of
from adaptive_assets.dagster_compat.definitions import BaseAssetGraph
from adaptive_assets.policy import AssetFacts, Catalogue

_STATIC: Final = dg.StaticPartitionsDefinition(["-"])
_PARTITIONS: Final[Mapping[str, dg.PartitionsDefinition[Any]]] = {
    "static": _STATIC,
    "dynamic": dg.DynamicPartitionsDefinition(name="-"),
    "time": dg.DailyPartitionsDefinition("2000-01-01"),
    "multipartitions": dg.MultiPartitionsDefinition({"a": _STATIC, "b": _STATIC}),
}
"""One of each kind, because a selection such as ``partitions:time`` looks at the class alone."""


class Selector:
    """Resolves selections over one catalogue; the graph is built once."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._graph = _Graph(catalogue)

    def __call__(self, text: str) -> frozenset[str]:
        """The keys of the assets that ``text`` selects.

        Raises:
            ValueError: ``text`` is not a selection.
        """
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", dg.BetaWarning)  # Dagster's parser uses Dagster's beta API
                found = dg.AssetSelection.from_string(text).resolve(self._graph, allow_missing=True)
        except Exception as error:  # the parser raises its library's own types
            raise ValueError(_first_line(error)) from error
        return frozenset(text_of(key) for key in found)


def resolve(text: str, catalogue: Catalogue) -> frozenset[str]:
    """The keys of the assets of ``catalogue`` that ``text`` selects; see :class:`Selector`."""
    return Selector(catalogue)(text)


@dataclass(frozen=True, slots=True)
class _Node:
    """What a selection looks at, under the names that a node of Dagster's graphs has."""

    key: dg.AssetKey
    group_name: str
    tags: Mapping[str, str]
    owners: tuple[str, ...]
    is_materializable: bool
    partitions_def: dg.PartitionsDefinition[Any] | None
    parent_keys: AbstractSet[dg.AssetKey]
    child_keys: AbstractSet[dg.AssetKey]

    @property
    def is_external(self) -> bool:
        """Whether nothing here materializes it."""
        return not self.is_materializable

    @property
    def is_observable(self) -> bool:
        """Whether it can be observed; no selection asks."""
        return False

    @property
    def is_executable(self) -> bool:
        """Whether it can be executed; no selection asks."""
        return self.is_materializable


class _Graph(BaseAssetGraph[Any]):
    """The graph that the keys of a catalogue are; no definitions are made up, so no key is refused."""

    def __init__(self, catalogue: Catalogue) -> None:
        keys = {text: key_of(text) for text in catalogue.assets}
        children: defaultdict[str, set[dg.AssetKey]] = defaultdict(set)
        for text, facts in catalogue.assets.items():
            for parent in facts.parents:
                children[parent].add(keys[text])
        self._asset_nodes_by_key = {
            keys[text]: _node(facts, keys, children[text]) for text, facts in catalogue.assets.items()
        }
        self._asset_check_nodes_by_key = {}
        self._asset_job_nodes_by_key = {}

    @property
    @override
    def asset_check_keys(self) -> AbstractSet[dg.AssetCheckKey]:
        """Checks are not selected by themselves."""
        return frozenset()

    @override
    def asset_keys_for_job(self, job_name: str) -> AbstractSet[dg.AssetKey]:
        """Jobs are not selected by."""
        del job_name
        return frozenset()

    @override
    def get_execution_set_asset_and_check_keys(self, asset_key_or_check_key: Any) -> AbstractSet[Any]:
        """What is executed together is not selected by."""
        return {asset_key_or_check_key}


def _node(facts: AssetFacts, keys: Mapping[str, dg.AssetKey], children: AbstractSet[dg.AssetKey]) -> _Node:
    return _Node(
        key=keys[facts.key],
        group_name=facts.group,
        tags=facts.tags,
        owners=facts.owners,
        is_materializable=facts.materializable,
        partitions_def=_PARTITIONS.get(facts.partitions),
        parent_keys={keys[parent] for parent in facts.parents if parent in keys},
        child_keys=children,
    )


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).strip().splitlines()[0]
