"""Brings the upstream asset of a cell into its state, by the events that Dagster itself would have stored."""

import time
from uuid import UUID

import dagster as dg
from dagster._core.definitions.freshness import FreshnessState

from tests.coordinator.readiness_matrix.cells import PARTITIONS, Age, Cell, Checked, Made, Reads
from tests.coordinator.readiness_matrix.project import CHECK
from tests.data_events import EventLogRecord, evaluate, freshness, materialize

HOUR = 3600.0
_AGES = {Age.STALE: 3 * HOUR, Age.WARN: 1.5 * HOUR, Age.FRESH: 0.0}
"""Under a policy that warns after an hour and fails after two."""
_SAID = {Age.STALE: FreshnessState.FAIL, Age.WARN: FreshnessState.WARN, Age.FRESH: FreshnessState.PASS}

RUNS = [str(UUID(int=number)) for number in range(6)]
"""The runs that carried out the checks of all cells: before, now, and of the three partitions beside."""


def in_question(cell: Cell) -> str | None:
    """The partition of the upstream asset that is in the state of the cell."""
    return {Reads.OTHER: "a", Reads.MAPPED: "a", Reads.UNPARTITIONED: None}.get(cell.reads, "b")


def bring_about(instance: dg.DagsterInstance, cell: Cell) -> None:
    """Report its versions, evaluations and freshness.

    The partitions beside the one in question are unlike it wherever that could mislead: good ones among which
    a bad one must be found, or bad ones that the run does not read.
    """
    before, after = _beside(cell)
    for one, good in before:
        _other(instance, cell, one, good=good)
    _version(instance, cell, in_question(cell))
    for one, good in after:
        _other(instance, cell, one, good=good)
    if cell.age is not Age.MISSING:
        # of an asset with partitions the daemon speaks of the newest version of any of them
        freshness(instance, cell.name, FreshnessState.PASS if cell.partitioned else _SAID[cell.age])


def _beside(cell: Cell) -> tuple[list[tuple[str, bool]], list[tuple[str, bool]]]:
    """Which other partitions have versions made before and after, and whether these are good."""
    match cell.reads:
        case Reads.UNPARTITIONED:
            return [], []
        case Reads.OTHER:
            return [("b", True)], []
        case Reads.RANGE:
            return [("a", True)], [("c", True)]
        case _ if cell.age is Age.MISSING and not cell.others_reported:
            return [], []
        case Reads.SAME:
            return [], [("c", False)]
        case Reads.MAPPED:
            return [], [("b", False)]


def _version(instance: dg.DagsterInstance, cell: Cell, partition: str | None) -> None:
    mode = "reduced" if cell.made is Made.DEGRADED else None
    made = None
    if cell.age is not Age.MISSING:
        at = time.time() - (_AGES[cell.age] if cell.partitioned else 0.0)
        if cell.checked is Checked.OLDER_PASSED:
            older = materialize(instance, cell.name, partition, at=at - 60)
            _evaluate(instance, cell, partition, True, older, run=1)
        made = materialize(instance, cell.name, partition, mode, at=at)
    if cell.checked in (Checked.PASSED, Checked.FAILED):
        if cell.number % 3 == 0:  # a check may be carried out again: the newest evaluation counts
            _evaluate(instance, cell, partition, cell.checked is Checked.FAILED, made, run=1)
        _evaluate(instance, cell, partition, cell.checked is Checked.PASSED, made)
    elif cell.checked is Checked.NOT_EVALUATED and cell.number % 4 < 2:
        _evaluate(instance, cell, partition, False, made, evaluated=False)


def _other(instance: dg.DagsterInstance, cell: Cell, partition: str, *, good: bool) -> None:
    made = materialize(instance, cell.name, partition, None if good else "reduced")
    if cell.checked is not Checked.NO_CHECK:
        _evaluate(instance, cell, partition, good, made, run=PARTITIONS.index(partition) + 3)


def _evaluate(
    instance: dg.DagsterInstance,
    cell: Cell,
    partition: str | None,
    passed: bool,
    of: EventLogRecord | None,
    *,
    evaluated: bool = True,
    run: int = 2,
) -> None:
    named = partition if cell.check_has_partitions else None
    evaluate(
        instance, cell.name, CHECK, passed, of=of, partition=named, evaluated=evaluated, run_id=RUNS[run]
    )
