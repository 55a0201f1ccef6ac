"""From raw rows to the tables that people and models read.  Pure functions of frames.

`clean_departures` and `airport_hours` make the live tables and the training data alike: a model never meets
a column that was made differently from the one it learned from.
"""

from datetime import datetime
from typing import TYPE_CHECKING, Final

from flights.data import ORIGINS, departed_at, scheduled_at
from flights.hours import HOUR, NEW_YORK

if TYPE_CHECKING:
    import pandas as pd

STRONGEST_WIND: Final = 200.0
"""Miles an hour; the gauge at Newark once reported 1,048."""

WEATHER: Final = ("temp", "dewp", "humid", "wind_speed", "wind_gust", "precip", "pressure", "visib")
"""The observations that are carried into the hours of an airport."""

WEATHER_GOOD_FOR: Final = 3 * HOUR
"""How long an observation stands in for those that are missing after it."""


def clean_departures(raw: "pd.DataFrame") -> "pd.DataFrame":
    """Return departures typed, each flight once, on one clock.

    Columns: ``flight_id`` (date, carrier, number, origin), ``carrier``, ``flight``, ``tailnum``, ``origin``,
    ``dest``, ``distance`` (miles), ``scheduled_at``, ``departed_at`` (missing when cancelled), ``known_at``
    (all three UTC), ``local_hour`` (of the schedule, as the table says it), ``delay_min``, ``cancelled``.
    Values that cannot be true are kept: they are for the contract to find.  Oldest first by ``known_at``.
    """
    import pandas as pd

    scheduled, departed = scheduled_at(raw), departed_at(raw)
    frame = pd.DataFrame(
        {
            "flight_id": flight_ids(raw),
            "carrier": raw["carrier"].astype("str"),
            "flight": raw["flight"].astype("Int64"),
            "tailnum": raw["tailnum"].astype("string"),
            "origin": raw["origin"].astype("str"),
            "dest": raw["dest"].astype("str"),
            "distance": raw["distance"].astype(float),
            "scheduled_at": scheduled,
            "departed_at": departed,
            "known_at": departed.fillna(scheduled),
            "local_hour": raw["hour"].astype("Int64"),
            "delay_min": raw["dep_delay"].astype(float),
            "cancelled": raw["dep_delay"].isna(),
        }
    )
    return frame.drop_duplicates().sort_values(["known_at", "flight_id"], kind="stable", ignore_index=True)


def flight_ids(raw: "pd.DataFrame") -> "pd.Series[str]":
    """Return what names a flight: local date, carrier, number and origin, as in ``20130701-UA1545-EWR``."""
    date = raw["year"].mul(10000).add(raw["month"].mul(100)).add(raw["day"]).astype("Int64").astype("str")
    return date + "-" + raw["carrier"] + raw["flight"].astype("Int64").astype("str") + "-" + raw["origin"]


def clean_weather(raw: "pd.DataFrame") -> "pd.DataFrame":
    """Return one observation an airport and hour: ``origin``, ``hour`` (UTC) and the columns of `WEATHER`."""
    import pandas as pd

    hour = pd.to_datetime(raw["time_hour"], utc=True).dt.as_unit("us")
    frame = pd.DataFrame({"origin": raw["origin"].astype("str"), "hour": hour})
    for column in WEATHER:
        frame[column] = raw[column].astype(float)
    for column in ("wind_speed", "wind_gust"):
        frame[column] = frame[column].where(frame[column] <= STRONGEST_WIND)
    return frame.drop_duplicates(["origin", "hour"], keep="last").sort_values(
        ["hour", "origin"], ignore_index=True
    )


def airport_hours(
    departures: "pd.DataFrame", weather: "pd.DataFrame", first: datetime, until: datetime
) -> "pd.DataFrame":
    """Return what happened at each airport in each hour of [``first``, ``until``), quiet hours included.

    Columns: ``origin``, ``hour`` (its start, UTC), ``local_hour``, ``departures`` (that left), ``cancelled``
    (flights scheduled then), ``delay_mean`` and ``delay_p90`` (minutes, missing where nothing left), and the
    weather: the last observation up to the hour, missing where it is older than three hours.
    """
    import pandas as pd

    hours = pd.date_range(first, until - HOUR, freq="h", tz="UTC", unit="us")
    grid = pd.MultiIndex.from_product([hours, ORIGINS], names=["hour", "origin"]).to_frame(index=False)
    grid["origin"] = grid["origin"].astype("str")
    events = departures.assign(hour=departures["known_at"].dt.floor("h")).groupby(["hour", "origin"])
    sums = events.agg(
        departures=("delay_min", "count"),
        cancelled=("cancelled", "sum"),
        delay_mean=("delay_min", "mean"),
    )
    sums["delay_p90"] = events["delay_min"].quantile(0.9)
    frame = grid.merge(sums.reset_index(), on=["hour", "origin"], how="left")
    for column in ("departures", "cancelled"):
        frame[column] = frame[column].fillna(0).astype("int64")
    frame.insert(2, "local_hour", frame["hour"].dt.tz_convert(NEW_YORK).dt.hour.astype("int64"))
    return pd.merge_asof(
        frame.sort_values("hour", kind="stable"),
        weather.sort_values("hour", kind="stable"),
        on="hour",
        by="origin",
        tolerance=pd.Timedelta(WEATHER_GOOD_FOR),
    )
