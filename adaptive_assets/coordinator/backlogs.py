"""Backlogs that feeds report in small JSON files: what has arrived and was not taken in yet."""

import json
from collections.abc import Iterable
from pathlib import Path

from adaptive_assets.planning.snapshot import Backlog
from adaptive_assets.policy.text import quoted

__all__ = ["BacklogError", "read_backlogs"]


LONGEST_SOURCE = 200
"""Characters."""
LARGEST_FILE = 2**20
"""Bytes; some ten thousand sources."""
LATEST_S = 1e12
"""Some thirty thousand years: what is more was counted in another unit."""


class BacklogError(Exception):
    """A backlog file that is there, but does not say what it should."""


def read_backlogs(files: Iterable[Path]) -> tuple[Backlog, ...]:
    """The backlogs in ``files``; a file that is not there yet reports nothing.

    A file holds a list of objects with ``source``, ``items``, ``lag_s`` (seconds) and optionally
    ``event_time`` (POSIX seconds).

    Raises:
        BacklogError: a file cannot be read or holds something else; names the file.
    """
    return tuple(backlog for file in files if file.exists() for backlog in _read(file))


def _content(file: Path) -> bytes:
    """What is in ``file``. One that is no plain file is not opened: a pipe would wait for its writer."""
    if not file.is_file():
        raise ValueError("it is a directory, or no plain file")
    with file.open("rb") as opened:
        content = opened.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise ValueError(f"it is larger than {LARGEST_FILE:,} bytes")
    return content


def _read(file: Path) -> Iterable[Backlog]:
    try:
        for entry in json.loads(_content(file)):
            event_time = entry.get("event_time")
            yield Backlog(
                source=str(entry["source"])[:LONGEST_SOURCE],
                items=int(entry["items"]),
                lag_s=_seconds(entry["lag_s"]),
                event_time=None if event_time is None else _seconds(event_time),
            )
    except (OSError, ValueError, OverflowError, RecursionError, TypeError, KeyError, AttributeError) as error:
        wanted = 'a list such as [{"source": "departures", "items": 3, "lag_s": 42.0}]'
        raise BacklogError(f"{file}: no backlog file ({quoted(repr(error), 200)}); write {wanted}") from error


def _seconds(told: object) -> float:
    seconds = float(str(told))
    if not 0 <= seconds <= LATEST_S:
        raise ValueError(f"`{quoted(str(told), 40)}` is no number of seconds from 0 on")
    return seconds
