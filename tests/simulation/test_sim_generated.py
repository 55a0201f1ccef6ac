"""Workloads made up from a seed."""

import pytest

from adaptive_assets.simulation.traces.generated import MIX, WorkKind, steady
from adaptive_assets.simulation.traces.scaling import offered_load
from adaptive_assets.simulation.traces.shapes import (
    full_pool_hides_an_empty_one,
    small_work_against_a_huge_run,
)


@pytest.mark.parametrize("make", [steady, full_pool_hides_an_empty_one, small_work_against_a_huge_run])
def test_a_seed_says_all(make) -> None:  # type: ignore[no-untyped-def]
    """The same seed gives the same workload, another one another."""
    assert make(3) == make(3)
    assert make(3).runs != make(4).runs


def test_a_mix_offers_the_load_that_was_asked_for() -> None:
    """To the cores given, within what a few large runs make of it."""
    for load in (0.5, 1.3):
        assert offered_load(steady(1, load=load, cores=16, span_s=40_000), 16) == pytest.approx(
            load, rel=0.05
        )


def test_a_mix_has_all_its_kinds_with_deadlines_and_what_users_declare() -> None:
    """Work that follows other work depends on a run that was submitted with it."""
    runs = {run.run_id: run for run in steady(2, span_s=20_000).runs}
    assert {run.name for run in runs.values()} == {kind.name for kind in MIX}
    for run in runs.values():
        assert (run.deadline_s is None) == (run.tier == "batch")
        assert run.declared is not None
        assert (run.name == "clean") == bool(run.depends_on)
        for above in run.depends_on:
            assert (runs[above].name, runs[above].submit_s) == ("ingest", run.submit_s)


def test_the_full_pool_stands_before_the_empty_one() -> None:
    """All heavy runs come first and with priority; two of them leave room for a crowd of light ones."""
    memory = 1000 * 2**20
    runs = full_pool_hides_an_empty_one(1, cores=8, memory=memory).runs
    heavy, light = runs[:120], runs[120:]
    assert {run.name.partition("-")[0] for run in heavy} == {"heavy"}
    assert min(run.priority for run in heavy) > max(run.priority for run in light)
    most, least = max(run.memory for run in heavy), min(run.memory for run in heavy)
    assert 4 * least > memory
    assert 2 * most + 20 * max(run.memory for run in light) < 0.8 * memory


def test_the_huge_run_never_finds_room_by_chance() -> None:
    """It needs more than the stream of small work leaves over, and no more than the guards allow."""
    workload = small_work_against_a_huge_run(1, cores=8)
    (huge,) = (run for run in workload.runs if run.name == "huge")
    stream = sum(run.cpu * run.duration_s for run in workload.runs if run.name == "small") / workload.span_s
    assert stream + huge.cpu > 1.5 * 8
    assert huge.cpu <= 0.8 * 8


def test_amounts_that_make_no_workload_are_refused() -> None:
    """Instead of drawing for ever."""
    with pytest.raises(ValueError, match="greater than zero"):
        steady(1, load=0)
    with pytest.raises(ValueError, match="`idle`"):
        WorkKind("idle", "batch", 1, 0, 0.1, 1, 1)
