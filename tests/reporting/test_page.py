"""The report as one page."""

import base64
import hashlib
import json
import random
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from adaptive_assets.reporting import page
from adaptive_assets.reporting.labels import short_seconds
from adaptive_assets.simulation.evaluation.comparison import Comparison, Role
from adaptive_assets.simulation.evaluation.outcome import NodeUse, Sample
from adaptive_assets.simulation.evaluation.preemptions import PreemptionRecord
from adaptive_assets.simulation.scenarios.events import DataTrouble, Scenario
from adaptive_assets.simulation.traces.trace import Workload
from tests.reporting.comparisons import NASTY, comparison, contender
from tests.reporting.outcomes import CLUSTER, workload
from tests.reporting.page_elements import Elements

SCRIPTS = 3
"""The data, the library and what draws with it."""


@pytest.fixture(scope="module")
def compared() -> Comparison:
    """Sixty runs in three tiers."""
    return comparison(workload())


@pytest.fixture(scope="module")
def text(compared: Comparison) -> str:
    """Its page."""
    return page(compared)


@pytest.fixture(scope="module")
def elements(text: str) -> Elements:
    """What is in it."""
    return Elements(text)


def data_of(text: str) -> Any:
    """What the charts are drawn from."""
    return json.loads(Elements(text).scripts[0])


def summed(cells: Iterable[str]) -> int:
    """The sum of a column of whole numbers."""
    return sum(int(cell.replace(",", "")) for cell in cells)


def test_the_page_needs_no_network(text: str, elements: Elements) -> None:
    """Well-formed, without an address, and without anything that a browser would fetch."""
    assert text.startswith("<!doctype html>")
    assert not {name for name, _ in elements.attributes} & {"src", "href", "srcset", "action"}
    for address in ("http:", "https:", "url(", "@import", "//cdn"):
        assert address not in text
    assert elements.names.count("h1") == 1


def test_a_browser_runs_these_scripts_and_no_others(text: str, elements: Elements) -> None:
    """The page's policy forbids every request, and names each of its own scripts by its hash."""
    (policy,) = [value for _, value in elements.attributes if value and "default-src" in value]
    assert "default-src 'none'" in policy
    _, *scripts = elements.scripts
    assert len(scripts) == SCRIPTS - 1
    for script in scripts:
        hashed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{hashed}'" in policy
    assert "Permission is hereby granted" in text, "the licence of the library goes with it"


def test_the_page_tells_what_happened(text: str) -> None:
    """The event of the scenario, why a run was preempted, and every planner and tier by name."""
    for expected in (
        "1m 40s to 2m 40s: node-1 lost",
        "batch-work-1 suspended: critical-work-2 needs 2 cores",
        "ran out of memory",
        "adaptive",
        "stock",
        "oracle",
        "critical",
        "batch",
        "memory",
    ):
        assert expected in text


def test_the_best_figure_is_marked_and_set_beside_ours(text: str, elements: Elements) -> None:
    """Ours waits less, stock kills nothing; the cards say so in words."""
    heads, *rows = elements.tables[0]
    assert [row[0] for row in rows] == ["adaptive", "stock5 runs", "oracle"]
    assert "out of memory" in heads
    assert '<span class="worse">worse than 0</span> (stock)' in text
    assert re.search(r'<span class="better">better than [^<]+</span> \(stock\)', text)
    assert '<td class="best"><span>0</span></td>' in text


def test_beside_every_chart_is_a_table_of_its_numbers(compared: Comparison, elements: Elements) -> None:
    """Over time for each planner, with every kill, preemption and the longest queue; waits for each tier."""
    over_time = [place for place, rows in enumerate(elements.tables) if rows[0][0] == "time"]
    assert len(over_time) == len(compared.contenders)
    for place, planner in zip(over_time, compared.contenders, strict=True):
        assert summed(elements.column(place, "killed")) == planner.measures.all.oom_kills
        assert summed(elements.column(place, "preempted")) == len(planner.preemptions)
        for tier in compared.tiers:
            told = max(map(int, elements.column(place, f"{tier} waiting, most")))
            assert told <= max(sample.queued[tier] for sample in planner.outcome.series)
            assert told > 0 or planner.role is Role.ORACLE
    waits = [rows for rows in elements.tables if rows[0][0] == "planner" and rows[0][-1] == "100%"]
    assert len(waits) == len(compared.tiers)
    for tier, rows in zip(compared.tiers, waits, strict=True):
        found = [planner.measures.tier(tier) for planner in compared.contenders]
        longest = [short_seconds(measures.wait_max_s or 0.0) for measures in found if measures]
        assert [row[-1] for row in rows[1:]] == longest


