"""The forecast, the model behind it, and what the model learns from.

Each of them can do less when it is told to: see the ladders in ``policies/flights.yaml``.
"""

from datetime import timedelta
from typing import Final

import dagster as dg
import pandas as pd

from adaptive_assets import RunMode
from flights.automation import every, not_during, when_settled, when_updated
from flights.features import training_rows
from flights.hours import FIRST_HOUR, stamp
from flights.metadata import local, numbers
from flights.model import (
    DelayModel,
    carried_over,
    fit,
    forecast_by_averages,
    forecast_by_model,
    horizon,
)
from flights.resources import FlightsData

AVERAGES: Final = "averages"
"""The mode in which a forecast does without the model."""

_OWNERS: Final = ["team:forecasting"]
_TRAINED_EVERY: Final = "*/4 * * * *"
_SEED: Final = 2013


@dg.asset(
    deps=["departures_clean"],
    group_name="forecasting",
    kinds={"pandas", "parquet"},
    owners=_OWNERS,
    automation_condition=every(_TRAINED_EVERY, "departures_clean", needs=["planes"])
    & not_during("delay_model"),
)
def training_set(
    context: dg.AssetExecutionContext, data: FlightsData, run_mode: RunMode, planes: pd.DataFrame
) -> dg.MaterializeResult[pd.DataFrame]:
    """Every flight of the year so far that left, with what was known when it would have been forecast.

    Told to ``sample``, it draws that share of them; told to serve the last good version, it does.
    """
    mode = run_mode.read(context)
    if mode.is_last_good:
        return dg.MaterializeResult(value=run_mode.last_good(context))
    share = _share(mode.get("sample", 1.0))
    known = data.known()
    departures = known.departures()
    rows = training_rows(departures, known.airport_hours(departures), planes, FIRST_HOUR)
    if share < 1.0:
        rows = rows.sample(frac=share, random_state=_SEED).sort_index(ignore_index=True)
    return dg.MaterializeResult(value=rows, metadata={"known_until": local(known.until), "share": share})


@dg.asset(
    group_name="forecasting",
    kinds={"scikitlearn"},
    owners=_OWNERS,
    automation_condition=when_updated("training_set"),
)
def delay_model(
    context: dg.AssetExecutionContext, run_mode: RunMode, training_set: pd.DataFrame
) -> dg.MaterializeResult[DelayModel]:
    """A gradient-boosted model of departure delays, with its error on the newest week."""
    mode = run_mode.read(context)
    if mode.is_last_good:
        return dg.MaterializeResult(value=run_mode.last_good(context))
    model = fit(training_set, training_set["known_at"].max().to_pydatetime())
    return dg.MaterializeResult(
        value=model,
        metadata={
            "rows": model.rows,
            "known_until": local(model.known_until),
            **numbers(mae_min=model.mae_min, baseline_mae_min=model.baseline_mae_min),
        },
    )


@dg.asset(
    deps=["departures_clean", "delay_model", "planes"],
    group_name="forecasting",
    kinds={"scikitlearn", "parquet"},
    owners=_OWNERS,
    freshness_policy=dg.FreshnessPolicy.time_window(
        warn_window=timedelta(minutes=3), fail_window=timedelta(minutes=10)
    ),
    automation_condition=when_settled("departures_clean", "airport_hours", needs=["delay_model", "planes"]),
)
def delay_forecast(
    context: dg.AssetExecutionContext, data: FlightsData, run_mode: RunMode, airport_hours: pd.DataFrame
) -> dg.MaterializeResult[pd.DataFrame]:
    """The delays of the departures scheduled in the next three hours.

    In full by the model; told to go by ``averages``, by what the airport averages at that hour of the day;
    told to serve the last good version, by that one, carried over to the flights that have come into sight
    since.
    """
    mode = run_mode.read(context)
    known = data.known()
    made_at = known.until
    flights = known.schedule(made_at, horizon(made_at))
    if mode.is_last_good:
        forecast = carried_over(flights, run_mode.last_good(context), made_at)
    elif mode.name == AVERAGES:
        forecast = forecast_by_averages(flights, airport_hours, made_at)
    elif mode.is_full:
        # Loaded here and not as inputs: the cheaper modes are cheap because they do without.
        model = context.load_asset_value(dg.AssetKey("delay_model"))
        planes = context.load_asset_value(dg.AssetKey("planes"), python_type=pd.DataFrame)
        forecast = forecast_by_model(model, flights, airport_hours, planes, made_at)
    else:
        raise dg.Failure(
            f"delay_forecast has no mode `{mode.name}`; it knows `full`, `{AVERAGES}` and `last_good`. "
            f"Correct the ladder of its policy.",
            allow_retries=False,
        )
    forecast = forecast.assign(mode=mode.name)
    data.folder.forecasts.write(stamp(made_at), forecast)
    return dg.MaterializeResult(
        value=forecast,
        metadata={
            "made_at": local(made_at),
            "covers_until": local(horizon(made_at)),
            **numbers(delay_mean_min=forecast["delay_min"].mean()),
        },
    )


def _share(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 < value <= 1.0:
        raise dg.Failure(
            f"`sample` is {value!r}; a share above 0 and up to 1 is right, such as 0.25. "
            f"Correct the ladder of the policy for training.",
            allow_retries=False,
        )
    return float(value)
