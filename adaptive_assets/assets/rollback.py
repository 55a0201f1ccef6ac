"""Going back to the last good version of an asset or of a partition, by events that the Dagster UI shows.

It needs the event log alone, and neither the asset's definition nor its storage: so the daemon can do it.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import dagster as dg

from adaptive_assets.assets.audit import Audited, audit
from adaptive_assets.assets.versions import version_of
from adaptive_assets.dagster_compat.evaluations import Target, check_rows, materializations

ROLLED_BACK_TO: Final = "adaptive/rolled_back_to"
"""In the metadata of a rollback's events: the file of the version that counts again."""
ROLLED_BACK_FROM: Final = "adaptive/rolled_back_from"
WHY: Final = "adaptive/rolled_back_because"
EVIDENCE: Final = "adaptive/evidence_of_run"
_LOOKED_AT: Final = 1000
"""How many of the latest materializations are searched for a good one."""


@dataclass(frozen=True, slots=True)
class RolledBack:
    """What a rollback did: the file names of the two versions, and the run that made the good one."""

    withdrawn: str
    restored: str
    run_id: str


class NothingToRollBackError(Exception):
    """There is no version to withdraw, or none to go back to; the message names the asset and says which."""


def roll_back(
    instance: dg.DagsterInstance, asset: dg.AssetKey, partition: str | None, why: str
) -> RolledBack:
    """Withdraw the newest version, and make the newest good one before it the version of record.

    A materialization is reported that names the good version, and then, for this materialization, the
    evaluations that made it good. Readers and gates go by the latest materialization, and so both return to
    the good version; between the two writes the gate says "not evaluated". The file of the withdrawn version
    stays until retention removes it. A rollback that was cut short is completed by the next one.

    Raises:
        NothingToRollBackError: Nothing is stored by `FrameIOManager`, the latest version is good, or no
            version before it is good.
    """
    name = f"`{asset.to_user_string()}{f'[{partition}]' if partition else ''}`"
    versions, metadata = {}, {}
    for number, (_, _, _, made) in enumerate(materializations(instance, asset, partition)):
        if number == _LOOKED_AT:
            break
        folder, file = made.metadata.get("path"), made.metadata.get("version")
        if folder is None or file is None:
            continue
        version = version_of(Path(str(folder.value)), str(file.value))
        if version is None or version.path in versions:
            continue
        # The daemon may have no rights on a store; the last good version is never removed from there.
        if "://" in str(folder.value) or version.path.is_file():
            versions[version.path], metadata[version.path] = version, made.metadata
    judged = audit(instance, asset, partition, list(versions.values()))
    if not judged:
        raise NothingToRollBackError(f"{name} has no stored version that could be withdrawn.")
    newest = judged[0]
    good = next((each for each in judged if not each.problem), None)
    if good is None:
        raise NothingToRollBackError(
            f"{name} cannot be rolled back: none of its {len(judged)} versions passed its checks; "
            f"{newest.version.path.name}: {newest.problem}."
        )
    if good is newest:
        return _finished(instance, asset, partition, good, name)
    told = {
        ROLLED_BACK_TO: good.version.path.name,
        ROLLED_BACK_FROM: newest.version.path.name,
        WHY: why,
        EVIDENCE: good.version.run_id,
    }
    instance.report_runless_asset_event(
        dg.AssetMaterialization(
            asset,
            description=f"Rolled back to {good.version.path.name}: {why}",
            metadata={**metadata[good.version.path], **told},
            partition=partition,
        )
    )
    return _finished(instance, asset, partition, good, name)


def _finished(
    instance: dg.DagsterInstance, asset: dg.AssetKey, partition: str | None, good: Audited, name: str
) -> RolledBack:
    """Record the evaluations that are still missing for the rollback that comes last."""
    latest = next(materializations(instance, asset, partition))
    storage_id, run_id, at, made = latest
    if ROLLED_BACK_TO not in made.metadata or made.metadata[ROLLED_BACK_TO].value != good.version.path.name:
        raise NothingToRollBackError(
            f"{name} was not rolled back: its latest version {good.version.path.name} is good."
        )
    told = {key: made.metadata[key] for key in (ROLLED_BACK_TO, ROLLED_BACK_FROM, WHY, EVIDENCE)}
    recorded = {row.name for row in check_rows(instance, asset, (), [storage_id])}
    for said in good.evaluated.values():
        if said.check_name not in recorded:
            instance.report_runless_asset_event(
                dg.AssetCheckEvaluation(
                    asset_key=asset,
                    check_name=said.check_name,
                    passed=said.passed,
                    metadata={**said.metadata, **told},
                    target_materialization_data=Target(storage_id=storage_id, run_id=run_id, timestamp=at),
                    severity=said.severity,
                    description=said.description,
                    blocking=said.blocking,
                    partition=said.partition,
                )
            )
    withdrawn = str(made.metadata[ROLLED_BACK_FROM].value)
    return RolledBack(withdrawn, good.version.path.name, good.version.run_id)
