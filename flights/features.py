"""What a forecast goes by: the flight itself, and how its airport was doing when the forecast was made.

A forecast made at the instant ``made_at`` sees the airport's last whole hour before it.  Training rows are
made as if each flight had been forecast one, two or three hours ahead, so that the model learns from exactly
what it will be given.
"""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from flights.data import EARLIEST_MIN, LATEST_MIN, ORIGINS
from flights.hours import HOUR, NEW_YORK
from flights.tables import WEATHER

if TYPE_CHECKING:
    import pandas as pd

HORIZON_HOURS: Final = 3
"""A forecast covers the flights scheduled in this many hours from its instant on."""

CATEGORIES: Final = ("origin", "carrier", "dest")
AIRPORT: Final = ("departures", "cancelled", "delay_mean", "delay_p90", *WEATHER)
FEATURES: Final = (
    *CATEGORIES,
    "local_hour",
    "weekday",
    "month",
    "distance",
    "plane_year",
    "seats",
    "horizon_min",
    *AIRPORT,
)
LABEL: Final = "delay_min"


def features(
    flights: "pd.DataFrame", made_at: "pd.Series[pd.Timestamp]", hours: "pd.DataFrame", planes: "pd.DataFrame"
) -> "pd.DataFrame":
    """Return the columns `FEATURES` for flights, in their order.

    Args:
        flights: ``origin``, ``carrier``, ``dest``, ``distance``, ``tailnum`` and ``scheduled_at``.
        made_at: The instant of each flight's forecast, at the start of an hour.
        hours: The hours of the airports, as `tables.airport_hours` makes them.
        planes: ``tailnum``, ``year`` and ``seats``.
    """
    import pandas as pd

    local = flights["scheduled_at"].dt.tz_convert(NEW_YORK)
    frame = pd.DataFrame(
        {
            "origin": flights["origin"],
            "carrier": flights["carrier"],
            "dest": flights["dest"],
            "local_hour": local.dt.hour.astype(float),
            "weekday": local.dt.day_of_week.astype(float),
            "month": local.dt.month.astype(float),
            "distance": flights["distance"].astype(float),
            "horizon_min": (flights["scheduled_at"] - made_at).dt.total_seconds() / 60,
            "tailnum": flights["tailnum"],
            "hour": (made_at - HOUR).astype("datetime64[us, UTC]"),
        }
    )
    fleet = planes.drop_duplicates("tailnum").rename(columns={"year": "plane_year"})[
        ["tailnum", "plane_year", "seats"]
    ]
    frame = frame.merge(fleet.astype({"tailnum": frame["tailnum"].dtype}), on="tailnum", how="left")
    frame = frame.merge(hours[["hour", "origin", *AIRPORT]], on=["hour", "origin"], how="left")
    return frame[list(FEATURES)].astype(dict.fromkeys(FEATURES[len(CATEGORIES) :], float))


def training_rows(
    departures: "pd.DataFrame", hours: "pd.DataFrame", planes: "pd.DataFrame", first: datetime
) -> "pd.DataFrame":
    """Return a row of `FEATURES`, `LABEL`, ``scheduled_at`` and ``known_at`` for every flight that left.

    Flights of the first hours after ``first`` are left out: nothing is known of their airports.
    """
    import pandas as pd

    # A wrong delivery may be among them, on its way to be corrected: nothing is learned from the impossible.
    possible = departures["origin"].isin(ORIGINS) & departures["delay_min"].between(EARLIEST_MIN, LATEST_MIN)
    flown = departures[possible & (departures["scheduled_at"] >= first + timedelta(hours=4))].reset_index(
        drop=True
    )
    # How far ahead is drawn from the flight's own name: the same whenever this is made, of whichever rows.
    ahead = pd.util.hash_pandas_object(flown["flight_id"], index=False) % HORIZON_HOURS
    made_at = flown["scheduled_at"].dt.floor("h") - pd.to_timedelta(ahead.astype("int64"), unit="h")
    frame = features(flown, made_at, hours, planes)
    return frame.assign(**{column: flown[column] for column in (LABEL, "scheduled_at", "known_at")})
