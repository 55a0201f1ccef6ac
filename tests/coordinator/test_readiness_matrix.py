"""Is the data ready? Every state of it, read in every way: the verdict and all of its reasons."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from adaptive_assets.assets import tags
from tests.conftest import MakeInstance
from tests.coordinator.locations import at
from tests.coordinator.readiness_matrix import ways
from tests.coordinator.readiness_matrix.cells import Age, Cell, Checked, Gate, Made, Reads, cells
from tests.coordinator.readiness_matrix.oracle import reasons
from tests.coordinator.readiness_matrix.project import POLICIES, code
from tests.coordinator.readiness_matrix.states import bring_about
from tests.coordinator.readiness_matrix.verdicts import submit, verdicts
from tests.coordinator.world import LAUNCHER, World, coordinator_section

Asked = tuple[Cell, Gate]

MILD = (Reads.UNPARTITIONED, Reads.RANGE)
ALL: list[Asked] = [
    (cell, gate)
    for cell in cells()
    for gate in Gate
    if gate is Gate.STRICT or (cell.reads in MILD and cell.same_location and not cell.external)
]
"""What a gate accepts has nothing to do with where the data is, so the mild one is tried in fewer cells."""
SAMPLE = ALL[::11]
"""For what takes longer."""
OF_EACH_WAY = [
    Cell(Age.FRESH, Checked.PASSED, Made.FULL, Reads.SAME, same_location=True, external=False),
    Cell(Age.FRESH, Checked.FAILED, Made.FULL, Reads.SAME, same_location=False, external=False),
    Cell(Age.FRESH, Checked.FAILED, Made.DEGRADED, Reads.OTHER, same_location=True, external=False),
    Cell(Age.STALE, Checked.PASSED, Made.FULL, Reads.MAPPED, same_location=True, external=True),
    Cell(Age.FRESH, Checked.PASSED, Made.FULL, Reads.MAPPED, same_location=False, external=False),
    Cell(Age.FRESH, Checked.OLDER_PASSED, Made.FULL, Reads.RANGE, same_location=True, external=False),
    Cell(Age.FRESH, Checked.PASSED, Made.DEGRADED, Reads.RANGE, same_location=False, external=True),
    Cell(Age.FRESH, Checked.PASSED, Made.FULL, Reads.RANGE, same_location=True, external=False),
    Cell(Age.MISSING, Checked.NO_CHECK, Made.FULL, Reads.SAME, same_location=True, external=False),
    Cell(Age.MISSING, Checked.FAILED, Made.FULL, Reads.UNPARTITIONED, same_location=True, external=True),
    Cell(
        Age.FRESH, Checked.NOT_EVALUATED, Made.FULL, Reads.UNPARTITIONED, same_location=False, external=False
    ),
    Cell(Age.FRESH, Checked.PASSED, Made.FULL, Reads.UNPARTITIONED, same_location=False, external=True),
]
"""Ready and not, of each way to read."""


@contextmanager
def deployment(
    make_instance: MakeInstance,
    folder: Path,
    asked: Collection[Asked],
    *,
    postgres: bool = False,
    more: str = "",
) -> Iterator[World]:
    """Both locations with these cells, each in its state; ``more`` is further code of the location `here`."""
    policies = folder / "policies.yaml"
    policies.write_text(POLICIES)
    instance = make_instance(
        postgres=postgres, run_coordinator=coordinator_section(policies), run_launcher=LAUNCHER
    )
    codes = code(asked)
    with at(instance, folder, policies, codes | {"here": codes["here"] + more}) as world:
        for cell in dict.fromkeys(cell for cell, _ in asked):
            bring_about(instance, cell)
        yield world


def wrong(world: World, runs: Mapping[str, Asked], launched: Collection[str]) -> str:
    """Each cell in which verdict or reasons are not those of the rules, a line for each; empty: none."""
    told = verdicts(world)
    lines = []
    for run_id, (cell, gate) in runs.items():
        expected, found = reasons(cell, gate), told.get(run_id)
        if found != expected or (run_id in launched) == bool(expected):
            was = _said(found, launched=run_id in launched)
            lines.append(f"{cell.reader(gate)}: {was}; must be {_said(expected, launched=not expected)}")
    return "\n".join([f"{len(lines)} of {len(runs)} are wrong:", *sorted(lines)]) if lines else ""


def _said(found: frozenset[str] | None, *, launched: bool) -> str:
    what = "launched" if launched else "held"
    return what if not found else f"{what}: {', '.join(sorted(found))}"


@pytest.mark.parametrize("reads", Reads)
def test_every_cell(make_instance: MakeInstance, tmp_path: Path, reads: Reads) -> None:
    """Launched or held, with exactly the reasons that the rules give."""
    asked = [(cell, gate) for cell, gate in ALL if cell.reads is reads]
    with deployment(make_instance, tmp_path, asked) as world:
        runs = {submit(world, cell, gate): (cell, gate) for cell, gate in asked}
        assert not (bad := wrong(world, runs, world.pass_())), bad


@pytest.mark.filterwarnings("ignore::dagster.BetaWarning")
def test_automation_asks_for_what_the_gates_let_go(make_instance: MakeInstance, tmp_path: Path) -> None:
    """The condition `inputs_ready()` is true in each cell in which the run is launched, and in no other."""
    asked = [(cell, gate) for cell, gate in ALL if cell.same_location]
    instance = make_instance()
    project: dict[str, Any] = {"__name__": "here"}
    exec(compile(code(asked)["here"], "here.py", "exec"), project)
    for cell in dict.fromkeys(cell for cell, _ in asked):
        bring_about(instance, cell)
    found = dg.evaluate_automation_conditions(project["defs"], instance)
    lines = []
    for cell, gate in asked:
        partitions = found.get_requested_partitions(dg.AssetKey(cell.reader(gate)))
        if (wanted(cell) <= partitions) == bool(reasons(cell, gate)):
            lines.append(
                f"{cell.reader(gate)}: {sorted(map(str, partitions))}; {reasons(cell, gate) or 'ready'}"
            )
    assert not lines, "\n".join([f"{len(lines)} of {len(asked)} are wrong:", *sorted(lines)])


def wanted(cell: Cell) -> set[str | None]:
    """The partitions of the reader that the run of the cell makes."""
    if not cell.partitioned:
        return {None}
    return {"a", "b", "c"} if cell.reads is Reads.RANGE else {"b"}


def test_some_cells_on_postgres(make_instance: MakeInstance, tmp_path: Path) -> None:
    """The same on the other database."""
    with deployment(make_instance, tmp_path, SAMPLE, postgres=True) as world:
        runs = {submit(world, cell, gate): (cell, gate) for cell, gate in SAMPLE}
        assert not (bad := wrong(world, runs, world.pass_())), bad


@pytest.mark.filterwarnings("ignore:Function `AssetSelection.sources`:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:Property `ScheduleDefinition.environment_vars`:DeprecationWarning")
@pytest.mark.parametrize("way", ways.WAYS)
def test_whoever_asks_for_the_run(make_instance: MakeInstance, tmp_path: Path, way: str) -> None:
    """A sensor, a schedule, a backfill, the UI or a program: the gates are the same."""
    asked = [cell for cell in OF_EACH_WAY if ways.can(way, cell)]
    of_reader = {cell.reader(ways.GATE): (cell, ways.GATE) for cell in asked}
    pairs = list(of_reader.values())
    with deployment(make_instance, tmp_path, pairs, more=ways.code(asked)) as world:
        ways.WAYS[way](world, asked)
        runs = {run.run_id: of_reader[_reader(run)] for run in world.instance.get_runs()}
        assert len(runs) == len(asked)
        assert all(world.run(run_id).tags[tags.ADMISSION] == tags.HELD for run_id in runs)
        assert not (bad := wrong(world, runs, world.pass_())), bad


def _reader(run: dg.DagsterRun) -> str:
    assert run.asset_selection
    (key,) = run.asset_selection
    return key.to_user_string()
