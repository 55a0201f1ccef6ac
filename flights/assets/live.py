"""The live tables: the last seven days as they are known now, made anew as hours come in."""

from datetime import timedelta
from typing import Final

import dagster as dg
import pandas as pd

from flights.accuracy import score
from flights.automation import not_during, when_landed, when_updated
from flights.hours import FIRST_HOUR, stamp
from flights.metadata import local, markdown_table, numbers
from flights.resources import FlightsData

WINDOW: Final = timedelta(days=7)
"""How far the live tables reach back; what is older is read from the archive and the landed hours."""

SCORED: Final = timedelta(days=1)
"""How far back forecasts are scored."""

_OWNERS: Final = ["team:flight-data"]
_FRESH: Final = dg.FreshnessPolicy.time_window(
    warn_window=timedelta(minutes=2), fail_window=timedelta(minutes=5)
)
_LANDED: Final = dg.AllPartitionMapping()


@dg.asset(
    deps=[dg.AssetDep("departures", partition_mapping=_LANDED)],
    group_name="live",
    kinds={"pandas", "parquet"},
    owners=_OWNERS,
    freshness_policy=_FRESH,
    automation_condition=when_landed("departures") & not_during("airport_hours", "forecast_accuracy"),
)
def departures_clean(data: FlightsData) -> dg.MaterializeResult[pd.DataFrame]:
    """The departures of the last seven days: typed, each flight once, on one clock.

    ``time_hour`` is in UTC and ``hour`` is New York's; the schedule goes by the former and the contract holds
    the latter against it.
    """
    known = data.known()
    frame = known.departures(max(FIRST_HOUR, known.until - WINDOW))
    return dg.MaterializeResult(
        value=frame,
        metadata={
            "known_until": local(known.until),
            "cancelled": int(frame["cancelled"].sum()),
            **numbers(delay_mean_min=frame["delay_min"].mean()),
        },
    )


@dg.asset(
    deps=[dg.AssetDep("weather", partition_mapping=_LANDED)],
    group_name="live",
    kinds={"pandas", "parquet"},
    owners=_OWNERS,
    freshness_policy=_FRESH,
    automation_condition=when_updated("departures_clean"),
)
def airport_hours(data: FlightsData, departures_clean: pd.DataFrame) -> dg.MaterializeResult[pd.DataFrame]:
    """How each airport did in each hour of the last seven days: departures, delays, weather."""
    known = data.known()
    frame = known.airport_hours(departures_clean, max(FIRST_HOUR, known.until - WINDOW))
    newest = frame[frame["hour"] == frame["hour"].max()]
    return dg.MaterializeResult(
        value=frame,
        metadata={
            "known_until": local(known.until),
            "departures_last_hour": int(newest["departures"].sum()),
            **numbers(delay_mean_last_hour_min=newest["delay_mean"].mean()),
        },
    )


@dg.asset(
    deps=["delay_forecast"],
    group_name="live",
    kinds={"pandas"},
    owners=["team:forecasting"],
    automation_condition=when_updated("departures_clean", needs=["delay_forecast"]),
)
def forecast_accuracy(
    data: FlightsData, departures_clean: pd.DataFrame
) -> dg.MaterializeResult[pd.DataFrame]:
    """The forecasts of the last day against what happened, by the mode they were made in.

    This is what a degradation costs: the same flights, forecast by the model and by less.
    """
    known = data.known()
    store = data.folder.forecasts
    forecasts = store.read(store.names(stamp(known.until - SCORED)))
    frame = score(forecasts, departures_clean)
    by_mode = frame[frame["horizon_h"] == "all"].set_index("mode")
    return dg.MaterializeResult(
        value=frame,
        metadata={
            "flights_scored": int(by_mode["flights"].sum()),
            **numbers(**{f"mae_min/{mode}": mae for mode, mae in by_mode["mae_min"].items()}),
            "table": dg.MetadataValue.md(markdown_table(frame)),
        },
    )
