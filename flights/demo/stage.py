"""The deployment that the demo plays on: an instance, Dagster's daemon, the feed, and a squeeze."""

import math
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import dagster as dg
import yaml

from adaptive_assets.signals import MachineReader
from flights.children import Child, Family
from flights.demo import DATA, POLICIES, DemoError
from flights.feed import Feed
from flights.folder import FlightsFolder

__all__ = ["DemoError", "Stage", "staged"]

START: Final = datetime(2013, 1, 16, 12, tzinfo=UTC)
"""Seven in the morning in New York, on a day of snow: the first wave is on its way."""
LOCATION: Final = "flights.demo.location"
PATIENCE_S: Final = 8.0
"""How long runs may take to end when everything is stopped."""
LONGEST_SQUEEZE_S: Final = 600
TAIL: Final = 12


class Stage:
    """One deployment; made by :func:`staged`, which also takes it down."""

    def __init__(self, home: Path, instance: dg.DagsterInstance, family: Family, daemon: Child) -> None:
        self.home = home
        self.instance = instance
        self._family = family
        self._daemon = daemon
        self._feed = Feed(FlightsFolder(home / "flights"), START)
        self._squeeze: Child | None = None

    def land_an_hour(self) -> datetime:
        """Deliver the next hour of flights and weather; returns the hour."""
        hour = self._feed.state.position
        self._feed.step()
        return hour

    def squeeze(self) -> int:
        """Keep every core busy until :meth:`release`; returns how many.

        At a low priority: the machine is as full as the readings say, and what runs all the same gets on.
        """
        cores = math.ceil(MachineReader().read(time.time()).cpu_capacity)
        press = ["--cpu", str(cores), "--seconds", str(LONGEST_SQUEEZE_S)]
        command = ["nice", "-n", "10", sys.executable, "-m", "flights.squeeze", *press]
        self._squeeze = self._family.start(
            "squeeze", command, self.home, self.home / "squeeze.log", _keep_quiet
        )
        return cores

    def release(self) -> None:
        """End the squeeze."""
        if self._squeeze is not None:
            self._squeeze.send(signal.SIGTERM)

    def check(self) -> None:
        """Raise :class:`DemoError` if the daemon is gone: nothing more would happen."""
        if self._daemon.poll() is not None:
            raise DemoError(
                f"Dagster's daemon ended with code {self._daemon.poll()}. The end of its log:\n"
                f"{self.last_words()}"
            )

    def last_words(self) -> str:
        """The end of the daemon's log."""
        lines = self._daemon.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-TAIL:]) or "(it is empty)"


@contextmanager
def staged(home: Path) -> Iterator[Stage]:
    """Set a deployment up in an empty directory, and end every process of it afterwards, whatever happens."""
    policies, data = home / "policies.yaml", home / "flights"
    shutil.copyfile(Path(__file__).with_name("policies.yaml"), policies)
    (home / "dagster.yaml").write_text(yaml.safe_dump(_settings(policies)), encoding="utf-8")
    family = Family(
        {
            **os.environ,
            "DAGSTER_HOME": str(home),
            DATA: str(data),
            POLICIES: str(policies),
            "PYTHONUNBUFFERED": "1",
            # Threads of a numerical library that share a squeezed machine mostly wait for one another.
            "OMP_NUM_THREADS": "1",
        }
    )
    daemon = [sys.executable, "-W", "ignore", "-m", "dagster._daemon", "run", "-m", LOCATION]
    with dg.DagsterInstance.from_config(str(home)) as instance:
        _make_tables(instance)
        try:
            started = family.start("daemon", daemon, home, home / "daemon.log", _keep_quiet)
            yield Stage(home, instance, family, started)
        finally:
            family.stop(PATIENCE_S)


def _make_tables(instance: dg.DagsterInstance) -> None:
    """Make Dagster's tables, before there are two processes that would both make them."""
    instance.get_runs_count()
    instance.all_asset_keys()
    instance.all_instigator_state()


def _settings(policies: Path) -> dict[str, object]:
    """The demo's ``dagster.yaml``."""
    return {
        "run_coordinator": {
            "module": "adaptive_assets",
            "class": "AdaptiveRunCoordinator",
            "config": {
                "policies": str(policies),
                "dequeue_interval_seconds": 1,
                # Launching takes seconds: the next cycle shall not wait for it.
                "dequeue_use_threads": True,
                "dequeue_num_workers": 2,
            },
        },
        "run_monitoring": {"enabled": True, "poll_interval_seconds": 10},
        "freshness": {"enabled": True},
        "telemetry": {"enabled": False},
    }


def _keep_quiet(_name: str, _line: str) -> None:
    """The log file has it."""
