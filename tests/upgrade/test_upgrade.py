"""What a release before left behind goes on under the code of today: its home, its traces, its policy files.

``releases/`` has a folder for each release; ``make_home`` says how one is made.
"""

import json
import tarfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget
from sqlalchemy import create_engine

from adaptive_assets.assets import tags
from adaptive_assets.cli.main import cli
from adaptive_assets.coordinator import deployment
from adaptive_assets.ledger import Ledger, sqlite_ledger_url
from adaptive_assets.ledger.migrating import is_current
from adaptive_assets.planning.estimates import Source
from adaptive_assets.planning.resource_request import estimate_key
from adaptive_assets.planning.work_key import work_key
from adaptive_assets.policy import PolicyBook, load_policy_book
from adaptive_assets.simulation.traces.csv_trace import load_csv_trace
from adaptive_assets.simulation.traces.trace import DeclaredEstimate, TracedRun
from tests.coordinator.world import LAUNCHER, World
from tests.upgrade.project import defs
from tests.upgrade.quiet import QuietMachine
from tests.upgrade.read_back import read_back
from tools.postgres import connect

RELEASES = sorted(folder for folder in Path(__file__).with_name("releases").iterdir() if folder.is_dir())
ROOM_FOR_ALL = "concurrency: 20"


class Home:
    """A copy of a release's home, and what is in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "home"
        self.expected: dict[str, Any] = json.loads((folder / "expected.json").read_text())
        self.queued: dict[str, str] = self.expected["queued"]
        settings = yaml.safe_load((self.path / "dagster.yaml").read_text())
        (self.path / "dagster.yaml").write_text(yaml.safe_dump(settings | {"run_launcher": LAUNCHER}))

    @property
    def left_at(self) -> float:
        """When its last decision was made, in seconds of Unix time."""
        return float(self.expected["ledger"]["decisions"][-1]["at"])

    @property
    def ledger_url(self) -> str:
        """Where its ledger is."""
        return sqlite_ledger_url(self.path / "history")

    @contextmanager
    def ledger(self) -> Iterator[Ledger]:
        """Its ledger, opened by the code of today."""
        ledger = Ledger.open(self.ledger_url)
        try:
            yield ledger
        finally:
            ledger.dispose()

    @contextmanager
    def deployed(self) -> Iterator[World]:
        """Its deployment, started again; the launcher records what it launches."""
        target = LoadableTargetOrigin(module_name="tests.upgrade.project")
        origin = InProcessCodeLocationOrigin(target, location_name="project")
        with (
            dg.DagsterInstance.from_config(str(self.path)) as instance,
            WorkspaceProcessContext(instance, InProcessWorkspaceLoadTarget([origin])) as process,
        ):
            yield World(instance, process.create_request_context(), process, self.path / "policies.yaml")

    def told(self, *command: str) -> Any:
        """What a command of today says of it, in JSON."""
        done = CliRunner().invoke(cli, [*command, "--home", str(self.path), "--json"], prog_name="adaptive")
        assert done.stdout, done.output
        return json.loads(done.stdout)


@pytest.fixture(params=RELEASES, ids=lambda release: release.name)
def home(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home a minute after the release left it, so that its runs have not outwaited their patience."""
    with tarfile.open(request.param / "home.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    home = Home(tmp_path)
    monkeypatch.setenv("UPGRADE_OUTPUTS", str(tmp_path / "outputs"))
    monkeypatch.setenv("DAGSTER_HOME", str(home.path))
    monkeypatch.setattr(deployment, "MachineSampler", QuietMachine)
    real, age = time.time, time.time() - home.left_at - 60
    monkeypatch.setattr(time, "time", lambda: real() - age)
    return home


def test_its_ledger_is_migrated_and_says_what_it_said(home: Home) -> None:
    """Decisions with their reasons, the snapshots that led to them, and what the runs took."""
    with home.ledger() as ledger:
        assert read_back_as_json(ledger) == as_told_now(home.expected["ledger"])
    engine = create_engine(home.ledger_url)
    with engine.connect() as connection:
        assert is_current(connection, None)
    engine.dispose()


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.name)
def test_its_ledger_on_postgres_says_what_it_said(release: Path, postgres_url: str, tmp_path: Path) -> None:
    """The tables are the same, and their types are the server's own."""
    with tarfile.open(release / "postgres.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    with closing(connect(postgres_url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute((tmp_path / "ledger.sql").read_text())
    ledger = Ledger.open(postgres_url)
    expected = json.loads((tmp_path / "expected.json").read_text())["ledger"]
    assert read_back_as_json(ledger) == as_told_now(expected)
    ledger.dispose()


def read_back_as_json(ledger: Ledger) -> Any:
    """As it comes out of JSON, which has lists alone."""
    return json.loads(json.dumps(read_back(ledger)))


def as_told_now(expected: dict[str, Any]) -> dict[str, Any]:
    """0.1.0 told besides one state of all the checks of an asset, the second of the four things it told."""
    for snapshot in expected["snapshots"].values():
        snapshot["data"] = {asset: [told[0], *told[-2:]] for asset, told in snapshot["data"].items()}
    return expected


def test_the_policy_book_that_was_in_force_is_recalled(home: Home) -> None:
    """Also where the file is gone: it comes out of the ledger."""
    with home.ledger() as ledger:
        content = ledger.active_policy_book()
    assert content is not None
    book = PolicyBook.model_validate_json(content)
    assert book.policy("forecast").tier == "critical"
    assert [rung.mode for rung in book.policy("forecast").degrade] == ["reduced", "last_good"]
    checks = book.policy("reports").gates.checks
    assert checks is not None
    assert checks.accept == "pass"


def test_the_commands_speak_of_it(home: Home) -> None:
    """Who is admitted, who is held and why, and the decisions on each run, before any cycle of today."""
    queue = {run["run_id"]: run for run in home.told("queue")["runs"]}
    assert {name: queue[run_id]["state"] for name, run_id in home.queued.items()} == {
        "forecast": "admitted",
        "readings": "held",
        "report": "held",
        "housekeeping": "held",
    }
    assert "check `plausible` of `readings` failed" in queue[home.queued["report"]]["reason"]
    status = home.told("status")
    assert status["policy"]["in_force"] == home.expected["ledger"]["decisions"][-1]["revision"]
    for run_id in (*home.queued.values(), *home.expected["ended"]):
        recorded = [
            (row["verdict"], [reason["code"] for reason in row["reasons"]])
            for row in home.expected["ledger"]["decisions"]
            if run_id in (row["run"], *row["runs"])
        ]
        told = home.told("explain", run_id)["decisions"]
        assert recorded
        assert [(row["verdict"], [reason["code"] for reason in row["reasons"]]) for row in told] == recorded


def test_its_queue_goes_on(home: Home) -> None:
    """The admitted run is launched, the held ones when there is room, the gated one when its check passes."""
    before = as_told_now(home.expected["ledger"])
    with home.deployed() as world:
        assert {name: admission(world, run_id) for name, run_id in home.queued.items()} == {
            "forecast": tags.ADMITTED,
            "readings": tags.HELD,
            "report": tags.HELD,
            "housekeeping": tags.HELD,
        }
        assert world.pass_() == [home.queued["forecast"]]
        edit(world.policies, "concurrency: 1", ROOM_FOR_ALL)
        assert set(world.pass_()) == {home.queued["readings"], home.queued["housekeeping"]}
        assert admission(world, home.queued["report"]) == tags.HELD
        world.materialize("readings", check=True)
        assert world.pass_() == [home.queued["report"]]
        assert world.pass_() == []
        assert world.daemon_errors() == []
    with home.ledger() as ledger:
        after = read_back_as_json(ledger)
    assert after["decisions"][: len(before["decisions"])] == before["decisions"]
    assert after["usages"] == before["usages"]
    assert before["snapshots"].items() <= after["snapshots"].items()


def admission(world: World, run_id: str) -> str | None:
    """Whether a run is held or admitted."""
    return tags.read(world.run(run_id).tags, tags.ADMISSION)


def edit(file: Path, old: str, new: str) -> None:
    """Change a policy file as a user does."""
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_what_its_runs_took_is_learned_from(home: Home) -> None:
    """The first cycle of today plans with estimates out of the usages that the release recorded."""
    with home.deployed() as world:
        world.pass_()
    with home.ledger() as ledger:
        latest = ledger.latest_status().cycle_id
        assert latest is not None
        snapshot = ledger.snapshot(latest)
        keys = {row.work_key for row in ledger.usages()}
    kinds = {run.work.name: run.work for run in snapshot.queued}
    assert set(kinds) == set(home.queued)
    own = {
        name
        for name, work in kinds.items()
        if (estimate := snapshot.estimates.get(estimate_key(work, tags.FULL)))
        and estimate.source is Source.OWN
    }
    assert own == {"readings", "report", "forecast"}
    assert {work_key(kinds[name]) for name in own} == keys


def test_its_stored_outputs_load(home: Home) -> None:
    """By the IO manager of today, and as the last good version that the mode of that name serves."""
    with home.deployed() as world:
        load = defs.load_asset_value
        assert load("forecast", instance=world.instance) == {"members": 50.0, "degrees": 4.25}
        assert load("report", instance=world.instance) == "north is colder"
        readings = load("readings", python_type=pd.DataFrame, instance=world.instance)
        assert isinstance(readings, pd.DataFrame)
        assert readings.to_dict("list") == {"station": ["north", "south"], "degrees": [3.5, 8.0]}
        made = defs.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=world.instance, asset_selection=[dg.AssetKey("forecast")], tags={tags.MODE: "last_good"}
        )
        assert made.output_for_node("forecast") == {"members": 50.0, "degrees": 4.25}


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.name)
def test_its_traces_load(release: Path) -> None:
    """Every column of the release becomes the field that it was."""
    workload = load_csv_trace(release / "trace.csv")
    assert workload.runs == (
        TracedRun("i1", "ingest", 0.0, "standard", 600.0, duration_s=35.0, cpu=0.5, memory=400_000_000),
        TracedRun(
            "c1",
            "clean",
            5.0,
            "critical",
            300.0,
            ("i1", "b1"),
            -2,
            DeclaredEstimate(cpu=2, memory=1_024_000_000, duration=90),
            60.5,
            1.5,
            512_000_000,
            1e6,
            0.3,
        ),
        TracedRun("b1", "backfill", 90.0, duration_s=900.0, cpu=2.0, memory=3_000_000_000),
    )


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.name)
def test_its_policy_files_load(release: Path) -> None:
    """A file with every key of the release, and what each of them means."""
    book = load_policy_book(release / "policies.yaml")
    said = json.loads(json.dumps(book.model_dump(mode="json", by_alias=True)))
    expected = yaml.safe_load((release / "policies-as-read.yaml").read_text())
    assert covers(said, expected) == []


def covers(said: Any, expected: Any, place: str = "book") -> list[str]:
    """The places at which ``said`` is not what was expected; it may have keys that came later."""
    if isinstance(expected, dict) and isinstance(said, dict):
        return [
            each
            for key, value in expected.items()
            for each in covers(said.get(key, "nothing"), value, f"{place}.{key}")
        ]
    if isinstance(expected, list) and isinstance(said, list) and len(expected) == len(said):
        return [
            each
            for number, pair in enumerate(zip(said, expected, strict=True))
            for each in covers(*pair, f"{place}[{number}]")
        ]
    return [] if said == expected else [f"{place}: {said!r}, not {expected!r}"]
