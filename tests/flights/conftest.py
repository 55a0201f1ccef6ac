"""A data folder with a short history: the replay starts on 12 January 2013, so that training is quick."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from flights import flights_definitions
from flights.backlog import waiting
from flights.data import Archive
from flights.feed import Feed
from flights.folder import FlightsFolder
from flights.hours import HOUR, hour_key
from flights.landing import take_in
from flights.replay import Chaos

START = datetime(2013, 1, 12, 15, tzinfo=UTC)
"""Ten in the morning in New York."""


@pytest.fixture(scope="session")
def archive_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The year, unpacked once for all tests."""
    folder = tmp_path_factory.mktemp("archive")
    archive = Archive(folder)
    archive.departures(START, START + HOUR)
    archive.weather(START, START + HOUR)
    return folder


@pytest.fixture
def archive(archive_folder: Path) -> Archive:
    """The year."""
    return Archive(archive_folder)


@pytest.fixture
def folder(tmp_path: Path, archive_folder: Path) -> FlightsFolder:
    """An empty data folder."""
    made = FlightsFolder(tmp_path / "flights")
    made.root.mkdir()
    made.archive.symlink_to(archive_folder)
    return made


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory, archive_folder: Path) -> "Iterator[Pipeline]":
    """A pipeline that has taken in three hours and has a model."""
    folder = FlightsFolder(tmp_path_factory.mktemp("pipeline") / "flights")
    folder.root.mkdir()
    folder.archive.symlink_to(archive_folder)
    with dg.DagsterInstance.ephemeral() as instance:
        made = Pipeline(folder, instance)
        made.land(3)
        assert made.run("airports", "planes", "airlines").success
        assert made.run("departures_clean", "airport_hours").success
        assert made.run("training_set", "delay_model").success
        yield made


def replay(folder: FlightsFolder, hours: int, chaos: Chaos | None = None) -> Feed:
    """Deliver some hours."""
    feed = Feed(folder, START, chaos)
    for _ in range(hours):
        feed.step()
    return feed


def take_in_all(folder: FlightsFolder) -> None:
    """Take in everything that waits."""
    for hour, table in sorted({(w.delivery.hour, w.delivery.table) for w in waiting(folder)}):
        take_in(folder, table, hour, time.time())


class Pipeline:
    """The pipeline on a data folder, with an instance that remembers."""

    def __init__(self, folder: FlightsFolder, instance: dg.DagsterInstance) -> None:
        self.folder = folder
        self.instance = instance
        self._definitions = flights_definitions(folder.root)
        self._job = self._definitions.resolve_implicit_global_asset_job_def()

    def run(self, *assets: str, tags: dict[str, str] | None = None, partition: str | None = None) -> Any:
        """Materialize assets and run their checks."""
        keys = {dg.AssetKey(asset) for asset in assets}
        return self._job.get_subset(asset_selection=keys).execute_in_process(
            instance=self.instance, tags=tags, partition_key=partition, raise_on_error=False
        )

    def land(self, hours: int) -> None:
        """Deliver some hours and take them in."""
        first = replay(self.folder, 0).state.position - HOUR
        replay(self.folder, hours)
        for n in range(hours):
            assert self.run("departures", "weather", partition=hour_key(first + n * HOUR)).success

    def frame(self, asset: str) -> pd.DataFrame:
        """What an asset has stored."""
        frame: Any = self._definitions.load_asset_value(asset, instance=self.instance)
        return frame  # type: ignore[no-any-return]

    def metadata(self, asset: str) -> dict[str, Any]:
        """What its latest materialization says."""
        event = self.instance.get_latest_materialization_event(dg.AssetKey(asset))
        assert event is not None
        assert event.asset_materialization is not None
        return {key: value.value for key, value in event.asset_materialization.metadata.items()}
