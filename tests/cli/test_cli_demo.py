"""`adaptive demo`: what it reports and refuses; end to end, that it works and leaves nothing behind."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import psutil
import pytest

import adaptive_assets
from adaptive_assets.cli.demo.report import as_json, as_text, gather
from adaptive_assets.cli.installation import opened
from adaptive_assets.policy import load_policy_book
from flights.demo.play import Played
from tests.cli.sites import Adaptive, Site

START = [sys.executable, "-c", "from adaptive_assets.cli.main import main; main()", "demo"]


def of_home(home: Path) -> list[psutil.Process]:
    """The processes that live in a Dagster home."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("DAGSTER_HOME") == str(home):
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_the_report_tells_verdicts_waits_and_reasons(site: Site) -> None:
    """A run that went, and one that waits with its reason; what a smoke test misses is a problem."""
    began = time.time() - 1
    went, waits = site.submit("forecast"), site.submit("report")
    site.cycle()
    with opened(site.home) as installation:
        report = gather(installation, Played(began, time.time() + 10, began + 1, began + 2))
    text, told = click.unstyle(as_text(report)), as_json(report)
    assert max(len(line) for line in text.splitlines()) <= 100
    assert "deferred: data_missing: `readings` has never been materialized" in text
    assert "1 launched in full, 0 degraded, 1 still deferred" in text
    assert [run["run_id"] for run in told["runs"]] == [went, waits]
    assert [run["verdict"] for run in told["runs"]] == ["launch", "defer"]
    assert told["problems"] == ("No run was degraded.",)


def test_what_cannot_be_played_is_refused(adaptive: Adaptive, tmp_path: Path) -> None:
    """A directory with something in it, no hours, too many: exit code 2, and nothing was started."""
    (tmp_path / "something").touch()
    for arguments in (("--keep", tmp_path), ("--hours", "0"), ("--hours", "13")):
        shown = adaptive("demo", *arguments)
        assert (shown.exit_code, shown.stdout) == (2, "")
    assert [file.name for file in tmp_path.iterdir()] == ["something"]


@pytest.mark.parametrize(
    ("beside", "project"),
    [
        ("nothing", None),
        ("a package", None),
        ("a package with a demo", None),
        ("a package with a demo", "[project]\nname = 'theirs'\n"),
        ("a package with a demo", "project = 'theirs'\n"),
        ("a package with a demo", "no TOML"),
    ],
)
def test_without_the_pipeline_the_demo_says_where_it_is(
    tmp_path: Path, beside: str, project: str | None
) -> None:
    """Beside an installed package, `flights` is somebody else's: it is not run, whatever it looks like."""
    (tmp_path / "adaptive_assets").symlink_to(Path(adaptive_assets.__file__).parent)
    if project is not None:
        (tmp_path / "pyproject.toml").write_text(project)
    if beside != "nothing":
        (tmp_path / "flights").mkdir()
        (tmp_path / "flights" / "__init__.py").write_text("raise SystemExit('theirs was run')")
    if beside == "a package with a demo":
        (tmp_path / "flights" / "demo").mkdir()
        for module in ("__init__", "play", "stage"):
            (tmp_path / "flights" / "demo" / f"{module}.py").touch()
    refused(tmp_path, tmp_path)


def test_a_package_found_before_the_pipeline_is_not_run(tmp_path: Path) -> None:
    """Even in a checkout, what Python finds under the name may be somebody else's."""
    (tmp_path / "flights").mkdir()
    (tmp_path / "flights" / "__init__.py").write_text("raise SystemExit('theirs was run')")
    checkout = Path(adaptive_assets.__file__).parents[1]
    refused(tmp_path, tmp_path, checkout)


def refused(directory: Path, *path: Path) -> None:
    """Start the demo with ``path`` in front of Python's: one sentence, what to do, and nothing else."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path))}
    done = subprocess.run(
        START, env=environment, cwd=directory, capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    sentence, hint = done.stderr.splitlines()
    assert sentence.startswith("adaptive: The demo plays the reference pipeline, the folder `flights` of")
    assert hint == "In a checkout of the project: `make venv`, then `.venv/bin/adaptive demo`."


def test_the_demos_policy_book_is_a_good_one() -> None:
    """It is checked like any other, and has the ladder that the demo shows."""
    import flights.demo as package

    book = load_policy_book(Path(package.__file__).with_name("policies.yaml"))
    assert [rung.mode for rung in book.policy("delay-forecast").degrade] == ["averages"]


@pytest.mark.e2e
@pytest.mark.alone
@pytest.mark.timeout(420)
def test_the_demo_plays(tmp_path: Path) -> None:
    """Runs are launched, deferred and degraded, and no process and no file is left."""
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [*START, "--hours", "1", "--json"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout, done.stderr
    told = json.loads(done.stdout)
    late = [problem for problem in told["problems"] if "deadline" in problem]  # a slow machine's, not ours
    assert told["problems"] == late, done.stderr
    assert done.returncode == (1 if late else 0), done.stderr
    assert told["counts"]["launch"] >= 3
    (degraded, *_) = [run for run in told["runs"] if run["verdict"] == "degrade"]
    assert (degraded["name"], degraded["mode"]) == ("delay_forecast", "averages")
    assert degraded["deferred_for"][0]["code"] == "cpu"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.e2e
@pytest.mark.alone
@pytest.mark.timeout(240)
def test_a_demo_that_is_told_to_stop_stops_everything(tmp_path: Path) -> None:
    """SIGTERM in the middle of it: daemon, code server and runs end with it."""
    home = tmp_path / "home"
    demo = subprocess.Popen([*START, "--keep", str(home)], stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 120
        while len(of_home(home)) < 2 and time.monotonic() < until:
            time.sleep(0.5)
        assert len(of_home(home)) >= 2
        demo.send_signal(signal.SIGTERM)
        assert demo.wait(60) == 128 + signal.SIGTERM
        assert of_home(home) == []
    finally:
        demo.kill()
        demo.wait()
