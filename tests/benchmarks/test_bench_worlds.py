"""The benchmarks' own workloads, and that small ones go through from end to end."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from adaptive_assets.planning.plan import plan
from adaptive_assets.planning.snapshot import Action
from adaptive_assets.policy import load_policy_book
from adaptive_assets.simulation.engine.capabilities import Capabilities
from adaptive_assets.simulation.evaluation.sweep import FAMILIES
from adaptive_assets.simulation.traces.scaling import offered_load
from adaptive_assets.simulation.traces.trace import TraceError, Workload
from benchmarks import cells, fidelity, planning, side_by_side, simulation
from benchmarks.__main__ import main
from benchmarks.long_queues import RUNNING, book, long_queue
from benchmarks.report import Finding, save
from tests.benchmarks.here import Here


def test_a_long_queue_is_admitted_in_part() -> None:
    """The snapshot that plans are timed on has room for some of it, and not for most."""
    snapshot = long_queue(2_000, 20)
    assert (len(snapshot.queued), len(snapshot.active)) == (2_000, RUNNING)
    assert len({id(run.work) for run in snapshot.queued}) == 20
    assert 0 < sum(1 for _ in plan(snapshot, book()).admitted()) < 1_000


def test_the_day_is_a_day_whatever_its_runs() -> None:
    """So many runs at the load that was promised; fewer runs are longer ones."""
    for runs in (1_000, 4_000):
        day = planning.simulated_day(runs)
        assert len(day.runs) == runs
        assert len({run.name for run in day.runs}) <= planning.DAY_NAMES
        assert offered_load(day, planning.DAY_CLUSTER.cores) == pytest.approx(planning.DAY_LOAD)
        assert day.span_s == pytest.approx(86_400, rel=0.15)


def test_the_surge_has_most_submissions() -> None:
    """Of the runs that are played for real: all jobs are there, in the order of their times."""
    requests = fidelity.requests(64)
    times = [request.submit_s for request in requests]
    first, last = fidelity.SURGE_S
    assert times == sorted(times)
    assert len(requests) == 64
    assert {request.job for request in requests} == {kind.job for kind in fidelity.KINDS}
    assert sum(first <= at <= last for at in times) >= fidelity.IN_SURGE * 64


def test_every_real_job_has_a_policy() -> None:
    """Except for the one that only measures how runs start."""
    policies = load_policy_book(fidelity.POLICIES).policies
    assert {job for policy in policies for job in policy.jobs} == {kind.job for kind in fidelity.KINDS}


def test_a_cell_is_played_by_all_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours, the oracle, and every family with one best setting; compared over the cells."""

    def short(seed: int) -> Workload:
        return Workload.of("short", planning.simulated_day(40, seed).runs)

    monkeypatch.setattr(cells, "TRACES", {"short": short})
    monkeypatch.setattr(cells, "CLUSTER", planning.DAY_CLUSTER)
    cell = cells.Cell("short", 1.0, 0)
    played = [cells.play(cell, part) for part in cells.PARTS]
    assert [done.part for done in played] == list(cells.PARTS)
    assert sorted(trial.family for trial in played[0].trials if trial.best) == sorted(FAMILIES)
    found = simulation.compare(played, "short", 1.0)
    assert tuple(found.baselines) == FAMILIES
    assert found.ours.of_all("work finished core-h") > 0
    assert played[0].possible_core_s > 0


def test_ours_is_played_in_each_world_and_baselines_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The title of a table has its world and its seeds; those that were tuned on have their own table."""
    monkeypatch.setattr(side_by_side, "ProcessPoolExecutor", Here)
    monkeypatch.setattr(
        cells, "TRACES", {"short": lambda _: Workload.of("short", planning.simulated_day(40, 0).runs)}
    )
    monkeypatch.setattr(cells, "CLUSTER", planning.DAY_CLUSTER)
    monkeypatch.setattr(simulation, "fed", lambda seeds: [])
    told: list[str] = []
    can = Capabilities((Action.SUSPEND,))
    found = simulation.measure(["short"], [1.0], seeds=2, first=2, jobs=1, actions=can, say=told.append)
    played = [(each["part"], each["seed"], each["world"]) for each in found.content["played"]]
    assert played == [
        *(("baselines", seed, []) for seed in (2, 3)),
        *(
            (part, seed, world)
            for part in ("oracle", "ours")
            for seed in (2, 3)
            for world in ([], ["suspend"])
        ),
    ]
    titles = [line for line in found.body.splitlines() if line.startswith("## short, load 1, ")]
    usual = "launch, defer, degrade (all that Dagster's launchers can do)"
    more = "launch, defer, degrade and suspend (more than Dagster's launchers can do)"
    assert [title.removeprefix("## short, load 1, ") for title in titles] == [
        f"{seeds}: {world}"
        for world in (usual, more)
        for seeds in ("seed 2 (rules were tuned on)", "seed 3 (only measured)")
    ]
    assert len({bound["where"] for bound in found.content["bounds"]}) == 4
    assert found.content["seeds"] == {"tuned_on": [2], "all": [2, 3]}


def test_an_unknown_action_is_refused() -> None:
    """With the right words, before anything is played."""
    shown = CliRunner().invoke(main, ["simulation", "--actions", "suspnd"])
    assert shown.exit_code == 2
    assert "`suspnd` is no action; the actions are suspend, requeue, compose" in shown.output


def test_a_trace_that_is_none_is_refused_at_once(tmp_path: Path) -> None:
    """In a sentence, before anything is played: no file, or a tier that the policies do not have."""
    with pytest.raises(TraceError, match="alibabba"):
        simulation.measure(["alibabba"])
    file = tmp_path / "trace.csv"
    file.write_text("id,name,submit_s,duration_s,cpu,memory_mb,tier\na,b,0,1,1,1,gold\nc,b,1,1,1,1,gold\n")
    with pytest.raises(TraceError, match="gold"):
        simulation.measure([str(file)])
    file.write_text("id,name,submit_s,duration_s,cpu,memory_mb,tier\na,b,0,1,1,1,batch\n")
    assert len(cells.drawn(str(file), 0).runs) == 1


def test_what_was_found_is_written_twice(tmp_path: Path) -> None:
    """As a page for people and as JSON for programs, both with the machine and the versions."""
    page = save(Finding("rhubarb", "How it is read.", "| a |", True, {"bounds": []}), tmp_path)
    text = page.read_text(encoding="utf-8")
    assert text.startswith("# Rhubarb\n\nMeasured at ")
    assert "How it is read." in text
    assert "| a |" in text
    content = json.loads((tmp_path / "rhubarb.json").read_text(encoding="utf-8"))
    assert content["bounds"] == []
    assert {"at", "on", "with"} < content.keys()
