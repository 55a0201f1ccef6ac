"""The states of inputs: of the very versions that would be read."""

import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final, TypeVar

import dagster as dg

from adaptive_assets.assets import tags
from adaptive_assets.assets.asset_keys import key_of
from adaptive_assets.assets.inputs import Input
from adaptive_assets.assets.version_reads import Place, VersionReads, VersionState
from adaptive_assets.dagster_compat.events import freshness_states
from adaptive_assets.dagster_compat.freshness import WindowEnds, freshness_at, read_policy
from adaptive_assets.dagster_compat.versions import Materialization
from adaptive_assets.planning.composition import WHOLE
from adaptive_assets.planning.snapshot import CheckOutcome, CheckState, DataState, Freshness
from adaptive_assets.policy import AssetFacts, Catalogue

logger = logging.getLogger("dagster.adaptive_assets")

T = TypeVar("T")

_FRESHNESS: Final = {
    "PASS": Freshness.PASS,
    "WARN": Freshness.WARN,
    "FAIL": Freshness.FAIL,
    "UNKNOWN": Freshness.NOT_EVALUATED,
    "NOT_APPLICABLE": Freshness.NO_POLICY,
}
_WORSE: Final = {
    state: rank
    for rank, state in enumerate(
        (Freshness.NO_POLICY, Freshness.PASS, Freshness.WARN, Freshness.NOT_EVALUATED, Freshness.FAIL)
    )
}
_FEW: Final = 3
"""How many missing partitions are named."""
_GOOD_FOR_S: Final = 60.0
"""For how long it holds when a version was last good: a recheck of an older one may change it."""
_MOST_KEPT: Final = 10_000
_MOST_GOOD: Final = 20
"""How many inputs are looked at anew in one call for their last good version."""


