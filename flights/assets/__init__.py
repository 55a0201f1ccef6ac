"""The pipeline's assets, the contracts of those that others read, and what readers need of them."""

from collections.abc import Sequence
from typing import Final

import dagster as dg

from adaptive_assets import DataContract, Needs, with_contract, with_needs
from flights.assets import forecasting, live
from flights.assets.history import flight_history
from flights.assets.landed import departures, weather
from flights.assets.reference import airlines, airports, planes
from flights.assets.reports import carrier_report, route_report
from flights.contracts import AirportHours, DelayForecast, DeparturesClean

__all__ = ["ASSETS", "CHECKS"]

departures_clean, _departures_checks = with_contract(
    live.departures_clean, DataContract(DeparturesClean, owner="team:flight-data")
)
airport_hours, _hours_checks = with_contract(
    live.airport_hours, DataContract(AirportHours, owner="team:flight-data")
)
delay_forecast, _forecast_checks = with_contract(
    forecasting.delay_forecast, DataContract(DelayForecast, owner="team:forecasting")
)

airport_hours = with_needs(
    airport_hours,
    {
        "departures_clean": Needs(
            {
                "origin": "string",
                "known_at": "datetime64[us, UTC]",
                "delay_min": "float64",
                "cancelled": "bool",
            },
            nullable=["delay_min"],
            lineage={
                "origin": "origin",
                "hour": "known_at",
                "departures": "delay_min",
                "cancelled": "cancelled",
                "delay_mean": "delay_min",
                "delay_p90": "delay_min",
            },
        )
    },
)
forecast_accuracy = with_needs(
    live.forecast_accuracy,
    {
        "departures_clean": Needs(
            {"flight_id": "string", "cancelled": "bool", "delay_min": "float64"}, nullable=["delay_min"]
        ),
        "delay_forecast": Needs({"flight_id": "string", "delay_min": "float64"}),
    },
)

ASSETS: Final[Sequence[dg.AssetsDefinition]] = (
    departures,
    weather,
    airports,
    planes,
    airlines,
    departures_clean,
    airport_hours,
    forecasting.training_set,
    forecasting.delay_model,
    delay_forecast,
    forecast_accuracy,
    route_report,
    carrier_report,
    flight_history,
)

CHECKS: Final[Sequence[dg.AssetChecksDefinition]] = (*_departures_checks, *_hours_checks, *_forecast_checks)
