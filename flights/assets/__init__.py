"""The pipeline's assets and their contracts."""

from collections.abc import Sequence
from typing import Final

import dagster as dg

from adaptive_assets import pandera_checks
from flights.assets.forecasting import delay_forecast, delay_model, training_set
from flights.assets.history import flight_history
from flights.assets.landed import departures, weather
from flights.assets.live import airport_hours, departures_clean, forecast_accuracy
from flights.assets.reference import airlines, airports, planes
from flights.assets.reports import carrier_report, route_report
from flights.contracts import AirportHours, DelayForecast, DeparturesClean

__all__ = ["ASSETS", "CHECKS"]

ASSETS: Final[Sequence[dg.AssetsDefinition]] = (
    departures,
    weather,
    airports,
    planes,
    airlines,
    departures_clean,
    airport_hours,
    training_set,
    delay_model,
    delay_forecast,
    forecast_accuracy,
    route_report,
    carrier_report,
    flight_history,
)

CHECKS: Final[Sequence[dg.AssetChecksDefinition]] = (
    *pandera_checks(departures_clean, DeparturesClean),
    *pandera_checks(airport_hours, AirportHours),
    *pandera_checks(delay_forecast, DelayForecast),
)
