"""The ablation: paired differences and their spread, cells that are kept, tables, and the command line."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from adaptive_assets.learning import LEARNING
from adaptive_assets.planning.tuning import TUNING
from adaptive_assets.simulation.engine.capabilities import EVERYTHING, NOTHING
from adaptive_assets.simulation.traces.scaling import offered_load
from adaptive_assets.simulation.traces.trace import TracedRun, Workload
from benchmarks import ablation, cells, planning, side_by_side
from benchmarks.__main__ import NAMED_ONLY, main
from benchmarks.ablation_arithmetic import difference, differences, figures_of
from benchmarks.ablation_cells import (
    KeepError,
    Kept,
    Without,
    middle,
    moved,
    play_without,
    version_of,
    workload_of,
)
from benchmarks.ablation_compared import cells_of, compared
from benchmarks.ablation_rules import CONTROL, FULL, RULES, Rule
from benchmarks.ablation_tables import body, verdict
from benchmarks.cells import Cell
from benchmarks.report import Finding
from tests.benchmarks.here import Here
from tests.benchmarks.test_bench_promises import of_all

SOME = Rule("some rule", (("made_up", 0),))
ACTS = Rule("acts on running work", (("made_up", 1),), acts=True)
MISSED = "critical: missed"


def without(rule: Rule, seed: int = 3) -> Without:
    """A cell of one trace, at one load, in the default world."""
    return Without(rule, Cell("trace", 1.0, seed))


def test_figures_are_named_by_tier_and_quantity() -> None:
    """As the benchmark of simulations reports them; what there is none of is left out."""
    found = figures_of(of_all(missed=3, kills=2, wait=None))
    assert found[MISSED] == 3
    assert found["OOM kills"] == 2
    assert found["work finished core-h"] == 1.0
    assert "batch: wait p95 s" not in found


def test_a_difference_is_paired_by_seed() -> None:
    """The mean of the differences of each seed, and how far these are apart; not those of the figures."""
    found = difference(MISSED, [10, 100, 1000], [15, 106, 1007])
    assert (found.full, found.mean, found.spread, found.seeds) == (370, 6, 2, 3)
    assert found.is_beyond
    assert found.is_worse


@pytest.mark.parametrize(
    ("figure", "full", "off", "beyond"),
    [
        (MISSED, [10, 10], [13, 15], True),
        (MISSED, [10, 10], [13, 25], False),  # the seeds differ by more
        (MISSED, [10, 10], [12, 12], False),  # two runs say nothing
        (MISSED, [10, 10], [5, 6], True),
        (MISSED, [10], [50], False),  # one seed has no spread
        ("batch: wait p95 s", [4.0, 4.0], [8.0, 8.0], False),  # five seconds say nothing
        ("batch: wait p95 s", [4.0, 4.0], [10.0, 11.0], True),
        ("batch: wait p95 s", [4000.0, 4000.0], [4030.0, 4031.0], False),  # nor does 1 %
        ("work finished core-h", [100.0, 100.0], [98.0, 98.5], True),
    ],
)
def test_a_difference_counts_beyond_the_spread_of_the_seeds(
    figure: str, full: list[float], off: list[float], beyond: bool
) -> None:
    """And beyond what says nothing, however alike it is for all seeds."""
    assert difference(figure, full, off).is_beyond is beyond


def test_what_the_control_changes_counts_for_no_rule() -> None:
    """However little the differences of a rule differ from each other."""
    assert difference(MISSED, [10, 10], [15, 16], chance=5.4).is_beyond
    assert not difference(MISSED, [10, 10], [15, 16], chance=5.6).is_beyond
    by_seed = {FULL: (10.0, 10.0), SOME: (15.0, 16.0), CONTROL: (4.0, 11.0)}
    played = {
        without(rule, seed): {MISSED: value}
        for rule, values in by_seed.items()
        for seed, value in zip((3, 4), values, strict=True)
    }
    assert {each.rule: each.differences[0].is_beyond for each in compared(played)} == {
        SOME: False,
        CONTROL: False,
    }


def test_less_work_is_worse_and_fewer_misses_are_better() -> None:
    """Worse is what a rule that helps was there for."""
    assert difference("work finished core-h", [10, 10], [8, 8]).is_worse
    assert not difference("work finished core-h", [10, 10], [12, 12]).is_worse
    assert not difference(MISSED, [10, 10], [2, 2]).is_worse


def test_seeds_that_one_side_lacks_are_left_out() -> None:
    """So that a run that was stopped compares what it has; a figure of one side alone has no difference."""
    full = {3: {MISSED: 1.0, "OOM kills": 4.0}, 4: {MISSED: 5.0}}
    off = {3: {MISSED: 2.0}, 5: {MISSED: 9.0}}
    (found,) = differences(full, off)
    assert (found.figure, found.mean, found.seeds) == (MISSED, 1.0, 1)


def test_rules_that_act_on_running_work_are_played_where_that_can_be_done() -> None:
    """With the full planner and the control in each world; all of one seed before the next."""
    found = cells_of([SOME, ACTS], [("trace", 1.0)], [3, 4])
    first = [(each.rule, each.cell.world) for each in found if each.cell.seed == 3]
    assert first == [
        (FULL, NOTHING),
        (CONTROL, NOTHING),
        (FULL, EVERYTHING),
        (CONTROL, EVERYTHING),
        (SOME, NOTHING),
        (ACTS, EVERYTHING),
    ]
    assert [each.cell.seed for each in found] == [3] * 6 + [4] * 6


def test_a_row_says_what_a_rule_does() -> None:
    """In the table of its place; the summary has its verdict."""
    rules = {FULL: (10.0, 10.0), SOME: (15.0, 16.0), CONTROL: (10.0, 11.0), ACTS: (10.0, 10.0)}
    played = {
        without(rule, seed): {MISSED: value, "batch: missed": 0.0}
        for rule, values in rules.items()
        for seed, value in zip((3, 4), values, strict=True)
    }
    found = compared(played)
    assert [each.rule for each in found] == [SOME, CONTROL, ACTS]
    assert [verdict(each.rule, [each]) for each in found] == ["helps", "chance", "never acted"]
    text = body(found, played)
    assert "## trace, load 1, seeds 3, 4 (only measured): launch, defer, degrade" in text
    rows = {line.split("|")[1].strip(): line for line in text.split("##")[-1].splitlines() if "|" in line}
    assert "+5.5 (1.0) worse" in rows["some rule"]
    assert "+0.5 (1.0)" in rows[CONTROL.name]
    assert "worse" not in rows[CONTROL.name]
    assert "batch: missed" not in text


def test_finished_cells_are_kept(tmp_path: Path) -> None:
    """For the same rule with the same values, cell and version of the code, and for no other."""
    file = tmp_path / "new" / "cells.jsonl"
    Kept.at(file).add(without(SOME), "one", {MISSED: 2.0}, 1.0)
    kept = Kept.at(file)
    assert kept.figures(without(SOME), "one") == {MISSED: 2.0}
    assert kept.figures(without(SOME), "two") is None
    assert kept.figures(without(SOME, seed=4), "one") is None
    assert kept.figures(without(Rule("some rule", (("made_up", 2),))), "one") is None
    assert kept.figures(Without(SOME, Cell("trace", 1.0, 3), 0.5), "one") is None
    assert (kept.others(["one"]), kept.others(["two"])) == (0, 1)


def test_a_line_that_was_not_finished_is_cut_off(tmp_path: Path) -> None:
    """What was stopped while it wrote goes on with what was whole."""
    file = tmp_path / "cells.jsonl"
    kept = Kept.at(file)
    kept.add(without(SOME), "one", {MISSED: 2.0}, 1.0)
    whole = file.read_text()
    file.write_text(whole + whole[:40])
    again = Kept.at(file)
    assert file.read_text() == whole
    again.add(without(SOME, seed=4), "one", {MISSED: 3.0}, 1.0)
    assert Kept.at(file).figures(without(SOME, seed=4), "one") == {MISSED: 3.0}


@pytest.mark.parametrize("line", ["rhubarb", "[]", '{"figures": {}}', '{"figures": 3, "took_s": 1}', "\xff"])
def test_a_file_that_holds_something_else_is_refused(tmp_path: Path, line: str) -> None:
    """By its name and line, and it is left as it is."""
    file = tmp_path / "cells.jsonl"
    Kept.at(file).add(without(SOME), "one", {MISSED: 2.0}, 1.0)
    content = file.read_bytes() + line.encode("latin-1") + b"\n"
    file.write_bytes(content)
    with pytest.raises(KeepError, match="name another file") as error:
        Kept.at(file)
    assert str(file) in str(error.value)
    assert file.read_bytes() == content


def test_the_control_moves_arrivals_and_nothing_else() -> None:
    """By a second at the most, the same for the same seed."""
    workload = planning.simulated_day(40, 0)
    later = moved(workload, 1.0, 3)
    assert later == moved(workload, 1.0, 3) != moved(workload, 1.0, 4)
    was = {run.run_id: run for run in workload.runs}
    assert was.keys() == {run.run_id for run in later.runs}
    for run in later.runs:
        assert 0 <= run.submit_s - was[run.run_id].submit_s <= 1
        assert (run.duration_s, run.cpu, run.memory) == (
            was[run.run_id].duration_s,
            was[run.run_id].cpu,
            was[run.run_id].memory,
        )


def test_the_version_follows_a_trace_file(tmp_path: Path) -> None:
    """Cells of a trace that has been edited are played anew."""
    file = tmp_path / "trace.csv"
    file.write_text("one")
    before = version_of(str(file))
    assert before == version_of(str(file)) != version_of("google")
    file.write_text("two")
    assert version_of(str(file)) != before


def test_a_rule_names_fields_that_there_are() -> None:
    """Each other than by default; no two rules are the same."""
    names = [rule.name for rule in RULES]
    assert len(set(names)) == len(names)
    assert len({(rule.off, rule.unlearned) for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert rule.changes.keys() != FULL.changes.keys(), rule.name
        for field, value in rule.off:
            assert getattr(rule.tuning, field) == value != getattr(FULL.tuning, field), rule.name
        for field, value in rule.unlearned:
            assert getattr(rule.learning, field) == value != getattr(FULL.learning, field), rule.name
    assert CONTROL.tuning == FULL.tuning == TUNING
    assert CONTROL.learning == FULL.learning == LEARNING


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A trace of forty runs, and everything in this process."""
    workload_of.cache_clear()
    monkeypatch.setattr(side_by_side, "ProcessPoolExecutor", Here)
    monkeypatch.setattr(
        cells, "TRACES", {"google": lambda _: Workload.of("short", planning.simulated_day(40, 0).runs)}
    )
    monkeypatch.setattr(cells, "CLUSTER", planning.DAY_CLUSTER)
    yield
    workload_of.cache_clear()


