"""What has landed and was not taken in yet.

The landing folder itself is the truth: a file lies there until its hour has been stored.  Beside it,
``backlog.json`` keeps the answer for those who ask often; the feed writes it when files land and the
pipeline when they are taken in::

    [{"source": "departures", "items": 2, "lag_s": 31.5, "oldest_at": 1718000000.0,
      "event_time": 1372665600.0}]

``items`` counts hours, ``lag_s`` is the age of the oldest file when this was written, ``oldest_at`` when that
file landed and ``event_time`` the end of the newest hour that was taken in (POSIX seconds or null).
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from flights.deliveries import TABLES, Delivery
from flights.folder import FlightsFolder, read_json, write_json
from flights.hours import HOUR, hour_named

__all__ = [
    "Backlog",
    "SourceStatus",
    "Waiting",
    "backlogs",
    "read_status",
    "source_status",
    "waiting",
    "write_status",
]


@dataclass(frozen=True, slots=True)
class Backlog:
    """Input of one source that has landed and was not taken in yet."""

    source: str
    items: int
    lag_s: float
    """Age of the oldest hour that waits, in seconds."""
    event_time: float | None
    """The end of the newest hour that was taken in (POSIX seconds)."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A delivery in the landing folder, and when it landed (POSIX seconds)."""

    delivery: Delivery
    path: Path
    landed_at: float


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """The backlog of a source, with the instant that its lag is counted from."""

    source: str
    items: int
    oldest_at: float | None
    event_time: float | None

    def backlog(self, now: float) -> Backlog:
        """Return the backlog as of ``now`` (POSIX seconds)."""
        # A clock that was set back must not make a negative lag.
        lag = 0.0 if self.oldest_at is None else max(0.0, now - self.oldest_at)
        return Backlog(source=self.source, items=self.items, lag_s=lag, event_time=self.event_time)


def source_status(source: str, waits: Iterable[Waiting], taken_until: datetime | None) -> SourceStatus:
    """Sum up one source's waiting deliveries; ``taken_until`` is the end of its newest stored hour."""
    own = [w for w in waits if w.delivery.table == source]
    return SourceStatus(
        source=source,
        items=len({w.delivery.hour for w in own}),
        oldest_at=min((w.landed_at for w in own), default=None),
        event_time=taken_until.timestamp() if taken_until else None,
    )


def waiting(folder: FlightsFolder) -> list[Waiting]:
    """Return the deliveries that wait in the landing folder, oldest hour first."""
    found = [
        Waiting(delivery, Path(entry.path), landed_at)
        for entry in _entries(folder.landing)
        if (delivery := Delivery.named(entry.name)) and (landed_at := _modified(entry)) is not None
    ]
    return sorted(found, key=lambda w: w.delivery)


def backlogs(root: Path, now: float) -> tuple[Backlog, ...]:
    """Return the backlog of every source under a data folder, from the folder itself."""
    return tuple(status.backlog(now) for status in _statuses(FlightsFolder(root)))


def write_status(folder: FlightsFolder, now: float) -> None:
    """Bring ``backlog.json`` up to date."""
    entries = [{**asdict(status), "lag_s": status.backlog(now).lag_s} for status in _statuses(folder)]
    write_json(_status_file(folder), entries)


def read_status(root: Path, now: float) -> tuple[Backlog, ...]:
    """Return what ``backlog.json`` says, with the lag as of ``now``; nothing where there is no such file.

    Raises:
        ValueError: The file is damaged; the message names it.
    """
    path = _status_file(FlightsFolder(root))
    value = read_json(path)
    if value is None:
        return ()
    try:
        if not isinstance(value, list):
            raise TypeError(f"it holds {type(value).__name__}")
        return tuple(_status(entry).backlog(now) for entry in value)
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path} is not a list of backlogs ({type(error).__name__}: {error})") from error


def _status(entry: dict[str, Any]) -> SourceStatus:
    return SourceStatus(entry["source"], entry["items"], entry["oldest_at"], entry["event_time"])


def _status_file(folder: FlightsFolder) -> Path:
    return folder.root / "backlog.json"


def _statuses(folder: FlightsFolder) -> list[SourceStatus]:
    waits = waiting(folder)
    return [source_status(table, waits, _taken_until(folder, table)) for table in TABLES]


def _taken_until(folder: FlightsFolder, table: str) -> datetime | None:
    newest = folder.hours(table).newest()
    return hour_named(newest) + HOUR if newest else None


def _entries(path: Path) -> "Iterator[os.DirEntry[str]]":
    try:
        with os.scandir(path) as entries:
            yield from entries
    except FileNotFoundError:
        return


def _modified(entry: "os.DirEntry[str]") -> float | None:
    """The file's time; ``None`` when it was taken in while we looked."""
    try:
        return entry.stat().st_mtime
    except FileNotFoundError:
        return None
