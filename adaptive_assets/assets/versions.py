"""The stored versions of an asset, and which of them are good."""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import dagster as dg

from adaptive_assets.assets.check_states import CHECK_STATE, NOT_EVALUATED

_NAME: Final = re.compile(r"v(?P<number>[0-9]{8,18})-(?P<run>[^.]+)\.(?:parquet|pickle)")
_LONGEST_NAME: Final = 200
"""Bytes; file systems take 255, and versions and partial files add to it."""
_HISTORY: Final = 50
"""How many of the latest evaluations of a check are looked through for those of a version."""


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """One stored version of an asset or of one of its partitions."""

    number: int
    run_id: str
    path: Path

    @classmethod
    def next_in(cls, folder: Path, stored: Sequence["Version"], run_id: str, suffix: str) -> "Version":
        """The version that follows those that are stored in a folder."""
        for number in count(stored[-1].number + 1 if stored else 1):
            path = folder / f"v{number:08d}-{file_name(run_id)}.{suffix}"
            # The folder of an asset may have this very name.
            if not path.exists():
                return cls(number, run_id, path)
        raise AssertionError


def versions_in(folder: Path) -> list[Version]:
    """What is stored in a folder, oldest first; nothing where there is no such folder.

    Only plain files are versions: a folder of such a name is that of an asset whose key has it as a part.

    Raises:
        OSError: The folder cannot be read.
    """
    try:
        with os.scandir(folder) as entries:
            named = [
                (folder / entry.name, match)
                for entry in entries
                if (match := _NAME.fullmatch(entry.name)) and entry.is_file()
            ]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(Version(int(match["number"]), match["run"], path) for path, match in named)


def newest_good(
    instance: dg.DagsterInstance, asset: dg.AssetKey, versions: Sequence[Version]
) -> Version | None:
    """The newest of some versions of one asset (or of one partition of it) that is good.

    A version is good when every check that was planned in the run that made it was evaluated and no blocking
    one failed with severity ERROR. A check that ran again later, on its own, is believed over its first
    evaluation. A version whose checks never ran is not good, unless none of the versions has checks.
    """
    records = {version.run_id: _Record.of_run(instance, asset, version.run_id) for version in versions}
    names = sorted({name for record in records.values() for name in record.names})
    for evaluation in _later(instance, asset, names):
        target = evaluation.target_materialization_data
        if target and target.run_id in records:
            records[target.run_id].evaluated[evaluation.check_name] = evaluation
    for version in reversed(versions):
        if records[version.run_id].is_good(has_checks=bool(names)):
            return version
    return None


def file_name(text: str) -> str:
    """Any text as one file name that stays in its folder; different texts give different names."""
    name = quote(text, safe=" +,:=").replace("~", "%7E")
    if not name.strip("."):
        name = name.replace(".", "%2E") or "%"
    if len(name) > _LONGEST_NAME:
        digest = sha256(text.encode()).hexdigest()[:32]
        name = f"{name[: _LONGEST_NAME - len(digest) - 1]}~{digest}"
    return name


@dataclass(slots=True)
class _Record:
    """What the checks of one asset said about the version that one run made."""

    planned: set[str] = field(default_factory=set)
    evaluated: dict[str, dg.AssetCheckEvaluation] = field(default_factory=dict)

    @classmethod
    def of_run(cls, instance: dg.DagsterInstance, asset: dg.AssetKey, run_id: str) -> "_Record":
        record = cls()
        of_type = {
            dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED,
            dg.DagsterEventType.ASSET_CHECK_EVALUATION,
        }
        for entry in instance.all_logs(run_id, of_type=of_type):
            said: Any = entry.get_dagster_event().event_specific_data
            if said.asset_key != asset:
                continue
            if isinstance(said, dg.AssetCheckEvaluation):
                record.evaluated[said.check_name] = said
            else:
                record.planned.add(said.check_name)
        return record

    @property
    def names(self) -> Iterable[str]:
        return self.planned | self.evaluated.keys()

    def is_good(self, *, has_checks: bool) -> bool:
        if not self.evaluated:
            return not has_checks
        return self.planned <= self.evaluated.keys() and not any(map(_spoils, self.evaluated.values()))


def _spoils(evaluation: dg.AssetCheckEvaluation) -> bool:
    # Events of older versions of Dagster do not say whether the check blocks.
    if evaluation.passed or evaluation.blocking is False:
        return False
    state = evaluation.metadata.get(CHECK_STATE)
    unknown = state is not None and state.value == NOT_EVALUATED
    return unknown or evaluation.severity is dg.AssetCheckSeverity.ERROR


def _later(
    instance: dg.DagsterInstance, asset: dg.AssetKey, names: Iterable[str]
) -> Iterator[dg.AssetCheckEvaluation]:
    """The recent evaluations of some checks in whatever run, oldest first."""
    for name in names:
        # The latest record alone will not do: in a run that is going on it says no more than "planned".
        records = instance.event_log_storage.get_asset_check_execution_history(
            dg.AssetCheckKey(asset, name), limit=_HISTORY
        )
        for record in reversed(records):
            event = record.event.dagster_event if record.event else None
            said = event.event_specific_data if event else None
            if isinstance(said, dg.AssetCheckEvaluation):
                yield said
