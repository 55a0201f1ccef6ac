"""`adaptive policy`: everything that is wrong with a file, and its JSON Schema."""

import json
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
        "select: key:report", "select: key:report or key:readings\n    degrade: [{mode: last_good}]"
    )
    (folder / "p.yaml").write_text(own)
    (folder / "definitions.py").write_text(ADAPTED.format(file="p.yaml"))
    shown = adaptive("policy", "check", "p.yaml", "-f", "definitions.py")
    assert shown.exit_code == 1
    assert "p.yaml:5:" in shown.stdout or "p.yaml:6:" in shown.stdout
    assert "run_mode" in shown.stdout
    assert len(set(shown.stdout.splitlines())) == len(shown.stdout.splitlines())


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
