"""`adaptive policy`: everything that is wrong with a file, and its JSON Schema."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.cli.sites import POLICIES, PROJECT, Adaptive, Site, Told

ADAPTED = """\
import dagster as dg
from adaptive_assets import adapt
from tests.cli.project import forecast, readings, report
defs = adapt(dg.Definitions(assets=[readings, report, forecast]), policies={file!r})
"""

MAIN = "from adaptive_assets.cli.main import main; main()"
OTHER_PYTHON = str(Path(sys.executable).with_name("python3"))
"""The same one by another name: such a location is loaded in a process of its own."""

DEAF = """\
import dagster as dg
from adaptive_assets import RunMode

@dg.op
def toil(): return 1

@dg.op
def careful(run_mode: RunMode): return 1

@dg.asset
def deaf(): ...

@dg.asset
def listens(run_mode: RunMode): ...

@dg.graph
def inner(): return careful()

@dg.graph_asset
def listening_graph(): return inner()

@dg.graph_asset
def deaf_graph(): return toil()

@dg.job
def toils(): toil()

@dg.job
def cares(): inner()

nightly = dg.define_asset_job("nightly", "listens")
defs = dg.Definitions(
    assets=[deaf, listens, deaf_graph, listening_graph],
    jobs=[toils, cares, nightly],
    resources={"run_mode": RunMode()},
)
"""
LADDERS = """\
version: 1
policies:
  - name: all
    select: "*"
    jobs: [toils, cares, nightly]
    degrade: [{mode: last_good}]
"""
BROKEN = """\
version: 1
prices: [{per_core_hour: 1, hours: "22:00-06:00"}]
policies:
  - {name: a, select: "key:reprot"}
  - {name: b, jobs: [plain, plian], tier: bach}
  - name: c
    select: key:forecast
    objective: {deadline: 10, freshness: 1h}
    degrade: [{mode: reduced}]
  - name: d
    selct: key:report
gards: {}
"""
BETA = """\
import warnings
import dagster as dg

warnings.simplefilter("default")

@dg.asset(backfill_policy=dg.BackfillPolicy.single_run(), owners=["team:x"])
def beta(): ...

