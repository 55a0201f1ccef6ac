"""What a tick of automation conditions knows of data: the gates' own reading, each input read once."""

import logging
from collections.abc import Collection
from typing import Protocol, runtime_checkable
from weakref import WeakKeyDictionary

import dagster as dg

from adaptive_assets.assets.asset_keys import key_of
from adaptive_assets.assets.catalogues import facts_of_asset
from adaptive_assets.assets.input_states import InputStates
from adaptive_assets.assets.inputs import Input
from adaptive_assets.dagster_compat.automation import AssetGraphView, blocking_checks
from adaptive_assets.planning.snapshot import DataState
from adaptive_assets.policy import AssetFacts, Catalogue, CheckFacts

logger = logging.getLogger("dagster.adaptive_assets")


@runtime_checkable
class KnowsAssets(Protocol):
    """A run coordinator that knows the assets of all code locations, as ours does."""

    def known_catalogue(self) -> Catalogue:
        """What is known of them; it raises where that cannot be read."""


class TickStates:
    """The states of inputs at one tick, kept for its whole length: all conditions see the same."""

    def __init__(self, view: AssetGraphView) -> None:
        self._states = InputStates(view.instance)
        self._now = view.effective_dt.timestamp()
        self._known = _known_catalogue(view.instance)
        self._facts: dict[str, AssetFacts] = {}
        self._read: dict[str, DataState] = {}

    @property
    def now(self) -> float:
        """The time of the tick, in POSIX seconds."""
        return self._now

    def of(self, view: AssetGraphView, inputs: Collection[Input]) -> dict[str, DataState]:
        """The state of each input by its key; what has been read before is not read again."""
        fresh = [each for each in inputs if each.key not in self._read]
        if fresh:
            for asset in {each.asset for each in fresh} - self._facts.keys():
                self._facts[asset] = self._facts_of(view, asset)
            known = [each for each in fresh if each.partitions is not None or not self._is_partitioned(each)]
            self._read.update(self._states.of(Catalogue(self._facts), known, self._now))
            for each in fresh:
                if each.key not in self._read:
                    self._read[each.key] = _unknown(each)
        return {each.key: self._read[each.key] for each in inputs}

    def _is_partitioned(self, one: Input) -> bool:
        return bool(self._facts[one.asset].partitions)

    def _facts_of(self, view: AssetGraphView, asset: str) -> AssetFacts:
        """Of the whole workspace where the coordinator knows it, as for gates; else what stands here."""
        if (known := self._known.assets.get(asset)) is not None:
            return known
        key = key_of(asset)
        if not view.asset_graph.has(key):
            return AssetFacts(asset, materializable=False, stub=True)
        checks = tuple(CheckFacts(name, blocking=True) for name in sorted(blocking_checks(view, key)))
        return facts_of_asset(view.asset_graph.get(key), checks=checks)


def _unknown(one: Input) -> DataState:
    """The state of a partitioned asset of another code location, which this one takes for one without."""
    problem = (
        f"`{one.asset}` has partitions, and this code location does not say which: declare"
        f" `dg.AssetSpec({one.asset!r}, partitions_def=…)` in it; until then nothing that reads it is ready"
    )
    logger.warning("%s", problem)
    return DataState(one.asset, unreadable=True, problem=problem)


_TICKS: WeakKeyDictionary[AssetGraphView, TickStates] = WeakKeyDictionary()


def at_tick(view: AssetGraphView) -> TickStates:
    """The states at the tick that ``view`` belongs to: the same for all its conditions."""
    found = _TICKS.get(view)
    if found is None:
        found = _TICKS[view] = TickStates(view)
    return found


def _known_catalogue(instance: dg.DagsterInstance) -> Catalogue:
    """Without one, or when it cannot be read, the definitions of this code location say what they can."""
    coordinator = instance.run_coordinator
    if not isinstance(coordinator, KnowsAssets):
        return Catalogue()
    try:
        return coordinator.known_catalogue()
    except Exception as error:  # noqa: BLE001  automation goes on; the gates still hold what must be held
        logger.warning(
            "What other code locations say of their assets cannot be read, so conditions see only the checks"
            " and freshness policies of this one: %s",
            error,
        )
        return Catalogue()
