"""Reports of a comparison: as text, as JSON and as one page."""

import json
import random
import re
from dataclasses import replace

import pytest

from adaptive_assets.simulation.events import NodeLoss, Scenario
from adaptive_assets.simulation.measures import measure
from adaptive_assets.simulation.outcome import NodeUse, Outcome, Sample
from adaptive_assets.simulation.policies import plain_book
from adaptive_assets.simulation.report import Comparison, Contender, Role, as_json, as_text, compare, page
from adaptive_assets.simulation.trace import Workload
from tests.simulation.page_elements import Elements
from tests.simulation.report_outcomes import CLUSTER, outcome, workload

NASTY = "</title><script>alert(1)</script>\"'&\x1b[2J"


def contender(role: Role, of: Outcome, setting: str = "") -> Contender:
    """A planner and what came of it."""
    return Contender(of.planner, role, setting, of, measure(of))


def comparison(of: Workload) -> Comparison:
    """Ours with some kills and preemptions, a worse baseline, first come first served, and an oracle."""
    return Comparison(
        of,
        plain_book(of),
        CLUSTER,
        (
            contender(Role.OURS, outcome("adaptive", of, 9, unlucky=(3, 9))),
            contender(Role.BASELINE, outcome("stock", of, 5, by_tier=False), "5 runs"),
            contender(Role.ORACLE, outcome("oracle", of, 12)),
        ),
        scenario=Scenario((NodeLoss(node="node-1", at=100, lasts=60),)),
        seed=7,
    )


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


def test_the_page_stands_alone(compared: Comparison) -> None:
    """Well-formed, without scripts and without anything that a browser would fetch."""
    text = page(compared)
    elements = Elements(text)
    assert "script" not in elements.names
    assert not {name for name, _ in elements.attributes} & {"src", "href", "srcset", "action"}
    assert "url(" not in text
    assert "@import" not in text
    assert "http" not in text
    assert elements.names.count("h1") == 1


def test_the_page_tells_what_befell(compared: Comparison) -> None:
    """The event of the scenario, the guards, and every planner and tier by name."""
    text = page(compared)
    for expected in (
        "node-1 lost",
        "guard 85%",
        "guard 80%",
        "adaptive",
        "stock",
        "critical",
        "batch",
        "memory",
    ):
        assert expected in text


def test_every_run_is_drawn_while_there_are_few(compared: Comparison) -> None:
    """A row for each run of a small workload, and no such section for a large one."""
    assert "Every run" in page(compared)
    assert "Every run" not in page(comparison(workload(130)))


def test_names_cannot_break_the_page() -> None:
    """Names of traces, runs, planners and settings are text wherever they stand."""
    usual = workload(20)
    runs = tuple(replace(run, name=NASTY, run_id=f"{run.run_id}{NASTY}") for run in usual.runs)
    nasty = comparison(replace(usual, name=NASTY, runs=runs))
    ours, stock, oracle = nasty.contenders
    nasty = replace(nasty, contenders=(ours, replace(stock, name=NASTY, setting=NASTY), oracle))
    elements = Elements(page(nasty))
    assert "script" not in elements.names
    assert not any(name.startswith("on") for name, _ in elements.attributes)
    assert any("<script>alert(1)</script>" in text for text in elements.text)


def test_a_long_simulation_makes_no_large_page(compared: Comparison) -> None:
    """Four thousand restless samples and three thousand runs for each of seven planners: below a megabyte."""
    rng = random.Random(1)
    before = compared.ours.outcome
    series = tuple(
        Sample(
            before.end_s * place / 4096,
            (NodeUse(rng.uniform(0, 16), rng.randrange(CLUSTER.memory)),),
            {tier: rng.randrange(3000) for tier in before.tiers},
            {},
        )
        for place in range(4096)
    )
    runs = tuple(
        replace(run, run=replace(run.run, run_id=f"{run.run.run_id}/{copy}"), wait_s=rng.uniform(0, 9999))
        for copy in range(50)
        for run in before.runs
    )
    ours = contender(Role.OURS, replace(before, series=series, runs=runs))
    others = [replace(ours, role=Role.BASELINE, name=f"other {number}") for number in range(6)]
    workload_of_all = Workload.of("large", [run.run for run in runs])
    many = replace(compared, workload=workload_of_all, contenders=(ours, *others))
    assert len(page(many).encode()) < 1_000_000


@pytest.mark.parametrize("runs", [0, 1])
def test_next_to_nothing_can_be_reported(runs: int) -> None:
    """No run, and one that never waited."""
    tiny = comparison(workload(runs))
    Elements(page(tiny))
    assert as_text(tiny)
    json.dumps(as_json(tiny))


def test_an_unfinished_run_is_no_success(compared: Comparison) -> None:
    """Where runs never ended, there is no time at which all was done, and the page says how many are left."""
    before = compared.ours.outcome
    runs = (
        replace(before.runs[0], ended_s=None, launched_s=None, unfinished="still queued"),
        *before.runs[1:],
    )
    ours = contender(Role.OURS, replace(before, runs=runs))
    changed = replace(compared, contenders=(ours, *compared.contenders[1:]))
    assert as_json(changed)["planners"][0]["all"]["end_s"] is None
    assert "1 never ended well" in page(changed)


def test_a_comparison_is_made_of_the_same_world() -> None:
    """Ours first, each baseline once at its best, the oracle last; progress grows up to one."""
    small = workload(12)
    told: list[float] = []
    found = compare(small, plain_book(small), CLUSTER, progress=lambda done, _: told.append(done))
    roles = [each.role for each in found.contenders]
    assert roles == [Role.OURS, *[Role.BASELINE] * (len(roles) - 2), Role.ORACLE]
    assert len({each.name for each in found.contenders}) == len(roles)
    assert {trial.family for trial in found.trials} == {each.name for each in found.baselines}
    assert all(len(each.outcome.runs) == 12 for each in found.contenders)
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1.0)


def test_ours_alone() -> None:
    """Without baselines and oracle there is one contender, and nothing to mark."""
    small = workload(6)
    found = compare(small, plain_book(small), CLUSTER, with_baselines=False, with_oracle=False)
    assert [each.role for each in found.contenders] == [Role.OURS]
    assert "*" not in as_text(found)
    Elements(page(found))


def test_a_tier_has_one_colour_though_another_has_no_runs() -> None:
    """In who waited for whom as in every other plot: by its place in the book."""
    runs = [run for run in workload().runs if run.tier != "critical"]
    text = page(comparison(Workload.of("without critical", runs)))
    bands = re.findall(r'class="flow (t\d)"><title>(\w+) waited', text) + re.findall(
        r'class="flow (t\d)" d="[^"]*"><title>(\w+) waited', text
    )
    assert {tier: colour for colour, tier in bands} == {"standard": "t1", "batch": "t2"}
