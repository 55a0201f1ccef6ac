"""A workload that is written as a trace is read as the same one."""

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from adaptive_assets.simulation.traces.csv_trace import load_csv_trace
from adaptive_assets.simulation.traces.csv_writing import write_csv_trace
from adaptive_assets.simulation.traces.generated import steady
from adaptive_assets.simulation.traces.trace import DeclaredEstimate, TracedRun, Workload

SECONDS = st.floats(0, 1e8)
TEXT = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters=";"), min_size=1, max_size=8)
RUNS = st.builds(
    TracedRun,
    run_id=TEXT,
    name=TEXT,
    submit_s=SECONDS,
    tier=st.none() | TEXT,
    deadline_s=st.none() | SECONDS,
    priority=st.integers(-9, 9),
    declared=st.none()
    | st.builds(
        DeclaredEstimate,
        cpu=st.none() | st.floats(0.01, 64),
        memory=st.integers(1, 2**45),
        duration=st.none() | st.floats(0.1, 1e6),
    ),
    duration_s=SECONDS,
    cpu=st.floats(0, 64),
    memory=st.integers(0, 2**45),
    input_size=st.none() | st.floats(0, 1e15),
    io=st.floats(0, 1),
)


@given(st.lists(RUNS, min_size=1, max_size=5, unique_by=lambda run: run.run_id))
def test_whatever_is_written_is_read_again(runs: list[TracedRun]) -> None:
    """To the last byte and the last bit, quotes and commas in names included."""
    workload = Workload.of("w", runs)
    with tempfile.TemporaryDirectory() as directory:
        for name in ("trace.csv", "trace.csv.gz"):
            write_csv_trace(workload, Path(directory) / name)
            assert load_csv_trace(Path(directory) / name).runs == workload.runs


def test_the_same_workload_makes_the_same_bytes(tmp_path: Path) -> None:
    """In gzip too; with dependencies, and the columns that are of use."""
    for name in ("one.csv.gz", "two.csv.gz"):
        write_csv_trace(steady(1), tmp_path / name)
    assert (tmp_path / "one.csv.gz").read_bytes() == (tmp_path / "two.csv.gz").read_bytes()
    write_csv_trace(steady(1), tmp_path / "plain.csv")
    assert load_csv_trace(tmp_path / "plain.csv").runs == steady(1).runs
    header = (tmp_path / "plain.csv").read_text().partition("\n")[0].split(",")
    assert ("declared_cpu" in header, "priority" in header) == (True, False)