class InputStates:
    """Reads the states of inputs; keeps what cannot change from one call to the next.

    Reads grow with distinct pairs of an asset and a partition, not with inputs.
    """

    def __init__(self, instance: dg.DagsterInstance) -> None:
        """``instance`` is read from, never written to."""
        self._instance = instance
        self._reads = VersionReads(instance)
        self._windows: dict[tuple[str, int], WindowEnds] = {}
        self._good: dict[tuple[str, int], tuple[float, float | None]] = {}
        self._look_backs = 0
        self.errors: dict[str, Exception] = {}
        """The error of each asset that the last call could not read."""

    def of(self, catalogue: Catalogue, inputs: Collection[Input], now: float) -> Mapping[str, DataState]:
        """The state of each input by its key, at ``now`` (POSIX seconds).

        An input of which something cannot be read is unreadable, with the reason; it stops no other.
        """
        self.errors = {}
        self._look_backs = 0
        if len(self._good) > _MOST_KEPT:
            self._good.clear()
        known = [one for one in inputs if not one.problem]
        facts = {asset: catalogue.assets.get(asset) for asset in sorted({one.asset for one in known})}
        states = self._versions(facts, known)
        daemon = self._of_daemon(facts)
        found = {}
        for one in inputs:
            external = not ((known_facts := catalogue.assets.get(one.asset)) and known_facts.materializable)
            problem = one.problem
            if not problem and one.asset in self.errors:
                problem = _problem(self.errors[one.asset])
            if problem:
                found[one.key] = DataState(
                    one.asset, external=external, unreadable=True, partitions=one.label, problem=problem
                )
                continue
            parts = [(partition, states[one.asset, partition]) for partition in one.partitions or (None,)]
            found[one.key] = self._state(one, facts[one.asset], parts, daemon[one.asset], now, external)
        return found

    def _versions(
        self, facts: Mapping[str, AssetFacts | None], inputs: Iterable[Input]
    ) -> dict[Place, VersionState]:
        partitions: defaultdict[str, set[str]] = defaultdict(set)
        whole: set[str] = set()
        for one in inputs:
            if one.partitions is None:
                whole.add(one.asset)
            else:
                partitions[one.asset].update(one.partitions)
        states: dict[Place, VersionState] = {}
        for each in self._each(sorted(whole), lambda some: self._reads.whole({a: facts[a] for a in some})):
            states |= each
        for asset, wanted in sorted(partitions.items()):
            if asset in self.errors:
                continue
            try:
                states |= self._reads.partitions(asset, facts[asset], wanted)
            except Exception as error:  # noqa: BLE001  the asset's own
                self.errors[asset] = error
        return states

    def _of_daemon(self, facts: Mapping[str, AssetFacts | None]) -> dict[str, Freshness]:
        """What the freshness daemon said last of each asset."""
        with_policy = [asset for asset, known in facts.items() if known and known.has_freshness_policy]
        found = dict.fromkeys(facts, Freshness.NO_POLICY)
        if not with_policy:
            return found
        found |= dict.fromkeys(with_policy, Freshness.NOT_EVALUATED)

        def read(assets: Sequence[str]) -> dict[str, Freshness]:
            records = freshness_states(self._instance, [key_of(asset) for asset in assets])
            return {
                asset: _FRESHNESS[record.freshness_state.value]
                for asset in assets
                if (record := records.get(key_of(asset)))
            }

        for each in self._each(with_policy, read):
            found |= each
        return found

    def _each(self, assets: Sequence[str], read: Callable[[Sequence[str]], T]) -> Iterator[T]:
        """What is read of all assets at once, else of each; the errors of single assets are kept."""
        if not assets:
            return
        try:
            yield read(assets)
        except Exception as error:  # noqa: BLE001  whose it is shows when each is read alone
            if len(assets) > 1:
                logger.info("The states of %d assets are read one by one: %s", len(assets), error)
            for asset in assets:
                try:
                    yield read([asset])
                except Exception as its_own:  # noqa: BLE001  the asset's own
                    self.errors[asset] = its_own

    def _state(
        self,
        one: Input,
        facts: AssetFacts | None,
        parts: Sequence[tuple[str | None, VersionState]],
        daemon: Freshness,
        now: float,
        external: bool,
    ) -> DataState:
        made = [(partition or "", state.made) for partition, state in parts if state.made]
        for partition, each in made:
            if each.problem:
                where = f" of the partition `{partition}`" if partition else ""
                return DataState(
                    one.asset,
                    external=external,
                    unreadable=True,
                    partitions=one.label,
                    problem=f"its materialization {each.storage_id}{where} cannot be read: {each.problem}",
                )
        missing = [
            partition
            for partition, state in parts
            if partition is not None and not state.made and not state.unreported
        ]
        freshness, stale = daemon, ""
        if one.partitions is not None and facts is not None and daemon in (Freshness.PASS, Freshness.WARN):
            freshness, stale = self._freshness(facts, made, daemon, now)
        modes = [(partition, each.marked or tags.FULL) for partition, each in made]
        below = next(((partition, mode) for partition, mode in modes if mode not in WHOLE), None)
        outcomes = _worst(state.outcomes for _, state in parts)
        return DataState(
            asset=one.asset,
            materialized_at=min((each.at for _, each in made), default=None),
            freshness=freshness,
            outcomes=outcomes,
            mode=below[1] if below else modes[0][1] if modes else tags.FULL,
            external=external,
            partitions=one.label,
            missing=tuple(missing[:_FEW]),
            more_missing=max(0, len(missing) - _FEW),
            degraded=below[0] if below else "",
            stale=stale,
            good_at=self._good_at(one.asset, facts, outcomes, dict(made), now),
        )

    def _freshness(
        self, facts: AssetFacts, made: Sequence[tuple[str, Materialization]], daemon: Freshness, now: float
    ) -> tuple[Freshness, str]:
        """The least fresh of some partitions, and which one that is where it is worse than the asset.

        A version that was made after the time window of its partition had ended is complete: it does not
        age.
        """
        policy = read_policy(facts.freshness_policy)
        if policy is None:
            return daemon, ""
        windows = facts.time_windows, facts.time_place
        ends = self._windows.setdefault(windows, WindowEnds(*windows))
        worst, which = daemon, ""
        for partition, each in made:
            end = ends.of(partition)
            if end is not None and each.at >= end:
                continue
            own = _FRESHNESS[freshness_at(policy, each.at, now)]
            if _WORSE[own] > _WORSE[worst]:
                worst, which = own, partition
        return worst, which

    def _good_at(
        self,
        asset: str,
        facts: AssetFacts | None,
        outcomes: Sequence[CheckOutcome],
        made: Mapping[str, Materialization],
        now: float,
    ) -> float | None:
        """Of the partition that failed first; looked up anew for some inputs in each call."""
        failed = [one for one in outcomes if one.state is not CheckState.NOT_EVALUATED]
        first = min(failed, key=lambda one: one.state is not CheckState.FAIL, default=None)
        version = made.get(first.partition) if first else None
        if version is None:
            return None
        place = asset, version.storage_id
        read_at, good_at = self._good.get(place, (None, None))
        fresh = read_at is not None and 0 <= now - read_at < _GOOD_FOR_S
        if fresh or self._look_backs >= _MOST_GOOD:
            return good_at
        self._look_backs += 1
        try:
            good_at = self._reads.good_at(asset, facts, version)
        except Exception as error:  # noqa: BLE001  evidence alone: the verdict stands without it
            logger.info("When `%s` was last good cannot be read: %s", asset, error)
        self._good[place] = now, good_at
        return good_at


def _worst(outcomes: Iterable[Iterable[CheckOutcome]]) -> tuple[CheckOutcome, ...]:
    """Of each check the first outcome of each state: that of one partition stands for others like it."""
    found: dict[tuple[str, CheckState], CheckOutcome] = {}
    for each in outcomes:
        for outcome in each:
            found.setdefault((outcome.check, outcome.state), outcome)
    return tuple(found.values())


def _problem(error: Exception) -> str:
    lines = str(error).splitlines() or [""]
    return f"its state cannot be read: {type(error).__name__}: {lines[0]}"[:300]