@pytest.mark.usefixtures("small")
def test_a_stopped_run_goes_on_where_it_was(tmp_path: Path) -> None:
    """What is kept is not played again, and the finding is the same as of one run."""
    told: list[str] = []

    def measured(keep: str, seeds: int) -> Finding:
        return ablation.measure(RULES[:1], ["google"], [1.0], seeds, keep=tmp_path / keep, say=told.append)

    measured("one.jsonl", 1)
    assert told[0].startswith("3 cells to play")
    told.clear()
    found = measured("one.jsonl", 2)
    assert told[0].startswith("3 cells to play")
    assert found.body == measured("another.jsonl", 2).body
    told.clear()
    measured("one.jsonl", 2)
    assert told == []
    assert {each["seed"] for each in found.content["played"]} == {3, 4}
    json.dumps(found.content)


@pytest.mark.usefixtures("small")
def test_a_share_is_the_middle_of_the_time() -> None:
    """At the load that the whole would have; about half of the runs in about half of the time, all played."""
    cell = Cell("google", 0.5, 3)
    whole, half = workload_of(cell, 1.0), workload_of(cell, 0.5)
    names = [run.run_id for run in whole.runs]
    assert 10 <= len(half.runs) <= 30
    first = names.index(half.runs[0].run_id)
    assert first > 0
    assert [run.run_id for run in half.runs] == names[first : first + len(half.runs)] != names[first:]
    assert offered_load(half, planning.DAY_CLUSTER.cores) == pytest.approx(0.5)
    assert play_without(Without(FULL, cell, 0.5))[1]["work finished core-h"] > 0


