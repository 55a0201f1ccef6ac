"""Which stored versions passed their blocking checks: the event log is the record, and says their order too.

A version is published when Dagster has its materialization and a passing evaluation of each check that
blocks. No file says so besides: there is no moment at which the two could disagree.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import dagster as dg

from adaptive_assets.assets.check_states import CHECK_STATE, NOT_EVALUATED
from adaptive_assets.assets.versions import Version
from adaptive_assets.dagster_compat.evaluations import check_rows, first_execution, materializations

_CLOCKS_DIFFER_BY: Final = 24 * 60 * 60.0
"""Seconds. An event that is older than the file by more is not that of the file."""
_SHORT: Final = 8
"""Characters of a run's id in a message."""


@dataclass(slots=True)
class Audited:
    """A version with what the event log says of it."""

    version: Version
    events: list[int] = field(default_factory=list)
    """The storage ids of its materializations, newest first; several after a rollback to it."""
    known: bool = True
    """False where the instance does not know the run that made it: it was deleted, with its events."""
    after: int = 0
    """Of one without events, the latest event of a version with a lower number."""
    planned: set[str] = field(default_factory=set)
    evaluated: dict[str, dg.AssetCheckEvaluation] = field(default_factory=dict)
    problem: str = ""
    """Why runs other than its own do not read it; empty when it is published."""

    @property
    def order(self) -> tuple[int, int]:
        """Versions in the order in which Dagster recorded them; others stand by their number."""
        return (self.events[0] if self.events else self.after, self.version.number)


def audit(
    instance: dg.DagsterInstance, asset: dg.AssetKey, partition: str | None, versions: Sequence[Version]
) -> list[Audited]:
    """Judge the versions of an asset, or of one partition of it, newest first.

    A version is published when its materialization is recorded, every check that was planned in its run was
    evaluated, and none that blocks failed with severity ERROR or was not evaluated. The latest evaluation of
    a check counts, in whatever run it was made. Planned checks that are known not to block are not waited
    for. A version whose checks never ran is not published, unless it is older than the first check of the
    asset.

    Where a run was deleted, its materialization is gone and what its checks said stays, and rules.
    """
    audited = {version.path.name: Audited(version) for version in versions}
    _add_events(instance, asset, partition, audited)
    _add_evaluations(instance, asset, partition, audited)
    of_all = [evaluation for each in audited.values() for evaluation in each.evaluated.values()]
    free = {said.check_name for said in of_all if said.blocking is False}
    first_check = first_execution(instance, asset)
    for each in audited.values():
        if not each.events:
            each.known = instance.has_run(each.version.run_id)
            each.after = max(
                (other.events[0] for other in audited.values() if other.events and _is_before(other, each)),
                default=0,
            )
        is_checked = first_check is not None and each.order[0] > first_check
        each.problem = _problem(each, free, is_checked=is_checked)
    return sorted(audited.values(), key=lambda each: each.order, reverse=True)


def newest_good(
    instance: dg.DagsterInstance, asset: dg.AssetKey, partition: str | None, versions: Sequence[Version]
) -> Version | None:
    """The newest of some versions of an asset, or of one partition of it, that is published."""
    judged = audit(instance, asset, partition, versions) if versions else []
    return next((each.version for each in judged if not each.problem), None)


def _add_events(
    instance: dg.DagsterInstance, asset: dg.AssetKey, partition: str | None, audited: dict[str, Audited]
) -> None:
    missing = set(audited)
    oldest: float | None = None
    for storage_id, run_id, at, made in materializations(instance, asset, partition):
        named = made.metadata.get("version")
        name = str(named.value) if named else _only_of_run(audited, run_id)
        if name in audited:
            audited[name].events.append(storage_id)
            missing.discard(name)
            oldest = None
        if not missing:
            return
        if oldest is None:
            oldest = min(audited[each].version.written_at for each in missing)
        if at < oldest - _CLOCKS_DIFFER_BY:
            return


def _only_of_run(audited: dict[str, Audited], run_id: str) -> str:
    names = [name for name, each in audited.items() if run_id and each.version.run_id == run_id]
    return names[-1] if names else ""


def _add_evaluations(
    instance: dg.DagsterInstance, asset: dg.AssetKey, partition: str | None, audited: dict[str, Audited]
) -> None:
    by_event = {event: each for each in audited.values() for event in each.events}
    by_run: dict[str, list[Audited]] = {}
    for each in audited.values():
        by_run.setdefault(each.version.run_id, []).append(each)
    for row in check_rows(instance, asset, by_run, by_event):
        if row.partition not in (None, partition):
            continue
        # A check that ran in the run of a version looked at that version, also when it came before the
        # event of it, and so names the one before as its target.
        looked_at = by_run.get(row.run_id) or [
            by_event[event] for event in (row.target,) if event in by_event
        ]
        for each in looked_at:
            if row.evaluation is None:
                each.planned.add(row.name)
            else:
                each.evaluated[row.name] = row.evaluation


def _is_before(one: Audited, other: Audited) -> bool:
    return one.version.number < other.version.number


def _problem(each: Audited, free: set[str], *, is_checked: bool) -> str:
    """``is_checked``: the asset had checks when it was made."""
    run = f"run {each.version.run_id[:_SHORT]}"
    if not each.events and each.known:
        return f"its materialization in {run} is not recorded"
    for name, said in sorted(each.evaluated.items()):
        if what := _spoils(said):
            return f"`{name}` {what} ({run})"
    if waiting := sorted(each.planned - each.evaluated.keys() - free):
        return f"`{waiting[0]}` was not evaluated ({run})"
    if is_checked and not each.evaluated:
        return f"none of its checks was evaluated ({run})"
    return ""


def _spoils(evaluation: dg.AssetCheckEvaluation) -> str:
    # Events of older versions of Dagster do not say whether the check blocks.
    if evaluation.passed or evaluation.blocking is False:
        return ""
    state = evaluation.metadata.get(CHECK_STATE)
    if state is not None and state.value == NOT_EVALUATED:
        return "was not evaluated"
    return "failed" if evaluation.severity is dg.AssetCheckSeverity.ERROR else ""
