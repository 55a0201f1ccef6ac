"""A relative path means one file to `adapt()`, the coordinator and the command line, wherever each works."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.sites import Adaptive, Site

BOOK = "version: 1\npolicies: [{name: NAME, select: key:forecast}]\n"

LOOK = """
import json, sys, time
import dagster as dg
from click.testing import CliRunner
from adaptive_assets import adapt
from adaptive_assets.cli.main import cli
from adaptive_assets.coordinator.deployment import Deployment
from adaptive_assets.policy import PolicyError

@dg.asset
def forecast() -> None: ...

try:
    (spec,) = adapt(dg.Definitions(assets=[forecast]), "policies.yaml").resolve_all_asset_specs()
    adapted = spec.tags["adaptive/policy"]
except PolicyError as error:
    adapted = str(error)
with dg.DagsterInstance.get() as instance:
    deployment = Deployment("policies.yaml", "sqlite:///own.db", None)
    outcome = deployment.cycle(instance, None).run(time.time(), time.monotonic(), None)
    told = [fault.message for fault in outcome.faults if fault.part == "policy"]
    deployment.dispose()
checked = CliRunner().invoke(cli, ["policy", "check", "policies.yaml"])
status = CliRunner().invoke(cli, ["status", "--json"])
print(json.dumps([adapted, told, checked.output, json.loads(status.stdout)]))
"""

MAIN = "from adaptive_assets.cli.main import main; main()"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A Dagster home whose coordinator names its files by relative paths."""
    home = tmp_path / "home"
    home.mkdir()
    coordinator = {
        "module": "adaptive_assets",
        "class": "AdaptiveRunCoordinator",
        "config": {"policies": "policies.yaml", "ledger": "sqlite:///own.db"},
    }
    (home / "dagster.yaml").write_text(yaml.safe_dump({"run_coordinator": coordinator}))
    return home


def look(home: Path, folder: Path) -> Any:
    """What `adapt()`, a cycle, `policy check` and `status` say in a process that works in ``folder``."""
    folder.mkdir(exist_ok=True)
    environment = {**os.environ, "DAGSTER_HOME": str(home)}
    command = [sys.executable, "-c", LOOK]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=180
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_a_file_in_the_home_is_found_from_everywhere(home: Path, tmp_path: Path) -> None:
    """The ledger, which is made in the home, too."""
    (home / "policies.yaml").write_text(BOOK.replace("NAME", "of-the-home"))
    for folder in (home, tmp_path / "project"):
        adapted, told, checked, status = look(home, folder)
        assert (adapted, told) == ("of-the-home", [])
        here = "" if folder == home else f"{home}/"  # as it was written, where that is the same file
        assert checked.startswith(f"{here}policies.yaml: fine")
        assert status["policy"]["file"] == f"{home}/policies.yaml"
        assert status["policy"]["in_force"] == status["policy"]["written"]
        assert status["ledger"]["url"] == f"sqlite:///{home}/own.db"
    assert sorted(file.name for file in (tmp_path / "project").iterdir()) == []


def test_a_file_in_the_working_directory_is_found_there(home: Path, tmp_path: Path) -> None:
    """As before; from elsewhere, `status` finds what the daemon reads, even beside one of the same name."""
    project, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    for folder, name in ((project, "of-the-project"), (elsewhere, "of-nobody")):
        folder.mkdir()
        (folder / "policies.yaml").write_text(BOOK.replace("NAME", name))
    adapted, told, checked, status = look(home, project)
    assert (adapted, told) == ("of-the-project", [])
    assert "policies.yaml: fine" in checked
    assert status["policy"]["file"] == f"{project}/policies.yaml"
    command = [sys.executable, "-c", MAIN, "status", "--json", "--home", str(home)]
    done = subprocess.run(command, cwd=elsewhere, capture_output=True, text=True, check=False, timeout=90)
    assert json.loads(done.stdout)["policy"]["file"] == f"{project}/policies.yaml"


def test_a_file_that_is_nowhere_is_an_error_with_the_folders(home: Path, tmp_path: Path) -> None:
    """All four say where they have looked."""
    project = tmp_path / "project"
    adapted, told, checked, status = look(home, project)
    where = f"looked in {home} (DAGSTER_HOME) and {project} (the working directory)"
    assert adapted == f"policies.yaml: there is no such file ({where})"
    assert where in told[0]
    assert where in " ".join(checked.split())
    assert where in status["problems"][0]


def test_two_files_of_one_name(home: Path, tmp_path: Path) -> None:
    """`adapt()` takes the coordinator's and says so; the command line does not guess."""
    project = tmp_path / "project"
    project.mkdir()
    (home / "policies.yaml").write_text(BOOK.replace("NAME", "of-the-home"))
    (project / "policies.yaml").write_text(BOOK.replace("NAME", "of-the-project"))
    adapted, told, checked, status = look(home, project)
    assert (adapted, told) == ("of-the-home", [])
    assert status["policy"]["file"] == f"{home}/policies.yaml"
    assert "write the whole path of the one that you mean" in " ".join(checked.split())


def test_all_options_that_name_a_policy_file_look_in_the_home(
    site: Site, adaptive: Adaptive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`replay`, `simulate` and `policy test`."""
    site.submit("forecast")
    site.cycle()
    (site.home / "other.yaml").write_text(BOOK.replace("NAME", "other"))
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    Path("cases.yaml").write_text("cases: []\n")
    Path("one.csv").write_text("id,name,submit_s,duration_s,cpu,memory_mb\na,x,0,1,1,1\n")
    simulate = ("simulate", "--trace", "one.csv", "--cores", "1", "--memory", "1GiB", "--no-baselines")
    for command in (
        ("replay", "--policies"),
        (*simulate, "--no-oracle", "-q", "--policies"),
        ("policy", "test", "cases.yaml", "-p"),
    ):
        done = adaptive(*command, "other.yaml")
        assert "no such file" not in done.output, command
        missing = adaptive(*command, "nowhere.yaml")
        assert missing.exit_code == 2
        assert f"looked in {site.home} (DAGSTER_HOME)" in " ".join(missing.stderr.split())
