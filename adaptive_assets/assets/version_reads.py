"""What is read of the versions of assets, each fact once: those that cannot change are kept."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import dagster as dg

from adaptive_assets.assets import tags
from adaptive_assets.assets.asset_keys import key_of, text_of
from adaptive_assets.assets.check_evidence import PASSED, Verdict, verdict
from adaptive_assets.assets.speaking_evaluations import SpeakingEvaluations
from adaptive_assets.dagster_compat import versions
from adaptive_assets.dagster_compat.events import asset_records
from adaptive_assets.dagster_compat.versions import EvaluationRow, Materialization
from adaptive_assets.planning.snapshot import CheckOutcome, CheckState
from adaptive_assets.policy import AssetFacts

_MOST_KEPT: Final = 200_000
_LOOK_BACK: Final = 20
"""How many older versions are looked through for one that was good."""

Place = tuple[str, str | None]
"""An asset, as text, and one of its partitions."""


@dataclass(frozen=True, slots=True)
class VersionState:
    """The version that would be read, and the blocking checks that it did not pass."""

    made: Materialization | None
    outcomes: tuple[CheckOutcome, ...] = ()
    unreported: bool = False
    """Whether it is of an external asset of which nothing was ever reported: that is no reason to wait."""


class VersionReads:
    """Reads of one instance; an error of the storage is raised."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        """``instance`` is read from, never written to."""
        self._instance = instance
        self._made: dict[int, Materialization] = {}
        self._verdicts: dict[tuple[int, int], Verdict] = {}
        self._makes: dict[tuple[str, str], bool] = {}

    def whole(self, facts: Mapping[str, AssetFacts | None]) -> dict[Place, VersionState]:
        """The states of assets that are read as a whole, in a few reads however many they are.

        An asset without partitions is read where it was written without one. Only if it never was, its
        latest materialization counts, whatever its partition.
        """
        self._forget()
        records = asset_records(self._instance, [key_of(asset) for asset in facts])
        latest: dict[str, Materialization] = {}
        others: dict[str, int] = {}
        for asset, known in facts.items():
            record = records.get(key_of(asset))
            event = record.asset_entry.last_materialization if record else None
            storage_id = record.asset_entry.last_materialization_storage_id if record else None
            if record is None or event is None or storage_id is None:
                continue
            materialization = event.asset_materialization
            partition = materialization.partition if materialization else None
            mode = materialization.metadata.get(tags.MODE) if materialization else None
            latest[asset] = Materialization(
                storage_id, event.run_id or "", event.timestamp, partition, str(mode.value) if mode else None
            )
            if partition is not None and not (known and known.partitions):
                details = record.asset_entry.asset_details
                wiped = (details.last_wipe_timestamp if details else None) or 0.0
                other = versions.latest_without_partition(self._instance, key_of(asset), wiped)
                if other is not None:
                    others[asset] = other
        found = self._materializations(others.values())
        latest |= {asset: found[other] for asset, other in others.items() if other in found}
        self._made |= {one.storage_id: one for one in latest.values()}
        checks = {asset: names for asset, known in facts.items() if (names := blocking(known))}
        made = [latest[asset] for asset in checks if asset in latest]
        rows = versions.evaluation_rows(self._instance, _keys(checks, latest.keys()), made)
        lone = {asset for asset, known in facts.items() if asset not in latest and _external(known)}
        rows += versions.latest_evaluation_rows(self._instance, _keys(checks, lone))
        by_asset = self._by_asset(rows)
        places: dict[Place, Materialization | None] = {(asset, None): latest.get(asset) for asset in facts}
        return self._states(places, checks, by_asset, lone)

    def partitions(
        self, asset: str, known: AssetFacts | None, partitions: Collection[str]
    ) -> dict[Place, VersionState]:
        """The states of some partitions of an asset, by its indexes.

        What was made of the asset without a partition is no version of any.
        """
        self._forget()
        key, names = key_of(asset), blocking(known)
        ids = versions.latest_by_partition(self._instance, key, partitions)
        found = self._materializations(ids.values())
        made = {partition: found[one] for partition, one in ids.items() if one in found}
        rows = versions.evaluation_rows_by_partition(self._instance, key, names, list(made.values()))
        lone = {asset} if not made and self._is_unreported(key, known) else set()
        if lone:
            rows += versions.latest_evaluation_rows(
                self._instance, [dg.AssetCheckKey(key, name) for name in names]
            )
        places: dict[Place, Materialization | None] = {
            (asset, partition): made.get(partition) for partition in partitions
        }
        return self._states(places, {asset: names}, self._by_asset(rows), lone)

    def _is_unreported(self, key: dg.AssetKey, known: AssetFacts | None) -> bool:
        """Where some partitions of an external asset are reported, another one is missing."""
        if not _external(known):
            return False
        record = asset_records(self._instance, [key]).get(key)
        return record is None or record.asset_entry.last_materialization is None

    def good_at(self, asset: str, known: AssetFacts | None, made: Materialization) -> float | None:
        """When the newest older version of the same partition was made that passed all blocking checks."""
        key, names = key_of(asset), blocking(known)
        older = versions.older_materializations(self._instance, key, [made], _LOOK_BACK)[made.storage_id]
        if not older:
            return None
        self._made |= {one.storage_id: one for one in older if one.storage_id not in self._made}
        if made.partition is None:
            keys = [dg.AssetCheckKey(key, name) for name in names]
            rows = versions.evaluation_rows(self._instance, keys, older)
        else:
            rows = versions.evaluation_rows_by_partition(self._instance, key, names, older)
        speaking = self._speaking({asset: rows})[asset]
        until = made.storage_id
        for version in older:
            newest = [speaking.newest(name, version, until) for name in names]
            judged = self._judged([row for row in newest if row])
            if all(row and judged[row.row_id] == PASSED for row in newest):
                return version.at
            until = version.storage_id
        return None

    def _states(
        self,
        places: Mapping[Place, Materialization | None],
        checks: Mapping[str, Sequence[str]],
        rows: Mapping[str, Sequence[EvaluationRow]],
        lone: Collection[str],
    ) -> dict[Place, VersionState]:
        """``lone`` are the assets of which checks say something although no version is known."""
        speaking = self._speaking({asset: rows.get(asset, ()) for asset in checks})
        newest: dict[Place, dict[str, EvaluationRow | None]] = {}
        for (asset, partition), made in places.items():
            newest[asset, partition] = {
                name: speaking[asset].newest(name, made)
                if made is not None
                else _newest_at_all(name, partition, rows.get(asset, ()))
                for name in checks.get(asset, ())
                if made is not None or asset in lone
            }
        judged = self._judged([row for each in newest.values() for row in each.values() if row])
        return {
            place: VersionState(
                made,
                tuple(
                    outcome
                    for name, row in newest[place].items()
                    if (outcome := _outcome(name, place[1], row, judged))
                ),
                unreported=made is None and place[0] in lone,
            )
            for place, made in places.items()
        }

    def _speaking(self, rows: Mapping[str, Sequence[EvaluationRow]]) -> dict[str, SpeakingEvaluations]:
        keys = {asset: key_of(asset) for asset in rows}
        unknown = {
            (keys[asset].to_string(), row.run_id)
            for asset, found in rows.items()
            for row in found
            if row.run_id and (keys[asset].to_string(), row.run_id) not in self._makes
        }
        if unknown:
            makers = versions.planned_by(self._instance, list(keys.values()), {run for _, run in unknown})
            self._makes |= {pair: pair in makers for pair in unknown}
        self._materializations(row.target for found in rows.values() for row in found if row.target)

        def of(asset: str) -> SpeakingEvaluations:
            text = keys[asset].to_string()
            return SpeakingEvaluations(rows[asset], self._made.get, lambda run: self._makes[text, run])

        return {asset: of(asset) for asset in rows}

    def _materializations(self, ids: Iterable[int]) -> dict[int, Materialization]:
        wanted = set(ids)
        self._made |= versions.materializations(self._instance, wanted - self._made.keys(), tags.MODE)
        return {one: self._made[one] for one in wanted if one in self._made}

    def _judged(self, rows: Collection[EvaluationRow]) -> dict[int, Verdict]:
        unread = {row.row_id: row for row in rows if (row.row_id, row.order) not in self._verdicts}
        for row_id, event in versions.evaluation_events(self._instance, unread.keys()).items():
            row = unread[row_id]
            self._verdicts[row_id, row.order] = verdict(event, succeeded=row.succeeded)
        return {row.row_id: self._verdicts.get((row.row_id, row.order), _GONE) for row in rows}

    def _by_asset(self, rows: Iterable[EvaluationRow]) -> dict[str, list[EvaluationRow]]:
        found: defaultdict[str, list[EvaluationRow]] = defaultdict(list)
        for row in rows:
            found[row.asset_key].append(row)
        keys = {text: dg.AssetKey.from_db_string(text) for text in found}
        return {text_of(key): found[text] for text, key in keys.items() if key}

    def _forget(self) -> None:
        """What is kept can be read again, so that it need not be told apart."""
        for kept in (self._made, self._verdicts, self._makes):
            if len(kept) > _MOST_KEPT:
                kept.clear()


_GONE: Final = Verdict(CheckState.NOT_EVALUATED, "its evaluation was deleted")


def blocking(facts: AssetFacts | None) -> tuple[str, ...]:
    """The names of the blocking checks of an asset."""
    return tuple(check.name for check in facts.checks if check.blocking) if facts else ()


def _keys(checks: Mapping[str, Sequence[str]], assets: Collection[str]) -> list[dg.AssetCheckKey]:
    named = [(key_of(asset), names) for asset, names in checks.items() if asset in assets]
    return [dg.AssetCheckKey(key, name) for key, names in named for name in names]


def _external(facts: AssetFacts | None) -> bool:
    return facts is None or not facts.materializable


def _newest_at_all(check: str, partition: str | None, rows: Iterable[EvaluationRow]) -> EvaluationRow | None:
    """The newest evaluation where nothing was ever materialized that it could have looked at."""
    about = (
        row
        for row in rows
        if row.check == check and (partition is None or row.partition in (None, partition))
    )
    return max(about, key=lambda row: row.order, default=None)


def _outcome(
    check: str, partition: str | None, row: EvaluationRow | None, judged: Mapping[int, Verdict]
) -> CheckOutcome | None:
    """``None``: passed."""
    where = partition or ""
    if row is None:
        return CheckOutcome(check, CheckState.NOT_EVALUATED, where)
    found = judged[row.row_id]
    if found.state is None:
        return None
    return CheckOutcome(check, found.state, where, found.said, row.run_id, row.at)
