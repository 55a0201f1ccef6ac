"""The workloads of the benchmarks: what is real in them, and what is derived."""

import importlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from adaptive_assets.simulation.traces.trace import TracedRun
from benchmarks import alibaba, workloads

TASKS = """\
0,j_1,M1,30,100.0,0.5,2
0,j_1,R2_1,60,50.0,0.2,9
0,j_1,J3_1_2_8,10,50.0,0.2,1
5,j_2,M1,40,100.0,0.5,2
5,j_2,R2_1,80,50.0,0.2,1
5,j_2,J3_1_2_8,10,50.0,0.2,1
9,j_3,task_xyz,5,100.0,0.3,1
9,j_4,M1,4000,100.0,0.3,1
9,j_5,M1,50,100.0,0.3,1
"""
INSTANCES = """\
0,j_1,M1,ins_1,20,80.0,0.1
0,j_1,M1,ins_2,30,120.0,0.3
0,j_1,R2_1,ins_3,60,50.0,0.1
0,j_1,J3_1_2_8,ins_4,10,0.0,0.02
5,j_2,M1,ins_5,40,10.0,0.1
5,j_2,R2_1,ins_6,80,10.0,0.1
5,j_2,J3_1_2_8,ins_7,10,10.0,0.1
9,j_3,task_xyz,ins_8,5,10.0,0.1
9,j_4,M1,ins_9,4000,10.0,0.1
9,j_5,M1,ins_10,50,10.0,9.5
"""


@pytest.fixture
def spar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package like the one that carries the trace, with four jobs."""
    samples = tmp_path / "spar" / "data" / "samples"
    samples.mkdir(parents=True)
    (tmp_path / "spar" / "__init__.py").write_text("raise ImportError('only its data is wanted')")
    (samples / "sample_tasks.csv").write_text(TASKS)
    (samples / "sample_instances.csv").write_text(INSTANCES)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    forget()
    yield
    forget()


def forget() -> None:
    """What was read of another trace."""
    alibaba.tasks.cache_clear()
    workloads._recurring_jobs.cache_clear()


def test_googles_jobs_recur_and_have_what_was_derived() -> None:
    """Some thousand runs of some dozen names, of the tiers of their classes; seeds differ in who is there."""
    one, same, other = workloads.google(1), workloads.google(1), workloads.google(2)
    assert one == same
    assert {run.name for run in one.runs} != {run.name for run in other.runs}
    assert 2_500 < len(one.runs) < 4_000
    tiers = Counter(run.tier for run in one.runs)
    assert tiers["critical"] > 200
    assert tiers["batch"] > tiers["standard"] > tiers["critical"]
    by_name = defaultdict(list)
    for run in one.runs:
        by_name[run.name].append(run)
    for same_name in by_name.values():
        assert len({(run.tier, run.declared) for run in same_name}) == 1
        check_promise(same_name)
        assert max(run.memory for run in same_name) < 4 * min(run.memory for run in same_name)


def check_promise(runs: list[TracedRun]) -> None:
    """Nine in ten would end within half of the usual deadline less a minute, and all within their own."""
    first = runs[0]
    assert first.declared is not None
    assert first.declared.duration is not None
    if first.tier == "batch":
        assert first.deadline_s is None
        return
    deadlines = [run.deadline_s for run in runs if run.deadline_s is not None]
    assert len(deadlines) == len(runs)
    assert all(run.duration_s + 59.9 <= due for run, due in zip(runs, deadlines, strict=True))
    within = sum(run.duration_s <= (min(deadlines) - 60) / 2 + 0.1 for run in runs)
    assert within >= 0.9 * (len(runs) - 1)


def test_the_levels_are_quantiles() -> None:
    """In order, and no more of either than the machine that the workloads are meant for has."""
    for column in ("cpu_cores", "memory_percent"):
        values = [row[column] for row in workloads._table()]
        assert values == sorted(values)
        assert workloads._between(values, 0) == values[0]
        assert workloads._between(values, 1) == values[-1]
        assert values[9] < workloads._between(values, 0.5) < values[10]
    largest = workloads._table()[-1]["memory_percent"] * workloads.PERCENT_OF_MEMORY
    assert largest < workloads.MEMORY / 2


@pytest.mark.usefixtures("spar")
def test_alibabas_tasks_keep_their_graphs_and_sizes() -> None:
    """Jobs that look alike share names and a tier; those too long or too large are left out."""
    runs = {run.run_id: run for run in workloads.alibaba(1).runs}
    assert set(runs) == {f"j_{job}.{task}" for job in (1, 2) for task in ("M1", "R2_1", "J3_1_2_8")} | {
        "j_3.task_xyz"
    }
    assert runs["j_1.R2_1"].depends_on == ("j_1.M1",)
    assert runs["j_1.J3_1_2_8"].depends_on == ("j_1.M1", "j_1.R2_1")
    assert runs["j_3.task_xyz"].depends_on == ()
    first, second = runs["j_1.R2_1"], runs["j_2.R2_1"]
    assert (first.name, first.tier) == (second.name, second.tier)
    assert runs["j_1.M1"].tier == first.tier
    percent = workloads.PERCENT_OF_MEMORY
    of_two = runs["j_1.M1"]
    assert (of_two.cpu, of_two.memory, of_two.duration_s) == (2.0, round(2 * 0.3 * percent), 30)
    assert first.cpu == 4 * 0.5
    assert first.declared is not None
    assert (first.declared.cpu, first.declared.memory) == (2.0, round(4 * 0.2 * percent))
    assert first.declared.duration == pytest.approx(2 * 78)


@pytest.mark.usefixtures("spar")
def test_the_table_of_levels_comes_from_the_trace() -> None:
    """Of the tasks that take at least twenty seconds."""
    assert list(alibaba.quantile_table(2)) == [
        (0.25, 0.1, 0.1, 0.2, 0.2, 0.28),
        (0.75, 0.4, 0.25, 0.34, 0.5, 0.5),
    ]


def test_without_the_trace_it_is_said_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And the other workloads are written all the same."""
    monkeypatch.setattr(alibaba, "find_spec", lambda name: None)
    forget()
    with pytest.raises(alibaba.NoTraceError, match="pip install"):
        workloads.alibaba(1)
    workloads.main(str(tmp_path / "new"), "1")
    assert "spar" in capsys.readouterr().out
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["google-1.csv.gz", "team-1.csv.gz"]
