"""What must be true of the tables, as pandera models; the pipeline checks them and gates wait for them.

Each model is the promise of one table to those who read it.  A row that breaks one is a lie of the provider
or a mistake of ours, never merely unusual: the year as it was keeps every one of them.
"""

from typing import Any, Final

import pandas as pd
import pandera.pandas as pa
from pandera.typing.pandas import Series

from flights.data import EARLIEST_MIN, LATEST_MIN, ORIGINS
from flights.hours import NEW_YORK

UTC_TIME: Final = {"unit": "us", "tz": "UTC"}
DELAY: Final = {"min_value": EARLIEST_MIN, "max_value": LATEST_MIN}


class DeparturesClean(pa.DataFrameModel):
    """Each flight once, from one of the three airports, on a clock that agrees with itself."""

    flight_id: Series[str] = pa.Field(unique=True)
    carrier: Series[str] = pa.Field(str_matches=r"^[0-9A-Z]{2}$")
    flight: Series[pd.Int64Dtype] = pa.Field(gt=0)
    origin: Series[str] = pa.Field(isin=ORIGINS)
    dest: Series[str] = pa.Field(str_matches=r"^[A-Z]{3}$")
    distance: Series[float] = pa.Field(gt=0, lt=6000)
    scheduled_at: Series[pd.DatetimeTZDtype] = pa.Field(dtype_kwargs=UTC_TIME)
    departed_at: Series[pd.DatetimeTZDtype] = pa.Field(dtype_kwargs=UTC_TIME, nullable=True)
    known_at: Series[pd.DatetimeTZDtype] = pa.Field(dtype_kwargs=UTC_TIME)
    local_hour: Series[pd.Int64Dtype] = pa.Field(in_range={"min_value": 0, "max_value": 23})
    delay_min: Series[float] = pa.Field(in_range=DELAY, nullable=True)
    cancelled: Series[bool]

    @pa.dataframe_check
    @classmethod
    def local_hour_is_new_yorks(cls, frame: pd.DataFrame) -> "pd.Series[Any]":
        """The hour that the table gives is the hour in New York, not the one in UTC."""
        hour: pd.Series[Any] = frame["scheduled_at"].dt.tz_convert(NEW_YORK).dt.hour
        return frame["local_hour"] == hour

    @pa.dataframe_check
    @classmethod
    def cancelled_never_left(cls, frame: pd.DataFrame) -> "pd.Series[Any]":
        """A flight is cancelled if and only if it has no departure."""
        return frame["cancelled"] == frame["departed_at"].isna()


class AirportHours(pa.DataFrameModel):
    """One row an airport and hour, with counts that are counts and weather that can be weather."""

    origin: Series[str] = pa.Field(isin=ORIGINS)
    hour: Series[pd.DatetimeTZDtype] = pa.Field(dtype_kwargs=UTC_TIME)
    local_hour: Series[int] = pa.Field(in_range={"min_value": 0, "max_value": 23})
    departures: Series[int] = pa.Field(in_range={"min_value": 0, "max_value": 200})
    cancelled: Series[int] = pa.Field(in_range={"min_value": 0, "max_value": 200})
    delay_mean: Series[float] = pa.Field(in_range=DELAY, nullable=True)
    delay_p90: Series[float] = pa.Field(in_range=DELAY, nullable=True)
    temp: Series[float] = pa.Field(in_range={"min_value": -40, "max_value": 130}, nullable=True)
    humid: Series[float] = pa.Field(in_range={"min_value": 0, "max_value": 100}, nullable=True)
    wind_speed: Series[float] = pa.Field(in_range={"min_value": 0, "max_value": 200}, nullable=True)
    precip: Series[float] = pa.Field(in_range={"min_value": 0, "max_value": 10}, nullable=True)
    pressure: Series[float] = pa.Field(in_range={"min_value": 850, "max_value": 1100}, nullable=True)
    visib: Series[float] = pa.Field(in_range={"min_value": 0, "max_value": 50}, nullable=True)

    class Config:
        """An airport has an hour once."""

        unique = ["origin", "hour"]  # noqa: RUF012 (pandera reads a plain attribute)


class DelayForecast(pa.DataFrameModel):
    """A delay for each flight of the hours to come, none of them for a flight of the past."""

    flight_id: Series[str] = pa.Field(unique=True)
    origin: Series[str] = pa.Field(isin=ORIGINS)
    scheduled_at: Series[pd.DatetimeTZDtype] = pa.Field(dtype_kwargs=UTC_TIME)
    made_at: Series[pd.DatetimeTZDtype] = pa.Field(dtype_kwargs=UTC_TIME)
    delay_min: Series[float] = pa.Field(in_range=DELAY)
    mode: Series[str]

    @pa.dataframe_check
    @classmethod
    def is_of_the_future(cls, frame: pd.DataFrame) -> "pd.Series[Any]":
        """Nothing is forecast that was due before the forecast was made."""
        return frame["scheduled_at"] >= frame["made_at"]
