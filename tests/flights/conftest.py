"""A data folder with a short history: the replay starts on 12 January 2013, so that training is quick."""

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from flights.backlog import waiting
from flights.data import Archive
from flights.feed import Feed
from flights.folder import FlightsFolder
from flights.hours import HOUR
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
