"""`adaptive status`: is it at work, under what, and what is wrong."""

import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from sqlalchemy import create_engine, inspect
from sqlalchemy.engine import make_url

from adaptive_assets.coordinator.lease import Holder, Lease
from adaptive_assets.coordinator.weight_watch import KEY, Weighting
from adaptive_assets.ledger import LedgerWriter, Outbox, entries
from tests.cli.sites import POLICIES, Adaptive, MakeSite, Site, Told
from tests.conftest import MakeInstance


def test_a_deployment_at_work(site: Site, adaptive: Adaptive, told: Told) -> None:
    """Book in force, living daemon, machine against guards, queue, verdicts; nothing wrong, exit code 0."""
    site.submit("forecast")
    site.submit("report")
    site.cycle()
    site.beat()
    shown = adaptive("status")
    assert (shown.exit_code, shown.stderr) == (0, "")
    for expected in ("says what is in force", "alive", "on node-1", "(guard 100%)", "1 held, 1 admitted"):
        assert expected in shown.stdout
    found = told("status")
    assert found["problems"] == []
    assert found["policy"]["in_force"] == found["policy"]["written"]
    assert found["machine"]["memory_capacity"] == 8 * 2**30
    assert found["guards"]["memory"] == 0.8
    assert found["verdicts"] == {"launch": 1, "defer": 1}


def test_whether_cpu_weights_are_in_force(site: Site, adaptive: Adaptive, told: Told) -> None:
    """As the daemon last found; nothing is said before it has looked."""
    site.beat()
    assert told("status")["cpu_weights"] is None
    assert "CPU weights" not in adaptive("status").stdout
    site.cycle()
    site.ledger.keep(KEY, Weighting().as_text())
    assert told("status")["cpu_weights"] == {"in_force": True, "why": None}
    assert "in force: runs of lower tiers yield to those of higher ones" in adaptive("status").stdout
    site.ledger.keep(KEY, Weighting("this system has no nice").as_text())
    shown = adaptive("status")
    assert shown.exit_code == 0
    assert "not in force: this system has no nice\n" in shown.stdout
    assert "so the runs of all tiers count for the CPU of each" in shown.stdout
    assert told("status")["cpu_weights"] == {"in_force": False, "why": "this system has no nice"}


def test_a_refused_edit_is_shown_with_its_lines(site: Site, adaptive: Adaptive, told: Told) -> None:
    """The file is looked at again: each problem with its line, and which book stays in force."""
    site.cycle()
    site.beat()
    in_force = told("status")["policy"]["in_force"]
    site.policies.write_text(
        POLICIES.replace("deadline: 10m", "deadline: 10").replace("tier: batch", "tier: bach")
    )
    shown = adaptive("status")
    assert shown.exit_code == 1
    assert f"{site.policies}:5:" in shown.stdout
    assert f"{site.policies}:11:" in shown.stdout
    assert f"the book {in_force} stays in force" in shown.stdout
    refused = told("status")["policy"]["refused"]
    assert [problem["line"] for problem in refused] == [5, 11]
    assert told("status")["policy"]["written"] is None


def test_a_book_at_odds_with_the_assets_is_refused(site: Site, told: Told) -> None:
    """What only the assets show is found too: two policies that select the same one."""
    site.submit("forecast")
    site.cycle()
    site.policies.write_text(POLICIES.replace("select: key:report", "select: key:report or key:forecast"))
    assert "forecast" in told("status")["policy"]["refused"][0]["message"]


def test_an_edit_that_no_cycle_has_read_yet(site: Site, adaptive: Adaptive) -> None:
    """A good edit is not called in force before it is."""
    site.cycle()
    site.policies.write_text(POLICIES.replace("10m", "20m"))
    assert "comes into force with the next cycle" in adaptive("status").stdout


@pytest.mark.parametrize(("age_s", "alive"), [(5.0, True), (80.0, True), (3600.0, False)])
def test_a_daemon_that_stopped_beating_is_dead(site: Site, told: Told, age_s: float, alive: bool) -> None:
    """Three beats missed, and the problem is said."""
    site.beat(age_s)
    found = told("status")
    assert found["daemon"]["alive"] is alive
    assert any("daemon is not alive" in problem for problem in found["problems"]) is not alive