def test_what_ended_before_the_middle_is_waited_for_no_more() -> None:
    """A dependency within it stays; times are from its start, so that it is over before the horizon."""
    runs = [
        TracedRun(f"run-{number}", "work", 10.0 * number, depends_on=(f"run-{number - 1}",) if number else ())
        for number in range(11)
    ]
    part = middle(Workload("chain", tuple(runs)), 0.4)
    assert [(run.run_id, run.submit_s, run.depends_on) for run in part.runs] == [
        ("run-3", 0.0, ()),
        ("run-4", 10.0, ("run-3",)),
        ("run-5", 20.0, ("run-4",)),
        ("run-6", 30.0, ("run-5",)),
    ]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--rule", "rhubarb"], "'rhubarb' is not one of"),
        (["--first-seed", "0"], "rules were tuned on seed 0; the ablation takes seeds from 3 on"),
        (["--first-seed", "2"], "rules were tuned on seed 2"),
        (["--share", "0"], "0.01<=x<=1"),
        (["--trace", "rhubarb"], "rhubarb"),
        (["--load", "0"], "Invalid value for '--load'"),
        (["--actions", "suspnd"], "`suspnd` is no action"),
    ],
)
def test_a_slip_on_the_command_line_is_told(options: list[str], told: str, tmp_path: Path) -> None:
    """In a sentence, before anything is played."""
    keep = tmp_path / "cells.jsonl"
    shown = CliRunner().invoke(main, ["ablation", "--keep", str(keep), *options])
    assert shown.exit_code
    assert told in shown.output
    assert "Traceback" not in shown.output
    assert not keep.exists()


def test_a_broken_file_of_cells_is_told(tmp_path: Path) -> None:
    """As a sentence with file and line."""
    keep = tmp_path / "cells.jsonl"
    keep.write_text("rhubarb\n")
    shown = CliRunner().invoke(main, ["ablation", "--trace", "google", "--keep", str(keep)])
    assert shown.exit_code == 1
    assert f"{keep}, line 1: this is no finished cell" in shown.output


def test_it_is_not_made_unless_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run of all benchmarks leaves it out: it takes hours and has no bound."""
    from benchmarks import __main__

    made: list[str] = []

    def noted(name: str) -> Finding:
        made.append(name)
        return Finding(name, "", "", True, {})

    every = {name: lambda _, name=name: noted(name) for name in __main__.BENCHMARKS}
    monkeypatch.setattr(__main__, "BENCHMARKS", every)
    assert CliRunner().invoke(main, ["--no-save"]).exit_code == 0
    assert made == [name for name in every if name not in NAMED_ONLY]
