"""`adaptive queue`: who is at work, who waits, in which order, and why."""

import dagster as dg
from dagster._core.test_utils import create_run_for_test

from adaptive_assets.planning.snapshot import QueuedRun, Snapshot, Work
from tests.cli.sites import Adaptive, Site, Told


def test_the_queue_is_shown_in_line_with_reasons(site: Site, told: Told) -> None:
    """Admitted runs come first, then the held ones; each has policy, tier, mode and reason."""
    report, forecast, plain = site.submit("report"), site.submit("forecast"), site.submit(job="plain")
    site.cycle()
    runs = {run["run_id"]: run for run in told("queue")["runs"]}
    assert list(runs) == [forecast, plain, report]
    assert runs[forecast]["state"] == "admitted"
    assert (runs[forecast]["policy"], runs[forecast]["tier"], runs[forecast]["mode"]) == (
        "forecast",
        "critical",
        "full",
    )
    assert runs[plain]["policy"] == "default"
    assert runs[report]["state"] == "held"
    assert runs[report]["mode"] is None
    assert "`readings` has never been materialized" in runs[report]["reason"]


def test_the_line_is_the_planners(site: Site, told: Told) -> None:
    """Before the first cycle runs stand by tier, then by the user's priority, then by submission."""
    batch = site.submit("report")
    late, early = site.submit(job="plain"), site.submit(job="plain", tags={"dagster/priority": "3"})
    critical = site.submit("forecast")
    assert [run["run_id"] for run in told("queue")["runs"]] == [critical, early, late, batch]


def test_the_line_is_that_of_the_last_plan(site: Site, told: Told) -> None:
    """With what it knew: here, of a run whose patience is over. Runs submitted since are among the others."""
    critical, overdue = site.submit("forecast"), site.submit(job="plain")
    at = site.clock
    queued = (
        QueuedRun(overdue, Work("plain", "default"), at - 3 * 3600),
        QueuedRun(critical, Work("forecast", "forecast"), at),
    )
    site.ledger.record_cycle(at=at, node="node-1", revision="r", snapshot=Snapshot(at, queued), decisions=())
    later = site.submit("forecast")
    assert [run["run_id"] for run in told("queue")["runs"]] == [overdue, critical, later]


def test_runs_without_our_tags_are_not_yet_seen(site: Site, told: Told, adaptive: Adaptive) -> None:
    """A run that was queued before the coordinator was installed is shown last, and no policy is made up."""
    strange = site.queued_elsewhere("plain")
    site.submit("forecast")
    last = told("queue")["runs"][-1]
    assert last["run_id"] == strange
    assert (last["state"], last["policy"], last["reason"]) == ("not yet seen", None, None)
    assert "not yet seen" in adaptive("queue").stdout


def test_runs_at_work_come_first(site: Site, told: Told) -> None:
    """A started run is active, with the time that it waited before."""
    site.submit("forecast")
    started = create_run_for_test(site.instance, "other", status=dg.DagsterRunStatus.STARTED).run_id
    first = told("queue")["runs"][0]
    assert (first["run_id"], first["state"], first["status"]) == (started, "active", "STARTED")
    assert first["waited_s"] >= 0


def test_a_limit_says_what_it_leaves_out(site: Site, adaptive: Adaptive, told: Told) -> None:
    """Three of five runs are shown, and the rest are counted."""
    for _ in range(5):
        site.submit(job="plain")
    shown = adaptive("queue", "--limit", "3")
    assert shown.stdout.count("plain") == 3
    assert "and 2 more" in shown.stdout
    assert (told("queue", "-n", "3")["total"], len(told("queue", "-n", "3")["runs"])) == (5, 3)
    assert adaptive("queue", "--limit", "0").exit_code == 2


def test_an_empty_queue_is_said_to_be_empty(site: Site, adaptive: Adaptive, told: Told) -> None:
    """Nothing queued is an answer and not an empty page."""
    shown = adaptive("queue", "--home", site.home)
    assert (shown.exit_code, shown.stdout) == (0, "Nothing is queued, and nothing is running.\n")
    assert told("queue")["runs"] == []


def test_what_users_wrote_into_tags_cannot_break_the_table(site: Site, adaptive: Adaptive) -> None:
    """Line breaks and escape sequences in a tag stay within their line, and lines within 100 columns."""
    run_id = site.submit(job="plain")
    site.instance.add_run_tags(run_id, {"adaptive/reason": "memory: \x1b[2J gone\nadmitted: " + "word " * 80})
    shown = adaptive("queue").stdout
    assert "\x1b" not in shown
    assert max(len(line) for line in shown.splitlines()) <= 100
    assert not any(line.startswith("admitted:") for line in shown.splitlines())


def test_an_order_without_the_ledger_is_said_to_be_so(site: Site, adaptive: Adaptive) -> None:
    """The queue is Dagster's and still shown; its order is then not that of the last plan."""
    run_id = site.submit(job="plain")
    site.cycle()
    site.close()
    for file in site.home.rglob("adaptive_ledger.db*"):
        file.unlink() if file.name != "adaptive_ledger.db" else file.write_bytes(b"this is no database" * 100)
    result = adaptive("queue")
    assert result.exit_code == 0
    assert run_id[:8] in result.stdout
    assert "may stand in another order: cannot read the status" in " ".join(result.stderr.split())
