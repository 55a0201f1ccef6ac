"""The daily history: what became of a day's flights, arrivals included."""

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from flights.data import Archive
from flights.folder import FlightsFolder
from flights.hours import NEW_YORK
from flights.known import Known

if TYPE_CHECKING:
    import pandas as pd

SETTLED_AFTER = timedelta(days=1)
"""After a day's end, the time until its last flight has arrived for certain."""


def day_bounds(day: date) -> tuple[datetime, datetime]:
    """Return the instants at which a day begins and ends in New York."""
    begin, end = (datetime.combine(d, time(), NEW_YORK) for d in (day, day + timedelta(days=1)))
    return begin.astimezone(UTC), end.astimezone(UTC)


def is_over(day: date, known: Known) -> bool:
    """True when every flight of the day has arrived, as far as the replay has got."""
    return day_bounds(day)[1] + SETTLED_AFTER <= known.until


def missing_days(known: Known) -> list[date]:
    """Return the days that are over and not in the history yet, oldest first."""
    stored = set(known.folder.history.names())
    days = (date(2013, 1, 1) + timedelta(days=n) for n in range(365))
    return [day for day in days if day.isoformat() not in stored and is_over(day, known)]


def day_summary(folder: FlightsFolder, day: date) -> "pd.DataFrame":
    """Return the flights of a day by route and carrier.

    Columns: ``day``, ``origin``, ``dest``, ``carrier``, ``flights``, ``cancelled``, and the means
    ``dep_delay``, ``arr_delay``, ``air_time`` (minutes, of the flights that have them).
    """
    flights = Archive(folder.archive).flights(*day_bounds(day))
    flights["cancelled"] = flights["dep_time"].isna()
    by_route = flights.groupby(["origin", "dest", "carrier"], as_index=False).agg(
        flights=("flight", "size"),
        cancelled=("cancelled", "sum"),
        dep_delay=("dep_delay", "mean"),
        arr_delay=("arr_delay", "mean"),
        air_time=("air_time", "mean"),
    )
    by_route.insert(0, "day", day.isoformat())
    return by_route
