"""More and less of a workload."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adaptive_assets.simulation.traces.generated import steady
from adaptive_assets.simulation.traces.scaling import clipped, offered_load, sampled, scaled
from adaptive_assets.simulation.traces.trace import TracedRun, Workload

WORKLOAD = steady(7, span_s=10_000)


@given(st.floats(0.01, 20), st.floats(0.5, 1000))
def test_a_workload_is_brought_to_a_load_by_its_arrivals_alone(load: float, cores: float) -> None:
    """Everything else of every run stays as it is, and so does the order."""
    other = scaled(WORKLOAD, load, cores)
    assert offered_load(other, cores) == pytest.approx(load)
    assert [run.run_id for run in other.runs] == [run.run_id for run in WORKLOAD.runs]
    assert [run.duration_s for run in other.runs] == [run.duration_s for run in WORKLOAD.runs]
    assert other.runs[0].submit_s == WORKLOAD.runs[0].submit_s


@pytest.mark.parametrize("load", [0, -1, float("nan"), float("inf")])
def test_a_load_that_is_none_is_refused(load: float) -> None:
    """With a sentence that has the numbers."""
    with pytest.raises(ValueError, match="greater than zero"):
        scaled(WORKLOAD, load, 8)


def test_a_load_that_takes_longer_than_a_century_is_refused() -> None:
    """Nobody could simulate it."""
    with pytest.raises(ValueError, match=r"at a load of 1e-300 the workload .* would last beyond a century"):
        scaled(WORKLOAD, 1e-300, 8)


@pytest.mark.parametrize(
    ("runs", "reason"),
    [
        ((), "has no work"),
        ((TracedRun("a", "a", 0), TracedRun("b", "b", 9)), "has no work"),
        ((TracedRun("a", "a", 5, duration_s=5, cpu=1),), "all at once"),
    ],
)
def test_a_workload_without_a_load_is_refused(runs: tuple[TracedRun, ...], reason: str) -> None:
    """No stretching helps there."""
    with pytest.raises(ValueError, match=reason):
        scaled(Workload("w", runs), 1.0, 8)


def test_a_part_of_the_time_starts_anew() -> None:
    """Its times count from its start, and what came before is forgotten."""
    runs = [
        TracedRun("a", "x", 0),
        TracedRun("b", "x", 10, depends_on=("a",)),
        TracedRun("c", "x", 19, depends_on=("b", "a")),
        TracedRun("d", "x", 20),
    ]
    part = clipped(Workload.of("w", runs), 10, 20)
    assert part.runs == (TracedRun("b", "x", 0), TracedRun("c", "x", 9, depends_on=("b",)))
    with pytest.raises(ValueError, match="ends after it starts"):
        clipped(WORKLOAD, 10, 10)


@given(st.floats(0.01, 1), st.integers(0, 50))
def test_a_sample_has_whole_names_and_whole_graphs(share: float, seed: int) -> None:
    """At least the share that was asked for, by whole groups; and the same for the same seed."""
    sample = sampled(WORKLOAD, share, seed)
    names = {run.name for run in sample.runs}
    assert sample.runs == tuple(run for run in WORKLOAD.runs if run.name in names)
    assert ("ingest" in names) == ("clean" in names)
    assert len(sample.runs) >= share * len(WORKLOAD.runs)
    assert sample == sampled(WORKLOAD, share, seed)


def test_a_sample_is_a_share() -> None:
    """Neither nothing nor more than all."""
    for share in (0, 1.5):
        with pytest.raises(ValueError, match="share"):
            sampled(WORKLOAD, share, 1)
