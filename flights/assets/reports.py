"""The reports: HTML pages with plots, made when there is time for them."""

from pathlib import Path
from typing import Final

import dagster as dg
import pandas as pd

from flights.automation import every
from flights.folder import write_atomically
from flights.pages import data_url
from flights.reports import Report
from flights.resources import FlightsData

_OWNERS: Final = ["team:reporting"]
_MADE_EVERY: Final = "*/6 * * * *"


@dg.asset(
    deps=["flight_history"],
    group_name="reports",
    kinds={"matplotlib", "html"},
    owners=_OWNERS,
    automation_condition=every(_MADE_EVERY, "departures_clean", needs=["departures_clean", "airports"]),
)
def route_report(
    data: FlightsData, departures_clean: pd.DataFrame, airports: pd.DataFrame
) -> dg.MaterializeResult[None]:
    """A page on the routes: where they go, how late they leave, how delays run through the day."""
    from flights import reports

    report = reports.route_report(departures_clean, _history(data), airports, data.known().until)
    return _publish(data, "route_report", report)


@dg.asset(
    deps=["flight_history"],
    group_name="reports",
    kinds={"matplotlib", "html"},
    owners=_OWNERS,
    automation_condition=every(_MADE_EVERY, "departures_clean", needs=["departures_clean", "airlines"]),
)
def carrier_report(
    data: FlightsData, departures_clean: pd.DataFrame, airlines: pd.DataFrame
) -> dg.MaterializeResult[None]:
    """A page on the carriers: how late they leave, how much they cancel, how their year has been."""
    from flights import reports

    report = reports.carrier_report(departures_clean, _history(data), airlines, data.known().until)
    return _publish(data, "carrier_report", report)


def _history(data: FlightsData) -> pd.DataFrame:
    store = data.folder.history
    history = store.read(store.names())
    return pd.DataFrame(columns=["day"]) if history is None else history


def _publish(data: FlightsData, name: str, report: Report) -> dg.MaterializeResult[None]:
    page: Path = (data.folder.reports / f"{name}.html").absolute()
    write_atomically(page, lambda beside: beside.write_text(report.html, encoding="utf-8"))
    return dg.MaterializeResult(
        metadata={
            "page": dg.MetadataValue.path(str(page)),
            "preview": dg.MetadataValue.md(f"![{name}]({data_url(report.preview)})"),
            "flights": report.flights,
            "days_of_history": report.days,
        }
    )