def test_faults_stay_open_for_some_minutes(site: Site, told: Told, adaptive: Adaptive) -> None:
    """A fault of the last minutes is a problem; one of an hour ago is history."""
    site.beat()
    site.cycle()
    site.ledger.record_fault(at=time.time() - 3600, node="node-1", part="signals", message="old news")
    assert adaptive("status").exit_code == 0
    site.ledger.record_fault(at=time.time(), node="node-1", part="signals", message="no /proc here")
    shown = adaptive("status")
    assert shown.exit_code == 1
    assert "signals: no /proc here" in shown.stdout
    assert [fault["part"] for fault in told("status")["faults"]] == ["signals"]


def test_an_unreadable_ledger_is_a_problem_and_no_crash(site: Site, adaptive: Adaptive, told: Told) -> None:
    """A damaged file is named; queue and daemon are still told."""
    site.cycle()
    site.close()
    for file in site.home.rglob("adaptive_ledger.db*"):
        file.unlink() if file.name != "adaptive_ledger.db" else file.write_bytes(b"this is no database" * 100)
    shown = adaptive("status")
    assert shown.exit_code == 1
    assert "file is not a database" in shown.stdout
    assert "queue" in shown.stdout
    assert told("status")["ledger"]["error"]


def test_a_ledger_that_cannot_be_written_is_a_problem(site: Site, adaptive: Adaptive, told: Told) -> None:
    """It is tried, and what waits for it is counted: `faults` says nothing of what cannot be recorded."""
    site.cycle()
    site.beat()
    found = told("status")
    assert (found["ledger"]["writable"], found["ledger"]["waiting"], found["problems"]) == (True, 0, [])
    assert site.ledger.file is not None
    outbox = Outbox(site.home / "adaptive_outbox")
    with closing(sqlite3.connect(site.ledger.file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        LedgerWriter(site.ledger, outbox).write(entries.fault(1.0, "node-1", "policy", "refused"))
        shown = adaptive("status")
        found = told("status")
    assert shown.exit_code == 1
    for expected in ("database is locked", "1 entry waits", "none that the ledger could be told of"):
        assert expected in shown.stdout
    assert (found["ledger"]["writable"], found["ledger"]["waiting"]) == (False, 1)
    assert "database is locked" in found["problems"][0]


def test_without_a_policy_file_there_is_nothing_to_refuse(
    make_instance: MakeInstance, adaptive: Adaptive, told: Told
) -> None:
    """The coordinator needs none: `policies` may be left out."""
    make_instance(run_coordinator={"module": "adaptive_assets", "class": "AdaptiveRunCoordinator"})
    assert "none: three tiers, and nothing promised" in adaptive("status").stdout
    found = told("status")
    assert (found["policy"]["file"], found["policy"]["refused"]) == (None, [])
    assert not any("policy file" in problem for problem in found["problems"])


def test_what_the_daemon_found_is_a_problem(site: Site, adaptive: Adaptive, told: Told) -> None:
    """Where no ledger could be made, nothing is in it of that; the daemon's own word is."""
    away = "ledger: cannot record a cycle: permission denied for database"
    site.beat(0.0, away, away)
    shown = adaptive("status")
    assert shown.exit_code == 1
    assert "nothing recorded yet" in shown.stdout
    assert "1 open" in shown.stdout
    assert told("status")["problems"] == [f"The daemon: {away}"]


def test_a_fault_in_the_ledger_is_told_once(site: Site, told: Told) -> None:
    """The daemon shows it to Dagster too."""
    site.cycle()
    site.beat(0.0, "signals: no /proc here", "policy: refused")
    site.ledger.record_fault(at=time.time(), node="node-1", part="signals", message="no /proc here")
    (problem,) = told("status")["problems"]
    assert problem.startswith("signals: no /proc here (once, last ")


def test_what_a_dead_daemon_found_is_history(site: Site, told: Told) -> None:
    """That it is dead is the problem."""
    site.beat(3600.0, "ledger: away")
    (problem,) = told("status")["problems"]
    assert "is not alive" in problem


def test_who_launches_is_said_and_that_a_second_daemon_stands_by(
    site: Site, adaptive: Adaptive, told: Told
) -> None:
    """The fault of the one that stands by is in the ledger, which both share."""
    site.cycle()
    site.beat()
    assert "nobody holds it" in adaptive("status").stdout
    first, second = Lease(site.ledger, holder=Holder("far", 7, 1.0, "there")), Lease(site.ledger)
    assert first.holds()
    assert told("status")["lease"] == {"holder": "process 7 on far", "gone": False}
    site.ledger.record_fault(at=time.time(), node="node-1", part="lease", message=second.fault or "")
    shown = adaptive("status")
    assert "two daemons are at work on this instance: process 7 on far launches" in shown.stdout
    first.release()
    gone = replace(Holder.here(), started_at=1.0)
    assert Lease(site.ledger, holder=gone).holds()
    assert "which has ended" in adaptive("status").stdout


def test_to_look_changes_nothing(site: Site, adaptive: Adaptive) -> None:
    """An installation that has not worked yet has no ledger after a look either."""
    for command in ("status", "queue"):
        adaptive(command)
    assert list(site.home.rglob("adaptive_ledger.db")) == []
    assert "nothing recorded yet" in adaptive("status").stdout


def test_to_look_changes_nothing_on_postgres(make_site: MakeSite, adaptive: Adaptive, told: Told) -> None:
    """Where nothing has been recorded, no command makes the ledger's schema; afterwards all is seen."""
    site = make_site(postgres=True)
    book = str(site.policies)
    for command in (("status",), ("queue",), ("replay",), ("explain", "0" * 36), ("policy", "check", book)):
        adaptive(*command)
    storage = yaml.safe_load((site.home / "dagster.yaml").read_text())["storage"]["postgres"]
    with create_engine(storage["postgres_url"]).connect() as connection:
        assert "adaptive_assets" not in inspect(connection).get_schema_names()
    assert "nothing recorded yet" in adaptive("status").stdout
    site.submit("forecast")
    site.cycle()
    assert told("status")["verdicts"]["launch"] == 1


def test_a_stock_instance_is_told_how_to_adopt_it(
    make_instance: MakeInstance, adaptive: Adaptive, told: Told
) -> None:
    """Another coordinator in charge: exit code 1, and the lines that are missing."""
    make_instance()
    shown = adaptive("status")
    assert shown.exit_code == 1
    assert "QueuedRunCoordinator" in shown.stdout
    assert "class: AdaptiveRunCoordinator" in shown.stdout
    assert told("status")["adaptive"] is False


def test_concurrency_settings_that_override_everything(
    make_instance: MakeInstance, adaptive: Adaptive, tmp_path: Path
) -> None:
    """The coordinator refuses `concurrency.runs`; so does the status, in one sentence."""
    coordinator = {
        "module": "adaptive_assets",
        "class": "AdaptiveRunCoordinator",
        "config": {"policies": str(tmp_path / "policies.yaml")},
    }
    make_instance(run_coordinator=coordinator, concurrency={"runs": {"max_concurrent_runs": 3}})
    shown = adaptive("status")
    assert shown.exit_code == 1
    assert "concurrency.runs" in shown.stderr
    assert "Traceback" not in shown.stderr


def test_without_a_home_there_is_nothing_to_look_at(
    adaptive: Adaptive, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """No DAGSTER_HOME, a directory that is not there, one without dagster.yaml: exit code 2 and advice."""
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    for arguments, expected in (
        (("status",), "DAGSTER_HOME is not set"),
        (("queue", "--home", "nowhere"), "There is no Dagster home at"),
        (("explain", "abc", "--home", "."), "holds no dagster.yaml"),
    ):
        shown = adaptive(*arguments)
        assert (shown.exit_code, shown.stdout) == (2, "")
        assert expected in shown.stderr


def test_the_home_is_found_as_dagster_dev_finds_it(
    site: Site, adaptive: Adaptive, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A `.env` in the working directory names the home, and variables that dagster.yaml refers to."""
    monkeypatch.delenv("DAGSTER_HOME")
    monkeypatch.setenv("POLICY_FILE", "")
    monkeypatch.delenv("POLICY_FILE")
    settings = (site.home / "dagster.yaml").read_text()
    (site.home / "dagster.yaml").write_text(
        settings.replace(f"policies: {site.policies}", "policies: {env: POLICY_FILE}")
    )
    folder = tmp_path / "checkout"
    folder.mkdir()
    (folder / ".env").write_text(f"DAGSTER_HOME={site.home}\nPOLICY_FILE={site.policies}\n")
    monkeypatch.chdir(folder)
    shown = adaptive("status")
    assert str(site.policies) in shown.stdout


def test_secrets_are_not_shown(make_site: MakeSite, adaptive: Adaptive) -> None:
    """On PostgreSQL, whose URL has a password: it is in no output of any command."""
    site = make_site(postgres=True)
    run_id = site.submit("forecast")
    site.cycle()
    storage = yaml.safe_load((site.home / "dagster.yaml").read_text())["storage"]
    secret = make_url(storage["postgres"]["postgres_url"]).password
    assert secret
    for command in (("status",), ("status", "--json"), ("queue",), ("explain", run_id)):
        shown = adaptive(*command)
        assert secret not in shown.output
    assert "postgresql+psycopg2://" in adaptive("status").stdout