def test_the_charts_have_the_numbers_of_the_outcome(compared: Comparison, text: str) -> None:
    """Each series is as long as the times, sums agree, tiers are in their order, curves rise to their end."""
    data = data_of(text)
    assert data["tiers"] == ["critical", "standard", "batch"]
    assert [tier for tier, _ in data["waits"]["tiers"]] == ["critical", "standard", "batch"]
    assert (data["cpu"]["guard"], data["memory"]["guard"]) == (100, 80)
    assert data["events"] == [[100, 160]]
    for drawn, planner in zip(data["planners"], compared.contenders, strict=True):
        series = drawn["series"]
        assert {len(values) for values in series.values()} == {len(data["times"])}
        assert sum(filter(None, series["killed"][:-1])) == planner.measures.all.oom_kills
        longest = max(sum(sample.queued.values()) for sample in planner.outcome.series)
        tiers = [[each or 0 for each in series[f"waiting {place}"]] for place in range(3)]
        assert max(map(sum, zip(*tiers, strict=True))) == longest
    for _, curves in data["waits"]["tiers"]:
        for curve in curves:
            assert curve == sorted(curve)
            assert (len(curve), curve[-1]) == (len(data["waits"]["times"]), 100)


def test_a_planner_that_was_done_earlier_has_no_values_after_it(compared: Comparison, text: str) -> None:
    """Its series ends with it, while that of another goes on."""
    data = data_of(text)
    ends = {planner.name: planner.outcome.end_s for planner in compared.contenders}
    assert ends["oracle"] < ends["stock"]
    drawn = {planner["name"]: planner["series"]["cpu"] for planner in data["planners"]}
    assert drawn["oracle"][-1] is None
    assert drawn["stock"][-1] is not None


def test_every_run_is_shown_while_there_are_few(compared: Comparison, elements: Elements) -> None:
    """A row for each run of a small workload under ours and the first baseline; none of a large one."""
    runs = [rows for rows in elements.tables if rows[0][0] == "run"]
    assert [len(rows) - 1 for rows in runs] == [60, 60]
    missed = [sum(row[5].endswith("missed") for row in rows) for rows in runs]
    assert missed == [planner.measures.all.missed for planner in compared.contenders[:2]]
    assert sum("killed out of memory" in row[-1] for row in runs[0]) == 2
    assert "Every run" not in page(comparison(workload(130)))


def test_names_are_text_wherever_they_stand() -> None:
    """Names of traces, runs, data, planners and settings, reasons, and in the data of the charts."""
    usual = workload(20)
    runs = tuple(replace(run, name=NASTY, run_id=f"{run.run_id}{NASTY}") for run in usual.runs)
    nasty = comparison(replace(usual, name=NASTY, runs=runs))
    ours, stock, oracle = nasty.contenders
    told = replace(ours, preemptions=(PreemptionRecord(1.0, NASTY),))
    found = page(
        replace(
            nasty,
            contenders=(told, replace(stock, name=NASTY, setting=NASTY), oracle),
            scenario=Scenario(
                (DataTrouble(name=NASTY.replace("\ud800", ""), at=1, lasts=5, trouble="late"),)
            ),
        )
    )
    elements = Elements(found)
    assert elements.names.count("script") == SCRIPTS
    assert "img" not in elements.names
    assert not any(name.startswith("on") for name, _ in elements.attributes)
    assert any("<script>alert(1)</script>" in part for part in elements.text)
    assert data_of(found)["planners"][1]["name"] == NASTY
    assert "\x1b" not in found
    assert found.encode()


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
    assert len(page(many).encode()) < 700_000


def test_incidents_are_told_one_by_one_up_to_a_number(compared: Comparison) -> None:
    """Of a thousand preemptions there are forty, and how many more there were."""
    many = tuple(PreemptionRecord(float(at), f"run {at} suspended: memory") for at in range(1000))
    text = page(replace(compared, contenders=(replace(compared.ours, preemptions=many),)))
    kills = [at for run in compared.ours.outcome.runs for at in run.killed_at]
    assert text.count("suspended: memory") == 40 - sum(at < 40 for at in kills)
    assert "and 962 more" in text


@pytest.mark.parametrize("runs", [0, 1])
def test_next_to_nothing_has_a_page(runs: int) -> None:
    """No run, and one that never waited."""
    Elements(page(comparison(workload(runs))))


def test_runs_that_never_started_are_told(compared: Comparison) -> None:
    """The page says how many are left, their waits are `never`, and their row says why."""
    before = compared.ours.outcome
    runs = tuple(
        replace(run, ended_s=None, launched_s=None, unfinished="still queued") if number % 2 else run
        for number, run in enumerate(before.runs)
    )
    ours = contender(Role.OURS, replace(before, runs=runs))
    text = page(replace(compared, contenders=(ours, *compared.contenders[1:])))
    assert "30 never ended well" in text
    assert "unfinished: still queued" in text
    assert "<td>never</td>" in text
    assert all(curves[0][-1] < 100 for _, curves in data_of(text)["waits"]["tiers"])


def test_a_tier_has_one_colour_though_another_has_no_runs() -> None:
    """By its place in the book, in keys and in the rows of runs."""
    runs = [run for run in workload().runs if run.tier != "critical"]
    text = page(comparison(Workload.of("without critical", runs)))
    key = re.findall(r'<span><span class="swatch (t\d)"></span>(\w+)</span>', text)
    assert {tier: colour for colour, tier in key} == {"standard": "t1", "batch": "t2"}
    assert set(re.findall(r'class="track (t\d)"', text)) == {"t1", "t2"}
