"""Reports of a comparison as text and as JSON."""

import json
import re
import subprocess
import sys
from dataclasses import replace

import pytest

from adaptive_assets.reporting import as_json, as_text
from adaptive_assets.simulation.evaluation.comparison import Comparison, Role
from tests.reporting.comparisons import NASTY, comparison, contender
from tests.reporting.outcomes import workload


@pytest.fixture(scope="module")
def compared() -> Comparison:
    """Sixty runs in three tiers."""
    return comparison(workload())


def test_the_text_stands_in_columns_and_marks_the_best(compared: Comparison) -> None:
    """Each table's rows are equally long but for the last mark; ours has the shorter wait, stock no kills."""
    text = as_text(compared)
    overall = text.split("\n\n")[1].splitlines()
    assert [line.split()[0] for line in overall[1:]] == ["adaptive", "stock", "oracle"]
    ours, stock, _ = overall[1:]
    wait = overall[0].index("wait 95%") + len("wait 95%")
    kills = overall[0].index("OOM") + len("OOM")
    assert (ours[wait], stock[wait]) == ("*", " ")
    assert (ours[kills - 1 : kills + 1].strip(), stock[kills - 1 : kills + 1]) == ("2", "0*")
    assert max(len(line) for line in text.splitlines()) <= 100
    assert "critical, " in text


def test_what_all_have_is_not_marked(compared: Comparison) -> None:
    """All finish everything: no star in that column."""
    for line in as_text(compared).split("\n\n")[1].splitlines()[1:]:
        assert re.search(r"100%(?!\*)", line)


def test_names_cannot_move_the_cursor(compared: Comparison) -> None:
    """A control character in the name of a trace is a blank in the table."""
    told = as_text(replace(compared, workload=replace(compared.workload, name=NASTY)))
    assert "\x1b" not in told


def test_the_json_has_every_figure(compared: Comparison) -> None:
    """It is JSON; planners, tiers and what was waited for are in it, and sums agree with the outcome."""
    told = json.loads(json.dumps(as_json(compared)))
    assert [each["role"] for each in told["planners"]] == ["ours", "baseline", "oracle"]
    ours = told["planners"][0]
    assert ours["all"]["oom_kills"] == 2
    assert list(ours["tiers"]) == ["critical", "standard", "batch"]
    waits = sum(run.wait_s for run in compared.ours.outcome.runs)
    assert sum(sum(tier["behind"].values()) for tier in ours["waited"].values()) == pytest.approx(waits)
    assert told["bound"]["soonest_end_s"] <= ours["all"]["end_s"]
    assert (told["seed"], told["events"]) == (7, 1)


def test_turnarounds_of_every_tier_and_work_by_the_last_submission_are_told(compared: Comparison) -> None:
    """From submission to end, beside the waits; and what had ended when the last run came."""
    told = as_json(compared)["planners"][0]
    runs = compared.ours.outcome.runs
    for name, tier in told["tiers"].items():
        took = [run.turnaround_s for run in runs if run.tier == name and run.turnaround_s is not None]
        assert tier["turnaround_mean_s"] == pytest.approx(sum(took) / len(took))
        assert tier["turnaround_mean_s"] <= tier["turnaround_p95_s"] <= max(took)
    last = max(run.run.submit_s for run in runs)
    done = sum(run.useful_core_s for run in runs if run.ended_s is not None and run.ended_s <= last)
    assert 0 < told["all"]["core_s_by_last_submission"] == done < sum(run.useful_core_s for run in runs)
    assert "turn mean" in as_text(compared)
    assert "by last" in as_text(compared)
    one = as_json(comparison(workload(1)))["planners"][0]
    assert one["all"]["core_s_by_last_submission"] is None


@pytest.mark.parametrize("runs", [0, 1])
def test_next_to_nothing_can_be_reported(runs: int) -> None:
    """No run, and one that never waited."""
    tiny = comparison(workload(runs))
    assert as_text(tiny)
    json.dumps(as_json(tiny), allow_nan=False)


def test_an_unfinished_run_is_no_success(compared: Comparison) -> None:
    """Where runs never ended, there is no time at which all was done."""
    before = compared.ours.outcome
    runs = (
        replace(before.runs[0], ended_s=None, launched_s=None, unfinished="still queued"),
        *before.runs[1:],
    )
    changed = replace(compared, contenders=(contender(Role.OURS, replace(before, runs=runs)),))
    assert as_json(changed)["planners"][0]["all"]["end_s"] is None
    assert "never ended under adaptive: 1 still queued" in as_text(changed)


def test_no_template_library_is_loaded_without_a_page() -> None:
    """Text and JSON are made without jinja2, and the simulator does not load the report."""
    code = (
        "import sys; import adaptive_assets.simulation.evaluation.compare;"
        " assert not [m for m in sys.modules if"
        " m.startswith('adaptive_assets.reporting')]; import adaptive_assets.reporting;"
        " assert 'jinja2' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
