"""The inputs of queued runs: the very partitions that they would read, by Dagster's partition mappings."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import dagster as dg

from adaptive_assets.assets.asset_keys import key_of
from adaptive_assets.assets.inputs import Input
from adaptive_assets.dagster_compat.definitions import is_stub
from adaptive_assets.dagster_compat.partition_mappings import (
    PARTITION_TAGS,
    AssetGraph,
    DynamicPartitions,
    asset_graph,
    loading_at,
    mapped,
    partitions_of,
)
from adaptive_assets.dagster_compat.workspace import code_locations
from adaptive_assets.planning.snapshot import Work
from adaptive_assets.policy import Catalogue
from adaptive_assets.policy.text import quoted

AGAIN_S: Final = 15.0
"""After how long it is looked again what a run reads: time windows end, dynamic partitions come and go."""

_LONGEST: Final = 100
"""Characters of a partition key in a sentence."""

_NONE_NAMED: Final = "it has partitions, and the run names none of them: request the run for a partition"

_Asked = tuple[tuple[str, ...], tuple[str, ...], tuple[str | None, ...]]
"""What the inputs of a run depend on: its assets, what they read, and its partitions."""


class RunInputs:
    """The inputs of runs, worked out once for all that make the same partitions of the same assets."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self._instance = instance
        self._dynamic = DynamicPartitions(instance)
        self._entries: object = None
        self._graph: AssetGraph | None = None
        self._catalogue = Catalogue()
        self._known: dict[_Asked, tuple[Input, ...]] = {}
        self._by_key: dict[str, Input] = {}
        self._found_before: dict[Input, Input] = {}
        self._whole: dict[dg.AssetKey, tuple[str, ...]] = {}
        self._looked_at: float | None = None
        self._now = 0.0

    def look(self, now: float, workspace: Any | None, catalogue: Catalogue) -> bool:
        """Note what is known at ``now`` (POSIX seconds); true when runs may have other inputs than before."""
        self._now = now
        entries = None if workspace is None else code_locations(workspace)
        changed = entries is not self._entries or catalogue is not self._catalogue
        due = self._looked_at is None or not 0 <= now - self._looked_at < AGAIN_S
        if not changed and not due:
            return False
        if entries is not self._entries:
            self._graph = None if workspace is None else asset_graph(workspace)
            self._entries = entries
        self._catalogue, self._looked_at = catalogue, now
        self._known, self._by_key, self._found_before, self._whole = {}, {}, {}, {}
        self._dynamic = DynamicPartitions(self._instance)  # it reads each definition once
        return True

    def of(self, run: dg.DagsterRun, work: Work) -> tuple[str, ...] | None:
        """The keys of the inputs of ``run``; ``None``: the assets that its work reads, all of each."""
        asked = (work.assets, work.reads, tuple(run.tags.get(tag) for tag in PARTITION_TAGS))
        inputs = self._known.get(asked)
        if inputs is None:
            same = self._found_before  # an input has a digest of its partitions, which may be thousands
            inputs = self._known[asked] = tuple(same.setdefault(one, one) for one in self._found(*asked))
            self._by_key |= {each.key: each for each in inputs}
        keys = tuple(each.key for each in inputs)
        return None if keys == work.reads else keys

    def by_key(self, keys: Iterable[str]) -> list[Input]:
        """The inputs with these keys: those of the runs that were asked about, or whole assets."""
        return [self._by_key.get(key) or Input(key) for key in keys]

    def _found(
        self, assets: Sequence[str], reads: Sequence[str], tags: Sequence[str | None]
    ) -> Iterator[Input]:
        """One input of each asset, and one for each that is not known."""
        if not self._is_partitioned((*assets, *reads)):
            yield from (Input(each) for each in reads)
        elif self._graph is None:
            for each in reads:
                yield Input(each, problem=self._not_loaded(each) if self._is_partitioned([each]) else "")
        else:
            with loading_at(self._dynamic, self._now):
                yield from self._by_mapping(self._graph, assets, tags)

    def _by_mapping(
        self, graph: AssetGraph, assets: Sequence[str], tags: Sequence[str | None]
    ) -> Iterator[Input]:
        made: dict[str, Sequence[str] | None] = {}
        for asset in assets:
            if problem := self._make(graph, asset, tags, made):
                yield Input(asset, problem=problem)
        read: dict[str, tuple[str, ...] | None] = {}
        for asset, partitions in made.items():
            for parent in self._parents(asset):
                yield from self._read(graph, (asset, partitions), parent, made, read)
        for parent, keys in sorted(read.items()):
            if keys is None:
                yield Input(parent)
            elif keys:
                yield Input(parent, keys)

    def _make(
        self,
        graph: AssetGraph,
        asset: str,
        tags: Sequence[str | None],
        made: dict[str, Sequence[str] | None],
    ) -> str:
        """Add to ``made`` the partitions of ``asset`` that the run makes; returns why they are not known."""
        if not self._is_loaded(graph, asset):
            return self._not_loaded(asset)
        try:
            made[asset] = found = partitions_of(graph, key_of(asset), tags)
        except LookupError as error:
            return f"its partition `{quoted(str(error.args[0]), _LONGEST)}` does not exist (any more)"
        except Exception as error:  # noqa: BLE001  Dagster raises whatever its parsers do
            return f"its partitions cannot be made out: {_said(error)}"
        return _NONE_NAMED if found is not None and not found and self._parents(asset) else ""

    def _read(
        self,
        graph: AssetGraph,
        child: tuple[str, Sequence[str] | None],
        parent: str,
        made: Mapping[str, Sequence[str] | None],
        read: dict[str, tuple[str, ...] | None],
    ) -> Iterator[Input]:
        """Add to ``read`` what ``child`` reads of ``parent``; yields what is not known of it."""
        asset, partitions = child
        # what has no partitions is read whole, whoever defines it
        is_needed = self._is_partitioned([parent]) or not graph.has(key_of(parent))
        if is_needed and not self._is_loaded(graph, parent):
            yield Input(parent, problem=self._not_loaded(parent))
            return
        facts = self._catalogue.assets.get(asset)
        if facts and parent in facts.own_mappings:
            yield Input(
                parent,
                problem=f"`{asset}` reads it by a partition mapping of the project's own, which Dagster tells"
                " nobody: use one of Dagster's",
            )
            return
        try:
            found = mapped(graph, key_of(asset), partitions, key_of(parent), self._whole)
        except Exception as error:  # noqa: BLE001  as above
            yield Input(
                parent, problem=f"which of its partitions `{asset}` reads is not known: {_said(error)}"
            )
            return
        if found is None:
            if parent not in made:
                read[parent] = None
            return
        if found.nonexistent:
            gone = ", ".join(f"`{quoted(each, _LONGEST)}`" for each in found.nonexistent[:3])
            more = f" and {len(found.nonexistent) - 3} more" if len(found.nonexistent) > 3 else ""
            yield Input(parent, problem=f"`{asset}` reads its partition {gone}{more}, which does not exist")
        own, partitions = set(made.get(parent) or ()), found.partitions
        if own:
            partitions = tuple(each for each in partitions if each not in own)
        before = read.get(parent)
        read[parent] = tuple(dict.fromkeys((*before, *partitions))) if before else partitions

    def _is_loaded(self, graph: AssetGraph, asset: str) -> bool:
        """Whether the location that defines ``asset`` is loaded.

        Where only locations that read it are, the graph has a stub in its place, which has no partitions.
        """
        key, facts = key_of(asset), self._catalogue.assets.get(asset)
        return graph.has(key) and not (is_stub(graph.get(key)) and facts is not None and not facts.stub)

    def _is_partitioned(self, assets: Iterable[str]) -> bool:
        known = (self._catalogue.assets.get(each) for each in assets)
        return any(facts is not None and facts.partitions for facts in known)

    def _parents(self, asset: str) -> Sequence[str]:
        facts = self._catalogue.assets.get(asset)
        return facts.parents if facts else ()

    def _not_loaded(self, asset: str) -> str:
        facts = self._catalogue.assets.get(asset)
        where = f"the code location `{facts.location}`" if facts and facts.location else "its code location"
        return f"{where} is not loaded, so its partitions are not known: mend it and reload it"


def _said(error: Exception) -> str:
    return quoted(f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}", 200)
