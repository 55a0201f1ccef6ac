"""From the landing folder into the tables of hours, with a quarantine for what cannot be read.

Nothing is thrown away: a delivery that was taken in is moved to ``ingested/``, one that cannot be read to
``quarantine/`` with the reason beside it.  Reading judges the form only (the columns, the types); whether
the values can be true is for the contracts downstream.
"""

import csv
import io
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from flights.backlog import Waiting, waiting, write_status
from flights.data import DEPARTURE_COLUMNS, WEATHER_COLUMNS
from flights.deliveries import Delivery
from flights.folder import FlightsFolder, write_json
from flights.hours import stamp

if TYPE_CHECKING:
    import pandas as pd

COLUMNS: Final = {"departures": DEPARTURE_COLUMNS, "weather": WEATHER_COLUMNS}
TEXT_COLUMNS: Final = frozenset({"carrier", "tailnum", "origin", "dest", "time_hour"})
LARGEST_FILE: Final = 16 * 1024 * 1024
"""Bytes; the busiest hour of the year has a hundredth of a megabyte."""
SETTLED_AFTER: Final = 10.0
"""Seconds since its last change after which a foreign file is no longer somebody's half-made copy."""


class BadDeliveryError(ValueError):
    """A delivered file cannot be read as its table; the message says why."""


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A file that was set aside: where it is now, and why."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class Intake:
    """What came of taking in an hour: the rows it has now (``None``: no hour), and what was set aside."""

    rows: int | None
    deliveries: tuple[int, ...]
    quarantined: tuple[Quarantined, ...]


def read_delivery(path: Path, table: str) -> "pd.DataFrame":
    """Return the rows of a delivered file, with the columns and types of its table.

    Numbers are floats, with NaN where the file says ``NA`` or nothing.

    Raises:
        BadDeliveryError: The file is not such a table.
        OSError: The file cannot be read at all.
    """
    import pandas as pd

    expected = COLUMNS[table]
    rows = _rows(path, expected)
    raw = pd.DataFrame(rows, columns=list(expected), dtype=object).replace({"": None, "NA": None})
    frame = raw.copy()
    for column in expected:
        if column not in TEXT_COLUMNS:
            frame[column] = _numbers(raw[column])
    _check_instants(raw["time_hour"])
    return frame


def _rows(path: Path, expected: tuple[str, ...]) -> list[list[str]]:
    """Return the fields of the rows below the header.

    Not with pandas: it fills short rows up, and drops what is too much, where a row cut short must be seen.
    """
    if not path.is_file():
        raise BadDeliveryError("it is not a file")
    size = path.stat().st_size
    if size > LARGEST_FILE:
        raise BadDeliveryError(f"it has {size:,} bytes; an hour never has more than {LARGEST_FILE:,}")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise BadDeliveryError(f"it is not UTF-8 text ({error.reason} at byte {error.start})") from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(reader, None)
        if header is None:
            raise BadDeliveryError("it is empty")
        if tuple(header) != expected:
            raise BadDeliveryError(_column_difference(header, expected))
        rows = []
        for row in reader:
            if len(row) != len(expected):
                raise BadDeliveryError(
                    f"line {reader.line_num}: {len(row)} fields where {len(expected)} are expected"
                )
            rows.append(row)
    except csv.Error as error:
        raise BadDeliveryError(f"line {reader.line_num}: it is not CSV ({error})") from error
    return rows


def _column_difference(found: list[str], expected: tuple[str, ...]) -> str:
    if len(found) == 1:
        return f"it has one column where {len(expected)} are expected, separated by commas"
    missing = [c for c in expected if c not in found]
    unknown = [c[:40] for c in found if c not in expected]
    parts = [f"missing: {', '.join(missing)}"] if missing else []
    parts += [f"unknown: {', '.join(unknown[:5])}"] if unknown else []
    return f"its columns are not those of the table ({'; '.join(parts) or 'another order, or one twice'})"


def _numbers(values: "pd.Series[str]") -> "pd.Series[float]":
    import numpy as np
    import pandas as pd

    numbers = pd.to_numeric(values, errors="coerce").astype(float)
    _refuse(values, values.notna() & ~np.isfinite(numbers), "a number")
    return numbers


