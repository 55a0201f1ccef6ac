"""``adaptive report``: what a trial in ``mode: observe`` says, and when it can say nothing."""

import time

import dagster as dg
import yaml

from adaptive_assets.coordinator.observation import TOLD_PER_CYCLE
from tests.cli.sites import Adaptive, MakeSite, Site, Told
from tests.docs.pages import DOCS, blocks

MODE = {"mode": "observe"}
CLOSED = """\
version: 1
policies:
  - name: forecast
    select: key:forecast
    tier: critical
    objective: {deadline: 10m}
  - name: reports
    select: key:report
    tier: batch
    gates: {checks: pass}
"""


def lives(site: Site, run_id: str, end: dg.DagsterEventType = dg.DagsterEventType.RUN_SUCCESS) -> None:
    """Let a queued run start and end, as Dagster and its process would tell."""
    run = site.instance.get_run_by_id(run_id)
    assert run is not None
    for kind in (dg.DagsterEventType.RUN_START, end):
        site.instance.report_dagster_event(dg.DagsterEvent(kind.value, run.job_name), run_id)


def observed(make_site: MakeSite) -> Site:
    """A trial of three runs: one that would wait for its data, one that would start, and one that fails."""
    site = make_site(CLOSED, **MODE)
    site.clock = time.time() - 60
    report, forecast, plain = site.submit("report"), site.submit("forecast"), site.submit(job="plain")
    site.cycle()
    lives(site, report)
    lives(site, forecast)
    lives(site, plain, dg.DagsterEventType.RUN_FAILURE)
    site.clock = time.time()
    site.cycle()
    return site


def test_the_report_on_a_trial(make_site: MakeSite, adaptive: Adaptive, told: Told) -> None:
    """How many runs, what would have been done to them and why, three courses by tier, and what is wrong."""
    observed(make_site)
    shown = adaptive("report")
    assert (shown.exit_code, shown.stderr) == (0, "")
    text = " ".join(shown.stdout.split())
    for expected in (
        "2 that ended with success; not simulated: 1 failure",
        "of 3 runs that a cycle saw queued: 2 launched at once, 1 held",
        "held for data_missing 1",
        "stock launches 10 runs at once",
        "critical, 1 run",
        "batch, 1 run",
        "measured",
        "adaptive, simulated",
        "Against it:",
        "is simulated, from 2 runs",
        "2 runs are few",
    ):
        assert expected in text, expected
    found = told("report")
    assert found["would_be"]["held"] == {"data_missing": 1}
    assert [course["course"] for course in found["courses"]] == [
        "measured",
        "stock, simulated",
        "adaptive, simulated",
    ]
    assert found["courses"][1]["tiers"]["critical"]["with_deadline"] == 1
    assert found["runs"] == {"simulated": 2, "left_out": {"FAILURE": 1}, "open": 0, "unseen": 0}


def test_after_the_trial_the_report_stays(make_site: MakeSite, adaptive: Adaptive) -> None:
    """The coordinator acts again: the report is on the time in which it observed, and no other."""
    site = observed(make_site)
    file = site.home / "dagster.yaml"
    settings = yaml.safe_load(file.read_text())
    del settings["run_coordinator"]["config"]["mode"]
    file.write_text(yaml.safe_dump(settings))
    acting = Site(site.home, site.policies, site.instance, site.workspace)
    acting.clock = time.time() + 1
    acting.cycle()
    acting.close()
    assert "2 that ended with success" in adaptive("report").stdout
    late = adaptive("report", "--since", "2099-01-01")
    assert late.exit_code == 2
    assert "The trial ended at" in late.stderr


def test_the_number_that_stock_was_given_is_stocks_limit(make_site: MakeSite, adaptive: Adaptive) -> None:
    """Runs wait for ``max_concurrent_runs`` with and without us; a lower guard is ours alone."""
    for guard, expected in (
        ("", "concurrency 1 (by stock as well)"),
        ("guards: {concurrency: 1}\n", "1 held"),
    ):
        site = make_site(CLOSED + guard, **MODE, max_concurrent_runs=2 if guard else 1)
        site.clock = time.time() - 60
        first, second = site.submit("forecast"), site.submit(job="plain")
        site.run_limit = 2 if guard else 1
        site.cycle()
        for run_id in (first, second):
            lives(site, run_id)
        site.clock = time.time()
        site.cycle()
        shown = adaptive("report", "--home", site.home).stdout
        assert expected in shown
        assert ("by stock as well" in shown) is not bool(guard)


def test_where_there_is_nothing_to_tell(make_site: MakeSite, site: Site, adaptive: Adaptive) -> None:
    """One that never observed, and one of which no run has ended: a sentence, and what to do."""
    site.cycle()
    never = adaptive("report", "--home", site.home)
    assert never.exit_code == 2
    assert "Write `mode: observe` into `run_coordinator.config`" in never.stderr
    begun = make_site(**MODE)
    waits = adaptive("report", "--home", begun.home)
    assert waits.exit_code == 1
    assert "no cycle has run" in waits.stderr
    assert "Write `mode: observe`" not in waits.stderr
    begun.clock = time.time() - 60
    begun.submit("forecast")
    begun.cycle()
    early = adaptive("report", "--home", begun.home)
    assert early.exit_code == 1
    assert "has ended with success yet" in early.stderr


def test_the_page_on_trying_it_out_shows_what_is_printed(make_site: MakeSite, adaptive: Adaptive) -> None:
    """Every label and every column of its example, and its settings name the mode."""
    observed(make_site)
    printed = adaptive("report").stdout
    page = DOCS / "how-to" / "try-it-without-holding-anything.md"
    (example,) = [block.text for block in blocks(page, "text") if "stock, simulated" in block.text]
    labels = {line.split("  ")[0] for line in example.splitlines() if line[:1].isalpha() and "  " in line}
    known = {line.split("  ")[0] for line in printed.splitlines()}
    assert {label for label in labels if ", " not in label or "simulated" in label} <= known
    for column in ("start mean", "start 95%", "turn mean", "turn 95%", "missed", "degraded", "killed"):
        assert column in example
        assert column in printed
    modes = [
        yaml.safe_load(block.text)["run_coordinator"]["config"]["mode"]
        for block in blocks(page, "yaml")
        if block.title == "dagster.yaml"
    ]
    assert modes == ["observe", "act"]
    assert f"At most {TOLD_PER_CYCLE} runs are tagged in one pass" in page.read_text(encoding="utf-8")
