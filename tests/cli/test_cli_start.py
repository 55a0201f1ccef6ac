"""The command as a process: quick to start, and no traceback for a user's mistake."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

START = "from adaptive_assets.cli.main import main; main()"


def run(*arguments: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    """Run `adaptive` in a process of its own, without a Dagster home."""
    environment = {key: value for key, value in os.environ.items() if key != "DAGSTER_HOME"}
    return subprocess.run(
        [sys.executable, "-c", START, *arguments],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--help",), 0),
        (("--version",), 0),
        (("policy", "check", "--help"), 0),
        (("policy", "schema"), 0),
        ((), 2),
        (("polcy",), 2),
        (("status",), 2),
        (("explain",), 2),
        (("explain", "abc", "--home", "/nowhere"), 2),
        (("queue", "--limit", "many"), 2),
        (("policy", "check", "nowhere.yaml"), 2),
    ],
)
def test_it_starts_and_ends_well(tmp_path: Path, arguments: tuple[str, ...], code: int) -> None:
    """The exit code tells use from misuse; results go to stdout, mistakes to stderr without a traceback."""
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert bool(done.stdout) is (code == 0)
    assert "\x1b" not in done.stdout + done.stderr


def test_it_is_light_until_it_has_to_work(tmp_path: Path) -> None:
    """`adaptive --help` loads neither Dagster nor the ledger nor anything for data frames."""
    look = "import sys; from adaptive_assets.cli.main import cli; print(*sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", look], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert loaded.isdisjoint(
        {"dagster", "sqlalchemy", "alembic", "psutil", "pandas", "numpy", "pandera", "pydantic"}
    )


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    """`adaptive policy schema | head -1` says nothing about the pipe."""
    done = subprocess.run(
        f"{sys.executable} -c '{START}' policy schema | head -c 1",
        shell=True,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("{", "")
