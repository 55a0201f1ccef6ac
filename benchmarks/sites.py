"""A site: one Dagster instance under measure, under the stock coordinator or under ours."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import dagster as dg
import yaml

from benchmarks.dagster_private import DequeueDaemon, WorkspaceProcessContext, in_process_workspace
from benchmarks.parts import LAUNCHES, TimedCoordinator
from tools.postgres import postgres_server

__all__ = ["OURS", "STOCK", "STORAGES", "Home", "Site", "Storage", "homes", "opened"]

Storage = Literal["sqlite", "postgres"]
STORAGES: tuple[Storage, ...] = ("sqlite", "postgres")
POLICIES = Path(__file__).with_name("policies.yaml")

STOCK: Mapping[str, Any] = {"module": "dagster", "class": "QueuedRunCoordinator"}
"""As Dagster comes: ten runs at once."""

OURS: Mapping[str, Any] = {
    "module": TimedCoordinator.__module__,
    "class": TimedCoordinator.__name__,
    "config": {"policies": str(POLICIES)},
}


@dataclass(frozen=True, slots=True)
class Home:
    """A ``DAGSTER_HOME``; ``url`` is that of the database with Dagster's tables of runs."""

    path: Path
    url: str

    @property
    def shards(self) -> Path:
        """Where a home on SQLite keeps the events of each run, one file for each."""
        return self.path / "history" / "runs"

    @property
    def launches(self) -> Path:
        """The file in which the launcher writes down what it launches."""
        return self.path / LAUNCHES


@contextmanager
def homes(
    storage: Storage, *coordinators: Mapping[str, Any], finish: bool = False, launches: bool = False
) -> Iterator[list[Home]]:
    """An empty home for each of ``coordinators`` (sections of ``dagster.yaml``), all on the same storage.

    On PostgreSQL they are databases of one server that waits for the disk at each commit, as in production.
    ``launches``: whether runs are really launched, by Dagster's default launcher; otherwise ``finish`` says
    whether a launched run succeeds at once, or stays as it is.
    """
    recording = {"module": "benchmarks.parts", "class": "RecordingLauncher", "config": {"finish": finish}}
    launcher = {} if launches else {"run_launcher": recording}
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        paths = [Path(folder) / str(number) for number in range(len(coordinators))]
        if storage == "sqlite":
            made = [Home(path, f"sqlite:///{path / 'history' / 'runs.db'}") for path in paths]
            yield _written(made, coordinators, [launcher for _ in paths])
            return
        with postgres_server(durable=True) as server:
            made = [Home(path, server.create_database()) for path in paths]
            stores = [{"storage": {"postgres": {"postgres_url": home.url}}} for home in made]
            yield _written(made, coordinators, [{**store, **launcher} for store in stores])


def _written(
    made: list[Home],
    coordinators: tuple[Mapping[str, Any], ...],
    sections: list[dict[str, Any]],
) -> list[Home]:
    for home, coordinator, section in zip(made, coordinators, sections, strict=True):
        settings = {
            **section,
            "run_coordinator": dict(coordinator),
            "telemetry": {"enabled": False},
        }
        home.path.mkdir()
        (home.path / "dagster.yaml").write_text(yaml.safe_dump(settings, sort_keys=False))
    return made


@dataclass(slots=True)
class Site:
    """An open home: what the dequeue daemon of a deployment has at hand."""

    home: Home
    instance: dg.DagsterInstance
    workspace: WorkspaceProcessContext
    daemon: DequeueDaemon

    def run_pass(self) -> None:
        """One dequeue pass, launches included."""
        self.daemon.run_pass(self.workspace)

    def own_part(self) -> float:
        """How long our part of the last pass took, in seconds; 0 under the stock coordinator."""
        coordinator = self.instance.run_coordinator
        return coordinator.own_parts[-1] if isinstance(coordinator, TimedCoordinator) else 0.0

    def launched(self) -> list[str]:
        """The ids of all runs that were ever launched here, in order."""
        launches = self.home.launches
        return [line.split()[0] for line in launches.read_text().splitlines()] if launches.exists() else []


@contextmanager
def opened(home: Home) -> Iterator[Site]:
    """The site at ``home``, as a daemon that has just started sees it."""
    with (
        dg.DagsterInstance.from_config(str(home.path)) as instance,
        in_process_workspace(instance) as workspace,
        DequeueDaemon() as daemon,
    ):
        yield Site(home, instance, workspace, daemon)