def _check_instants(values: "pd.Series[str]") -> None:
    import pandas as pd

    instants = pd.to_datetime(values, utc=True, format="ISO8601", errors="coerce")
    _refuse(values, instants.isna(), "a time such as 2013-07-01T12:00:00Z")


def _refuse(values: "pd.Series[str]", bad: "pd.Series[bool]", right: str) -> None:
    if bad.any():
        row = int(bad.to_numpy().argmax())
        value = str(values.iloc[row])[:40]
        # A quoted field could hold a line break, but no field here does: rows are lines below the header.
        raise BadDeliveryError(f"line {row + 2}: `{values.name}` is `{value}`, not {right}")


def take_in(folder: FlightsFolder, table: str, hour: datetime, now: float) -> Intake:
    """Store what has been delivered of one hour of one table, and clear it from the landing folder.

    The stored hour is that of the delivery with the highest number so far, which its column ``delivery``
    says.  The order (store, then move the files) makes a crash harmless: the hour is taken in again, with the
    same rows.
    """
    good: list[tuple[Waiting, pd.DataFrame]] = []
    bad: list[Quarantined] = []
    for wait in (w for w in waiting(folder) if w.delivery.table == table and w.delivery.hour == hour):
        try:
            good.append((wait, read_delivery(wait.path, table)))
        except BadDeliveryError as error:
            bad.append(_set_aside(folder, wait.path, str(error), now))
    store, name = folder.hours(table), stamp(hour)
    stored = store.read([name])
    if good:
        newest, frame = good[-1]
        if stored is None or stored.empty or newest.delivery.number >= stored["delivery"].max():
            stored = frame.assign(delivery=newest.delivery.number)
            store.write(name, stored)
    for wait, _ in good:
        folder.ingested.mkdir(parents=True, exist_ok=True)
        wait.path.replace(folder.ingested / wait.path.name)
    write_status(folder, now)
    return Intake(
        None if stored is None else len(stored), tuple(w.delivery.number for w, _ in good), tuple(bad)
    )


def quarantine_foreign(folder: FlightsFolder, now: float, limit: int = 50) -> list[Quarantined]:
    """Set aside what lies in the landing folder and is no delivery, up to ``limit`` at a time.

    Hidden files are deliveries in the making, and what changed a moment ago may be somebody's copy in
    progress: both are left alone.
    """
    try:
        names = sorted(os.listdir(folder.landing))
    except FileNotFoundError:
        return []
    foreign = (name for name in names if not name.startswith(".") and Delivery.named(name) is None)
    done: list[Quarantined] = []
    for name in foreign:
        path = folder.landing / name
        try:
            if now - path.lstat().st_mtime < SETTLED_AFTER:
                continue
            reason = "its name is not that of a delivery, such as departures_2013-07-01T08Z_1.csv"
            done.append(_set_aside(folder, path, reason, now))
        except FileNotFoundError:  # its owner has taken it back
            continue
        if len(done) == limit:
            break
    return done


def quarantined_count(folder: FlightsFolder) -> int:
    """Return how many files are in quarantine."""
    try:
        return sum(1 for name in os.listdir(folder.quarantine) if name.endswith(_REASON))
    except FileNotFoundError:
        return 0


_REASON: Final = ".reason.json"


def _set_aside(folder: FlightsFolder, path: Path, reason: str, now: float) -> Quarantined:
    """Move a file to the quarantine, under a name that is free there, with the reason beside it."""
    target = _free_name(folder.quarantine, path.name)
    # The reason first: a file in quarantine is never without one.
    write_json(target.with_name(target.name + _REASON), {"file": path.name, "reason": reason, "at": now})
    path.replace(target)
    return Quarantined(target, reason)


def _free_name(folder: Path, name: str) -> Path:
    candidates: Iterable[str] = (name if n == 0 else f"{name}.{n}" for n in range(10_000))
    for candidate in candidates:
        if not os.path.lexists(folder / candidate):
            return folder / candidate
    raise FileExistsError(f"{folder} holds ten thousand files named {name}; clear it out")