own = dg.AutomationConditionSensorDefinition("own", target=["beta"], use_user_code_server=True)
defs = dg.Definitions(assets=[beta], sensors=[own])
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, with no instance to ask."""
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_good_file(folder: Path, adaptive: Adaptive) -> None:
    """Exit code 0 and the revision; on stderr, that the assets could not be looked at."""
    (folder / "p.yaml").write_text(POLICIES)
    shown = adaptive("policy", "check", "p.yaml")
    assert shown.exit_code == 0
    assert "p.yaml: fine, 2 policies, revision" in shown.stdout
    assert "for their syntax only" in shown.stderr


def test_every_problem_of_every_file(folder: Path, adaptive: Adaptive, told: Told) -> None:
    """Two broken files and a good one: each problem with file, line and hint, and exit code 1."""
    (folder / "one.yaml").write_text(POLICIES.replace("10m", "10").replace("tier: batch", "tier: bach"))
    (folder / "two.yaml").write_text("version: 2\n")
    (folder / "good.yaml").write_text(POLICIES)
    shown = adaptive("policy", "check", "one.yaml", "two.yaml", "good.yaml")
    assert shown.exit_code == 1
    for expected in ("one.yaml:5:", "one.yaml:11:", "two.yaml:1:", "`5m`", "`batch`", "good.yaml: fine"):
        assert expected in shown.stdout
    found = told("policy", "check", "one.yaml", "good.yaml")
    assert found["ok"] is False
    assert [problem["line"] for problem in found["files"][0]["problems"]] == [5, 11]
    assert found["files"][0]["revision"] is None
    assert found["files"][1]["problems"] == []


def test_everything_that_is_wrong_with_the_book_is_told_at_once(folder: Path, told: Told) -> None:
    """A cost without a price, which is a warning, hides no bad selection."""
    (folder / "p.yaml").write_text(
        POLICIES.replace("tier: critical", "tier: critical\n    cost: {at_most: 3}").replace(
            "key:report", "key:("
        )
    )
    problems = told("policy", "check", "p.yaml")["files"][0]["problems"]
    assert [(problem["severity"], problem["message"].split(":")[0]) for problem in problems] == [
        ("error", "`key"),
        ("warning", "there is no price to go by"),
    ]


@pytest.mark.parametrize("how", ["file", "module", "workspace"])
def test_against_definitions(
    folder: Path, adaptive: Adaptive, told: Told, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """A selection of nothing and an unknown job are found however the definitions are named."""
    (folder / "p.yaml").write_text(
        POLICIES.replace("key:report", "key:reprot").replace(
            "select: key:forecast", "select: key:forecast\n    jobs: [plian]"
        )
    )
    (folder / "good.yaml").write_text(
        POLICIES.replace("select: key:forecast", "select: key:forecast\n    jobs: [plain]")
    )
    (folder / "the_project.py").write_text(PROJECT.read_text())
    (folder / "workspace.yaml").write_text(yaml.safe_dump({"load_from": [{"python_file": "the_project.py"}]}))
    monkeypatch.syspath_prepend(str(folder))
    arguments = {
        "file": ("-f", "the_project.py"),
        "module": ("-m", "the_project"),
        "workspace": ("-w", "workspace.yaml"),
    }
    shown = adaptive("policy", "check", "p.yaml", *arguments[how])
    assert shown.exit_code == 1
    assert "p.yaml:4:13: `key:reprot` selects nothing" in shown.stdout
    assert "plian" in shown.stdout
    assert "the project is loaded" not in shown.stdout
    found = told("policy", "check", "good.yaml", *arguments[how])
    assert (found["ok"], found["assets"]["checked"], found["assets"]["known"]) == (True, True, 3)


def test_definitions_that_turn_their_own_policy_file_down(folder: Path, adaptive: Adaptive) -> None:
    """What `adapt()` refuses at load is told like any other problem, with the line, and once."""
    own = POLICIES.replace(
        "select: key:report", "select: key:report or key:forecast\n    objective: {freshness: 30s}"
    )
    (folder / "p.yaml").write_text(own)
    (folder / "q.yaml").write_text(POLICIES.replace("key:report", "key:reprot"))
    (folder / "definitions.py").write_text(ADAPTED.format(file="p.yaml"))
    shown = adaptive("policy", "check", "q.yaml", "p.yaml", "-f", "definitions.py")
    assert shown.exit_code == 1
    places = [line.split(": ")[0] for line in shown.stdout.splitlines()]
    assert places == ["p.yaml:5:16", "p.yaml:10:13", "q.yaml:4:13"], shown.stdout
    assert "cannot watch" in shown.stdout
    assert "against 3 assets" in shown.stderr
    (folder / "again.py").write_text(ADAPTED.format(file="p.yaml"))  # a process loads a file once
    elsewhere = adaptive("policy", "check", "q.yaml", "-f", "again.py")
    assert elsewhere.exit_code == 1
    assert [line.split(": ")[0] for line in elsewhere.stdout.splitlines()] == places


@pytest.mark.parametrize("how", ["-f", "-m", "-w"])
def test_a_ladder_over_what_never_degrades(
    folder: Path, adaptive: Adaptive, told: Told, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """Assets, graphs and jobs of ops are looked into, whether the definitions are adapted or not."""
    (folder / "p.yaml").write_text(LADDERS)
    (folder / "deaf_project.py").write_text(DEAF)
    monkeypatch.syspath_prepend(str(folder))
    location = {"python_file": {"relative_path": "deaf_project.py", "executable_path": OTHER_PYTHON}}
    (folder / "workspace.yaml").write_text(yaml.safe_dump({"load_from": [location]}))
    source = {"-f": "deaf_project.py", "-m": "deaf_project", "-w": "workspace.yaml"}[how]
    shown = adaptive("policy", "check", "p.yaml", how, source)
    assert shown.exit_code == 0, shown.output
    (line,) = shown.stdout.splitlines()
    assert line.startswith("p.yaml:6:14: warning: `all` has a ladder that cannot degrade the assets ")
    assert "`deaf` and `deaf_graph` and the job `toils`, which never ask" in line
    found = told("policy", "check", "p.yaml", how, source)
    assert (found["ok"], found["files"][0]["problems"][0]["severity"]) == (True, "warning")


def test_all_problems_of_a_broken_file_are_told_at_once(folder: Path, adaptive: Adaptive) -> None:
    """A typing error hides no selection, job or ladder; nothing is said that only follows from it."""
    (folder / "p.yaml").write_text(BROKEN)
    shown = adaptive("policy", "check", "p.yaml", "-f", str(PROJECT))
    assert shown.exit_code == 1
    assert [line.split(" (")[0] for line in shown.stdout.splitlines()] == [
        "p.yaml:4:23: `key:reprot` selects nothing",
        "p.yaml:5:29: there is no job `plian`",
        "p.yaml:5:43: there is no tier `bach`",
        "p.yaml:8:27: `10` has no unit",
        "p.yaml:9:15: the ladder ends in `reduced`, which is not known to take less than `full`",
        "p.yaml:10:5: the policy `d` governs nothing",
        "p.yaml:11:5: unknown key `selct`",
        "p.yaml:12:1: unknown key `gards`",
    ]
    assert adaptive("policy", "check", "p.yaml").exit_code == 1


def test_warnings_of_dagster_are_not_printed_around_the_problems(folder: Path) -> None:
    """Neither those of the project's definitions, though it asks for them, nor of what we use ourselves."""
    (folder / "p.yaml").write_text(POLICIES)
    (folder / "definitions.py").write_text(BETA)
    command = [
        sys.executable,
        "-W",
        "default",
        "-c",
        MAIN,
        "policy",
        "check",
        "p.yaml",
        "-f",
        "definitions.py",
    ]
    (folder / "dagster.yaml").touch()
    environment = {**os.environ, "DAGSTER_HOME": str(folder)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=environment)
    assert done.returncode == 1
    assert "selects nothing" in done.stdout
    assert "Warning" not in done.stderr, done.stderr
    assert "No dagster instance configuration file" not in done.stderr  # of the instance for the check


