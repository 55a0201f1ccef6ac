"""What the command line says in ``mode: observe``: nothing that would only be so in ``act``."""

import json

import yaml

from tests.cli.sites import Adaptive, MakeSite, Site, Told

MODE = {"mode": "observe"}


def test_status_says_that_nothing_is_held(make_site: MakeSite, adaptive: Adaptive, told: Told) -> None:
    """The mode and since when, no run called held, and verdicts that were not carried out."""
    site = make_site(**MODE)
    site.submit("report")
    site.cycle()
    site.beat()
    shown = adaptive("status")
    assert shown.exit_code == 0
    for expected in (
        "observe: nothing is held, and runs are launched as by stock Dagster, since",
        "1 queued, none held",
        "1 defer now",
        "none of it was done",
    ):
        assert expected in " ".join(shown.stdout.split())
    assert told("status")["mode"]["running"] == "observe"


def test_status_says_that_a_restart_is_due(site: Site, adaptive: Adaptive, told: Told) -> None:
    """The word in ``dagster.yaml`` is another one than the daemon began with."""
    site.cycle()
    site.beat()
    assert "act: decisions are carried out, since" in adaptive("status").stdout
    file = site.home / "dagster.yaml"
    settings = yaml.safe_load(file.read_text())
    settings["run_coordinator"]["config"]["mode"] = "observe"
    file.write_text(yaml.safe_dump(settings))
    assert "dagster.yaml says observe: restart daemon and webserver" in adaptive("status").stdout
    mode = told("status")["mode"]
    assert (mode["configured"], mode["running"]) == ("observe", "act")


def test_the_queue_is_in_stocks_order(make_site: MakeSite, adaptive: Adaptive, told: Told) -> None:
    """By priority and submission, whatever the tiers; what would be done is not called what is done."""
    site = make_site(**MODE)
    report, late = site.submit("report"), site.submit("forecast")
    first = site.submit(job="plain", tags={"dagster/priority": "3"})
    site.cycle()
    found = told("queue")
    assert found["observes"] is True
    assert [run["run_id"] for run in found["runs"]] == [first, report, late]
    assert {run["state"] for run in found["runs"]} == {"queued"}
    runs = {run["run_id"]: run for run in found["runs"]}
    assert runs[report]["reason"] == "only observed: would defer: data_missing"
    assert (runs[report]["policy"], runs[report]["tier"]) == ("reports", "batch")
    assert "Nothing is held (mode: observe)" in adaptive("queue").stdout


def test_a_run_is_explained_in_the_conditional(make_site: MakeSite, adaptive: Adaptive, told: Told) -> None:
    """With every reason, and without a forecast of a start that nothing delays."""
    site = make_site(**MODE)
    run_id = site.submit("report")
    site.cycle()
    shown = adaptive("explain", run_id).stdout
    assert "only observed: would defer" in shown
    assert "`readings` has never been materialized" in shown
    assert "starts" not in shown
    found = told("explain", run_id)
    assert [decision["observed"] for decision in found["decisions"]] == [True]
    assert json.dumps(found["start"]) == "null"
    assert found["run"]["policy"] == "reports"


def test_a_bad_mode_is_one_sentence(make_site: MakeSite, adaptive: Adaptive) -> None:
    """With the place, and exit code 1, as of every instance that cannot be opened."""
    site = make_site()
    file = site.home / "dagster.yaml"
    file.write_text(file.read_text().replace("dequeue_interval_seconds: 1", "mode: observ"))
    shown = adaptive("status", "--home", site.home)
    assert shown.exit_code == 1
    assert f"{file}:" in shown.stderr
    assert "`mode: observ`" in shown.stderr
    assert "did you mean `observe`?" in shown.stderr
