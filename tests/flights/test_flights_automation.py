"""When assets are asked for, by Dagster's own evaluation of their conditions."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from flights import flights_definitions
from flights.folder import FlightsFolder

NOON = datetime(2026, 3, 2, 12, 1, tzinfo=UTC)
LIVE = {"departures_clean", "airport_hours"}


class Automation:
    """Ticks of automation over some assets; `made` is what a run would report."""

    def __init__(self, folder: FlightsFolder, instance: dg.DagsterInstance) -> None:
        self._definitions = flights_definitions(folder.root)
        self._instance = instance
        self._cursors: dict[tuple[str, ...], dg.AutomationConditionSensorDefinition | object] = {}
        self.time = NOON

    def tick(self, *assets: str) -> set[str]:
        """What one tick asks for."""
        self.time += timedelta(seconds=10)
        result = dg.evaluate_automation_conditions(
            defs=self._definitions,
            instance=self._instance,
            asset_selection=dg.AssetSelection.assets(*assets),
            evaluation_time=self.time,
            cursor=self._cursors.get(assets),  # type: ignore[arg-type]
        )
        self._cursors[assets] = result.cursor
        return {a for a in assets if result.get_num_requested(dg.AssetKey(a))}

    def made(self, *assets: str, partition: str | None = None) -> None:
        """Let assets have been materialized."""
        for asset in assets:
            self._instance.report_runless_asset_event(
                dg.AssetMaterialization(asset_key=asset, partition=partition)
            )


@pytest.fixture
def automation(folder: FlightsFolder) -> Iterator[Automation]:
    """The pipeline's conditions on an empty instance."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield Automation(folder, instance)


@pytest.mark.parametrize("landed", ["before", "after"])
def test_live_tables_follow_each_landed_hour(automation: Automation, landed: str) -> None:
    """One landed hour is enough, of the 8,760 that there will be; both tables are made in one run.

    So it is when the hour landed before anyone looked, as it does when everything is started at once.
    """
    live = ("departures_clean", "airport_hours")
    if landed == "before":
        automation.made("departures", partition="2013-07-01-08:00")
    else:
        assert automation.tick(*live) == set()
        automation.made("departures", partition="2013-07-01-08:00")
    assert automation.tick(*live) == LIVE
    automation.made(*live)
    assert automation.tick(*live) == set()
    automation.made("departures", partition="2013-07-01-07:00")
    assert automation.tick(*live) == LIVE


def test_reference_tables_are_made_once(automation: Automation) -> None:
    """Asked for at the start, and never again."""
    reference = ("airports", "planes", "airlines")
    assert automation.tick(*reference) == set(reference)
    automation.made(*reference)
    assert automation.tick(*reference) == set()


def test_training_starts_at_once_and_then_by_the_clock(automation: Automation) -> None:
    """The first model at once, of the archive; the next ones every few minutes, if there is more to learn."""
    training = ("training_set", "delay_model")
    assert automation.tick(*training) == set()
    automation.made("planes")
    assert automation.tick(*training) == set(training)
    automation.made(*training)
    assert automation.tick(*training) == set()
    automation.time += timedelta(minutes=4)
    assert automation.tick(*training) == set(), "no new departures, nothing to learn"
    automation.made("departures_clean")
    assert automation.tick(*training) == set(training)


def test_a_forecast_waits_for_its_model_and_then_follows_the_airports(automation: Automation) -> None:
    """Without a model there is no forecast; with it, one whenever the live tables have been made."""
    automation.made("departures_clean", "airport_hours", "planes")
    assert automation.tick("delay_forecast") == set()
    automation.made("training_set", "delay_model")
    assert automation.tick("delay_forecast") == {"delay_forecast"}
    automation.made("delay_forecast")
    assert automation.tick("delay_forecast") == set()
    automation.made("airport_hours")
    assert automation.tick("delay_forecast") == {"delay_forecast"}


def test_a_forecast_does_not_follow_its_model(automation: Automation) -> None:
    """A new model is for the next hour's forecast; it does not cause one."""
    automation.made("departures_clean", "airport_hours", "planes", "training_set", "delay_model")
    automation.tick("delay_forecast")
    automation.made("delay_forecast")
    automation.tick("delay_forecast")
    automation.made("delay_model")
    assert automation.tick("delay_forecast") == set()


def test_reports_come_by_the_clock(automation: Automation) -> None:
    """Every few minutes, not with every hour of flights."""
    reports = ("route_report", "carrier_report")
    automation.made("departures_clean", "airports", "airlines")
    assert automation.tick(*reports) == set(reports)
    automation.made(*reports)
    assert automation.tick(*reports) == set()
    automation.made("departures_clean")
    assert automation.tick(*reports) == set()
    automation.time += timedelta(minutes=6)
    assert automation.tick(*reports) == set(reports)