def test_definitions_that_cannot_be_loaded(folder: Path, adaptive: Adaptive) -> None:
    """The cause in one line, exit code 2, no traceback."""
    (folder / "p.yaml").write_text(POLICIES)
    (folder / "definitions.py").write_text("import dagster\nraise RuntimeError('no database')\n")
    (folder / "workspace.yaml").write_text("load_from: nothing\n")
    for arguments, expected in (
        (("-f", "definitions.py"), "RuntimeError: no database"),
        (("-m", "no_such_module"), "no_such_module"),
        (("-w", "workspace.yaml"), "workspace.yaml cannot be loaded"),
    ):
        shown = adaptive("policy", "check", "p.yaml", *arguments)
        assert shown.exit_code == 2
        assert expected in shown.stderr
        assert "Traceback" not in shown.output


def test_against_the_ledger(site: Site, adaptive: Adaptive, told: Told) -> None:
    """Without definitions, the assets are those that the locations last told of; jobs are left alone."""
    site.submit("forecast")
    site.cycle()
    edited = site.policies.with_name("edited.yaml")
    edited.write_text(
        POLICIES.replace("key:report", "key:reprot").replace(
            "select: key:forecast", "select: key:forecast\n    jobs: [plain]"
        )
    )
    found = told("policy", "check", edited)
    (problem,) = found["files"][0]["problems"]
    assert "selects nothing" in problem["message"]
    assert "`readings`" in problem["hint"] or "report" in problem["hint"]
    assert found["assets"]["known"] == 3
    assert "known from the ledger of" in adaptive("policy", "check", site.policies).stderr


def test_usage_errors(folder: Path, adaptive: Adaptive) -> None:
    """No file, a file that is not there, a directory, two sources of assets: exit code 2 and a sentence."""
    (folder / "p.yaml").write_text(POLICIES)
    for arguments in ((), ("nowhere.yaml",), (".",), ("p.yaml", "-m", "x", "-f", "p.yaml")):
        shown = adaptive("policy", "check", *arguments)
        assert (shown.exit_code, shown.stdout) == (2, "")
        assert "Error: " in shown.stderr


def test_the_schema(folder: Path, adaptive: Adaptive) -> None:
    """It is JSON, says what a policy is, and can be written to a file."""
    printed = json.loads(adaptive("policy", "schema").stdout)
    assert "policies" in printed["properties"]
    assert adaptive("policy", "schema", "--out", "schema.json").stdout == ""
    assert json.loads((folder / "schema.json").read_text()) == printed
    refused = adaptive("policy", "schema", "--out", "no/such/directory/schema.json")
    assert refused.exit_code == 2
    assert "cannot be written" in refused.stderr
