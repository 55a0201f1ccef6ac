"""`make dev`, started, stopped and started again, with everything real."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import dagster as dg
import psutil
import pytest
import yaml

from flights.feed_state import FeedState, read_state
from flights.folder import FlightsFolder

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def policies(tmp_path: Path) -> Path:
    """The shipped policies, two runs at a time whatever the CPU does: the machine is busy with tests."""
    book: dict[str, Any] = yaml.safe_load((PROJECT / "policies" / "flights.yaml").read_text())
    book["guards"] = {"cpu": "100%", "memory": "95%", "concurrency": 2}
    for policy in (*book["policies"], book["default"]):
        for part in (policy, *policy.get("degrade", ())):
            part["estimate"]["cpu"] = 0
    path = tmp_path / "policies.yaml"
    path.write_text(yaml.safe_dump(book))
    return path


class Started:
    """One `make dev`."""

    def __init__(self, home: Path, policies: Path) -> None:
        self.home = home
        self._output = home.with_name("dev.out")
        options = ["--home", str(home), "--policies", str(policies), "--speed", "15"]
        command = [
            sys.executable,
            "-m",
            "flights.dev",
            *options,
            "--start",
            "2013-01-12T10:00",
        ]
        with self._output.open("w") as output:
            self._process = subprocess.Popen(command, cwd=PROJECT, stdout=output, stderr=subprocess.STDOUT)

    def output(self) -> str:
        """What it has printed."""
        return self._output.read_text()

    def until(self, condition: Callable[[], bool], what: str, seconds: float = 300) -> None:
        """Wait for something to become true."""
        end = time.monotonic() + seconds
        while not condition():
            assert self._process.poll() is None, self.output()
            assert time.monotonic() < end, f"{what} did not happen:\n{self.output()[-5000:]}"
            time.sleep(0.5)

    def materialized(self, *assets: str) -> bool:
        """True when each asset has been materialized at least once."""
        with self.instance() as instance:
            return all(instance.get_latest_materialization_event(dg.AssetKey(asset)) for asset in assets)

    @contextmanager
    def instance(self) -> Iterator[dg.DagsterInstance]:
        """The instance, as the CLI would open it."""
        with dg.DagsterInstance.from_config(str(self.home)) as instance:
            yield instance

    def stop(self, number: signal.Signals) -> int:
        """Ask it to stop, and return its exit code."""
        self._process.send_signal(number)
        return self._process.wait(90)

    def kill(self) -> None:
        """End whatever is left, by its own marks, so that a failed test leaves nothing behind."""
        with suppress(ProcessLookupError):
            self._process.kill()
        for process in alive(self.home):
            with suppress(psutil.Error):
                process.kill()


def alive(home: Path) -> list[psutil.Process]:
    """The processes that work for a home."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE and process.environ().get("DAGSTER_HOME") == str(
                home
            ):
                found.append(process)
    return found


@pytest.mark.e2e
@pytest.mark.alone
@pytest.mark.timeout(900)
def test_start_stop_and_start_again(tmp_path: Path, policies: Path) -> None:
    """Started: the feed lands, the coordinator lets runs go, tables and model are made.

    Stopped by Ctrl-C: exit code 0, and no process is left.  Started again: the feed carries on, and so do the
    runs.  Stopped by SIGTERM: the same.
    """
    home = tmp_path / "home"
    first = Started(home, policies)
    try:
        first.until(lambda: "Dagster UI" in first.output(), "the screen")
        first.until(lambda: first.materialized("departures_clean", "airport_hours"), "live tables")
        first.until(lambda: first.materialized("delay_model"), "a model")
        first.until(lambda: first.materialized("delay_forecast"), "a forecast")
        assert len(alive(home)) >= 5
        assert first.stop(signal.SIGINT) == 0, first.output()
        assert alive(home) == []
        stopped_at = read_state(FlightsFolder(home / "flights"))
        assert "The next start carries on from 2013-01-1" in first.output()

        second = Started(home, policies)
        try:
            second.until(lambda: position(home) > position_of(stopped_at), "the next hour")
            made = len(succeeded(second))
            second.until(lambda: len(succeeded(second)) > made, "another run")
            assert second.stop(signal.SIGTERM) == 0, second.output()
        finally:
            second.kill()
        assert alive(home) == []
    finally:
        first.kill()

    with second.instance() as instance:
        runs = instance.get_runs()
        forecast = instance.get_latest_materialization_event(dg.AssetKey("delay_forecast"))
    assert {run.tags.get(".dagster/adaptive_policy") for run in runs} >= {
        "landing",
        "live-tables",
        "training",
    }
    assert forecast is not None
    assert forecast.asset_materialization is not None
    assert forecast.asset_materialization.metadata["adaptive/mode"].value in ("full", "averages", "last_good")
    assert os.listdir(home / "flights" / "ingested")


def position_of(state: FeedState | None) -> float:
    """The replay's clock as a number."""
    return state.position.timestamp() if state else 0.0


def position(home: Path) -> float:
    """The replay's clock of a home."""
    return position_of(read_state(FlightsFolder(home / "flights")))


def succeeded(started: Started) -> list[dg.DagsterRun]:
    """The runs that have succeeded."""
    with started.instance() as instance:
        return list(instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.SUCCESS])))
