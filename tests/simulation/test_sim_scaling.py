"""A workload at another load."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adaptive_assets.simulation.traces.generated import steady
from adaptive_assets.simulation.traces.scaling import offered_load, scaled
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
