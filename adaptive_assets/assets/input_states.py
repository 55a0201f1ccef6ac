"""The state of what runs would read: the versions that Dagster calls latest, and what checks said of them."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

import dagster as dg

from adaptive_assets.assets import tags
from adaptive_assets.assets.asset_keys import key_of
from adaptive_assets.assets.check_states import CHECK_STATE, NOT_EVALUATED
from adaptive_assets.assets.inputs import Input
from adaptive_assets.assets.version_evaluations import LATEST, CheckEvaluations, Until
from adaptive_assets.assets.version_freshness import freshness_of, judged, worse
from adaptive_assets.dagster_compat.events import asset_records, freshness_states
from adaptive_assets.dagster_compat.versions import (
    EvaluationRow,
    VersionRow,
    earlier_versions,
    evaluation_events,
    evaluations,
    latest_version,
    latest_versions,
    next_versions,
    versions,
)
from adaptive_assets.planning.composition import WHOLE
from adaptive_assets.planning.snapshot import CheckOutcome, CheckState, DataState, Freshness
from adaptive_assets.policy import AssetFacts, Catalogue
from adaptive_assets.policy.text import quoted

MOST_NAMED: Final = 5
"""Partitions without a version that a state names."""

LOOKED_BACK: Final = 20
"""Versions before the latest among which the last good one is looked for."""

KEPT: Final = 50_000
"""Versions and evaluations that are kept decoded; beyond that, only those that are asked for."""

_SAID: Final = 100
"""Characters of what a check found."""

_WORST: Final = (CheckState.FAIL, CheckState.NOT_EVALUATED, CheckState.WARN)


@dataclass(slots=True)
class _Asset:
    """What is asked of one asset, and what was found."""

    key: dg.AssetKey
    facts: AssetFacts | None
    partitions: set[str] = field(default_factory=set)
    whole: bool = False
    """Whether all of it is asked for, as one version."""
    latest: dict[str | None, int] = field(default_factory=dict)
    """By partition (``None``: of all of it) the id of the version that would be read."""
    newest: int | None = None
    """The id of its latest materialization, of whatever partition."""
    unreported: dict[str | None, VersionRow] = field(default_factory=dict)
    """What stands for its versions, by partition, where it is external and none was ever reported."""
    freshness: Freshness = Freshness.NO_POLICY
    """What Dagster says of all of it."""

    @property
    def checks(self) -> list[dg.AssetCheckKey]:
        """Its blocking checks."""
        checks = self.facts.checks if self.facts else ()
        return [dg.AssetCheckKey(self.key, check.name) for check in checks if check.blocking]


class InputStates:
    """Reads the states of inputs; what never changes of a version or an evaluation is read once.

    A version is one materialization event. An evaluation speaks for the version that Dagster says it was of,
    and for those that its own run made; the newest evaluation of a version counts. For one thread at a time.
    """

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self._instance = instance
        self._versions: dict[int, VersionRow] = {}
        self._said: dict[tuple[int, int], tuple[float, dg.AssetCheckEvaluation] | None] = {}
        """By the row and the event of an evaluation, when and what."""
        self._next: dict[int, int] = {}
        """By version, the next one of its asset."""
        self._good: dict[tuple[str, str | None, int], float | None] = {}

    def of(self, catalogue: Catalogue, inputs: Collection[Input], now: float) -> dict[str, DataState]:
        """The state of each of ``inputs``, by its key, at ``now`` (POSIX seconds).

        The number of reads grows with the number of assets, and not with that of inputs.
        """
        known = [each for each in inputs if not each.problem]
        assets = self._assets(catalogue, known)
        self._find_versions(assets)
        outcomes = self._outcomes(assets)
        states = {
            each.key: self._state(each, assets[each.asset], outcomes[each.asset], now) for each in known
        }
        unknown = {
            each.key: DataState(each.asset, unreadable=True, partitions=each.label, problem=each.problem)
            for each in inputs
            if each.problem
        }
        return states | unknown

    def _assets(self, catalogue: Catalogue, inputs: Iterable[Input]) -> dict[str, _Asset]:
        assets: dict[str, _Asset] = {}
        for each in inputs:
            asset = assets.get(each.asset)
            if asset is None:
                asset = assets[each.asset] = _Asset(key_of(each.asset), catalogue.assets.get(each.asset))
            if each.partitions is None:
                asset.whole = True
            else:
                asset.partitions.update(each.partitions)
        return assets

    def _find_versions(self, assets: Mapping[str, _Asset]) -> None:
        records = asset_records(self._instance, [asset.key for asset in assets.values()])
        governed = [a.key for a in assets.values() if a.facts and a.facts.has_freshness_policy]
        fresh = freshness_states(self._instance, governed) if governed else {}
        for asset in assets.values():
            record = records.get(asset.key)
            asset.newest = record.asset_entry.last_materialization_storage_id if record else None
            if asset.whole and asset.newest is not None:
                asset.latest[None] = asset.newest
            if asset.partitions and asset.newest is not None:
                asset.latest.update(latest_versions(self._instance, asset.key, asset.partitions))
            if asset.newest is None and _is_external(asset.facts):
                parts = (*((None,) if asset.whole else ()), *sorted(asset.partitions))
                asset.unreported = {
                    part: VersionRow(-number, part, "", 0.0, {}) for number, part in enumerate(parts, 1)
                }
            told = fresh.get(asset.key)
            asset.freshness = freshness_of(asset.facts, told.freshness_state.value if told else None)
        wanted = {number for asset in assets.values() for number in asset.latest.values()}
        if len(self._versions) > KEPT:
            self._versions = {each: self._versions[each] for each in wanted if each in self._versions}
            self._next = {each: self._next[each] for each in wanted if each in self._next}
        for record in records.values():
            version = latest_version(record)
            if version is not None and version.id in wanted:  # its event goes with its run, and it does not
                self._versions.setdefault(version.id, version)
        self._know_versions(wanted)

    def _know_versions(self, ids: Collection[int]) -> None:
        self._versions |= versions(self._instance, [each for each in ids if each not in self._versions])

    def _outcomes(self, assets: Mapping[str, _Asset]) -> dict[str, dict[int, list[CheckOutcome]]]:
        """By asset and version the checks that it did not pass."""
        return self._judged({name: (asset, self._wanted(asset)) for name, asset in assets.items()})

    def _judged(
        self,
        wanted: Mapping[str, tuple[_Asset, Sequence[VersionRow]]],
        following: Mapping[int, int] = MappingProxyType({}),
    ) -> dict[str, dict[int, list[CheckOutcome]]]:
        """The same of some versions; ``following`` is the next of the partition of those not the latest."""
        checked = [(asset, of) for asset, of in wanted.values() if asset.checks]
        by_check = self._evaluations(
            [check for asset, _ in checked for check in asset.checks],
            [each for _, of in checked for each in of if each.id > 0],
            latest=any(asset.unreported for asset, _ in checked),
        )
        until = self._until(checked, by_check, following)
        found = {
            name: [
                (version, check, by_check[check].newest(version, until.get(version.id, LATEST)))
                for version in of
                for check in asset.checks
            ]
            for name, (asset, of) in wanted.items()
        }
        self._know_evaluations(row for rows in found.values() for _, _, row in rows if row and not row.passed)
        outcomes: dict[str, dict[int, list[CheckOutcome]]] = {}
        for name, (_, of) in wanted.items():
            outcomes[name] = {version.id: [] for version in of}
            for version, check, row in found[name]:
                outcome = self._outcome(check.name, version, row)
                if outcome is not None:
                    outcomes[name][version.id].append(outcome)
        return outcomes

    def _until(
        self,
        checked: Iterable[tuple[_Asset, Sequence[VersionRow]]],
        by_check: Mapping[dg.AssetCheckKey, CheckEvaluations],
        following: Mapping[int, int],
    ) -> dict[int, Until]:
        """When each version was followed by another; of the asset only where evaluations are told by that."""
        found = {number: Until(of_partition=next_id) for number, next_id in following.items()}
        for asset, of in checked:
            if not any(by_check[check].some_are_loose for check in asset.checks):
                continue
            ids = {version.id for version in of if version.id > 0} - {asset.newest}
            unknown = [number for number in ids if number not in self._next]
            self._next |= next_versions(self._instance, asset.key, unknown)
            for number in ids:
                # the newest is told by the asset's record even where its event was deleted
                found[number] = Until(self._next.get(number, asset.newest), following.get(number))
        return found

    def _wanted(self, asset: _Asset) -> list[VersionRow]:
        """The versions of it that are asked for."""
        found = [self._versions.get(number) for number in sorted(set(asset.latest.values()))]
        return [*(each for each in found if each is not None), *asset.unreported.values()]

    def _evaluations(
        self, checks: Collection[dg.AssetCheckKey], of: Sequence[VersionRow], *, latest: bool
    ) -> dict[dg.AssetCheckKey, CheckEvaluations]:
        """The evaluations of each of some checks."""
        ids, runs = {version.id for version in of}, {version.run_id for version in of}
        by_check: defaultdict[dg.AssetCheckKey, list[EvaluationRow]] = defaultdict(list)
        rows = evaluations(self._instance, checks, ids, runs, latest=latest) if checks else []
        for row in rows:
            by_check[row.key].append(row)
        return {check: CheckEvaluations(by_check[check]) for check in checks}

    def _know_evaluations(self, rows: Iterable[EvaluationRow]) -> None:
        """Read what was said in ``rows``; an evaluation that comes later is another event of the same row."""
        if len(self._said) > KEPT:
            self._said = {}
        missing = {row.row: row.id for row in rows if (row.row, row.id) not in self._said}
        for number, said in evaluation_events(self._instance, missing).items():
            self._said[number, missing[number]] = said

    def _outcome(self, check: str, version: VersionRow, row: EvaluationRow | None) -> CheckOutcome | None:
        """``None``: the check passed."""
        partition = version.partition or ""
        if row is None:
            return CheckOutcome(check, CheckState.NOT_EVALUATED, partition)
        if row.passed:
            return None
        event = self._said.get((row.row, row.id))
        if event is None:  # it raised
            return CheckOutcome(check, CheckState.NOT_EVALUATED, partition, run_id=row.run_id)
        at, said = event
        mark = said.metadata.get(CHECK_STATE)
        state = CheckState.WARN if said.severity is dg.AssetCheckSeverity.WARN else CheckState.FAIL
        if mark is not None and mark.value == NOT_EVALUATED:
            state = CheckState.NOT_EVALUATED
        return CheckOutcome(check, state, partition, words_of(said), row.run_id, at)

    def _state(
        self,
        wanted: Input,
        asset: _Asset,
        outcomes: Mapping[int, Sequence[CheckOutcome]],
        now: float,
    ) -> DataState:
        parts = wanted.partitions if wanted.partitions is not None else (None,)
        read = [(part, self._versions.get(asset.latest.get(part, -1))) for part in parts]
        made = [version for _, version in read if version is not None]
        external = _is_external(asset.facts)
        unreported = [asset.unreported[part] for part in parts if part in asset.unreported]
        missing = tuple(part for part, version in read if version is None and part is not None)
        missing = () if unreported else missing
        told = {version.id: outcomes.get(version.id, ()) for version in (*made, *unreported)}
        together = _together(each for of in told.values() for each in of)
        fresh, stale = self._freshness(wanted, asset, made, now)
        modes = [(_mode(version), version.partition or "") for version in made]
        mode, degraded = next((each for each in modes if each[0] not in WHOLE), (tags.FULL, ""))
        return DataState(
            wanted.asset,
            materialized_at=min((version.at for version in made), default=None),
            freshness=fresh,
            outcomes=together,
            mode=mode,
            external=external,
            partitions=wanted.label,
            missing=missing[:MOST_NAMED],
            more_missing=max(0, len(missing) - MOST_NAMED),
            degraded=degraded,
            stale=stale,
            good_at=self._good_at(wanted.asset, asset, made, together),
        )

    def _freshness(
        self, wanted: Input, asset: _Asset, made: Sequence[VersionRow], now: float
    ) -> tuple[Freshness, str]:
        """That of the least fresh version, and its partition.

        What Dagster says is of the latest version of whatever partition, and so of none in particular.
        """
        worst, stale = asset.freshness, ""
        if worst in (Freshness.NO_POLICY, Freshness.NOT_EVALUATED) or not made or wanted.partitions is None:
            return worst, stale
        if asset.facts is None or not asset.facts.freshness:
            return worst, stale
        worst = Freshness.PASS
        for version in made:
            of_version = worse(worst, judged(asset.facts, version.partition or "", version.at, now))
            if of_version is not worst:
                worst, stale = of_version, version.partition or ""
        return worst, stale

    def _good_at(
        self, name: str, asset: _Asset, made: Sequence[VersionRow], outcomes: Sequence[CheckOutcome]
    ) -> float | None:
        """When the last good version was made of the partition of which a check has failed."""
        failed = next((each for each in outcomes if each.state is CheckState.FAIL), None)
        bad = next((v for v in made if failed and (v.partition or "") == failed.partition), None)
        if bad is None:
            return None
        key = (name, bad.partition, bad.id)
        if key not in self._good:
            if len(self._good) > KEPT:
                self._good = {}
            ids = earlier_versions(self._instance, asset.key, bad.partition, bad.id, LOOKED_BACK)
            self._know_versions(ids)
            before = [self._versions[number] for number in ids if number in self._versions]
            following = dict(zip(ids, (bad.id, *ids), strict=False))
            judged_before = self._judged({name: (asset, before)}, following)[name] if before else {}
            good = (v.at for v in before if not any(_is_bad(each) for each in judged_before[v.id]))
            self._good[key] = next(good, None)
        return self._good[key]


def words_of(said: dg.AssetCheckEvaluation) -> str:
    """What the check found, in a few words: the rows that fail, or the first line of its description."""
    counts = [said.metadata.get(name) for name in ("failing_rows", "rows")]
    failing, rows = (each.value if isinstance(each, dg.IntMetadataValue) else None for each in counts)
    if failing and rows:
        return f"{failing} of {rows} rows"
    first = (said.description or "").strip().partition("\n")[0]
    return quoted(first, _SAID)


def _together(outcomes: Iterable[CheckOutcome]) -> tuple[CheckOutcome, ...]:
    """Each check once: the worst that was said of any version."""
    worst: dict[str, CheckOutcome] = {}
    for each in outcomes:
        known = worst.get(each.check)
        if known is None or _WORST.index(each.state) < _WORST.index(known.state):
            worst[each.check] = each
    return tuple(sorted(worst.values(), key=lambda each: _WORST.index(each.state)))


def _is_bad(outcome: CheckOutcome) -> bool:
    return outcome.state is not CheckState.WARN


def _mode(version: VersionRow) -> str:
    said = version.metadata.get(tags.MODE)
    return str(said.value) if said is not None else tags.FULL


def _is_external(facts: AssetFacts | None) -> bool:
    return facts is None or not facts.materializable
