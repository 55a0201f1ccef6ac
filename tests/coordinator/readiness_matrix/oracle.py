"""What must come of each cell, from the words of the rules alone.

* A run reads the latest version of the very partitions that it names or that its mappings lead to. What
  other partitions are like is none of its concern.
* No version: it waits, unless nothing here makes the asset and nobody has ever reported a version of it.
  Then there is nothing to be late. Where versions of its partitions are reported, any other has not come yet.
* A gate ``fresh: pass`` takes fresh data alone, ``fresh: warn`` takes data that is getting old as well.
* A check that failed closes the gate. A check that did not look at that version, or never looked at all, has
  not been evaluated, and closes it as well.
* Where degraded data is refused, a version that was made in a lesser mode closes the gate.
* All that closes a gate is told, not only the first of it.
"""

from tests.coordinator.readiness_matrix.cells import Age, Cell, Checked, Gate, Made, Reads

_CHECKS = {
    Checked.NO_CHECK: frozenset[str](),
    Checked.PASSED: frozenset[str](),
    Checked.FAILED: frozenset({"check_failed"}),
    Checked.NOT_EVALUATED: frozenset({"check_not_evaluated"}),
    Checked.OLDER_PASSED: frozenset({"check_not_evaluated"}),
}


def reasons(cell: Cell, gate: Gate) -> frozenset[str]:
    """The codes of all reasons for which the run waits; none: it is launched."""
    if cell.reads is Reads.OTHER:
        return frozenset()
    if cell.age is Age.MISSING:
        never_reported = cell.external and not cell.others_reported
        return _CHECKS[cell.checked] if never_reported else frozenset({"data_missing"})
    found = _CHECKS[cell.checked]
    if cell.age is Age.STALE or (cell.age is Age.WARN and gate is Gate.STRICT):
        found |= {"data_stale"}
    if cell.made is Made.DEGRADED and gate is Gate.STRICT:
        found |= {"data_degraded"}
    return found
