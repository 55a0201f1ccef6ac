import subprocess
import sys
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from flights.data import Archive, read_table
from flights.features import FEATURES, LABEL, features, training_rows
from flights.hours import FIRST_HOUR, HOUR
from flights.model import (
    DelayModel,
    carried_over,
    fit,
    forecast_by_averages,
    forecast_by_model,
    horizon,
)
from flights.tables import airport_hours, clean_departures, clean_weather
from tests.flights.conftest import START

PLANES = read_table("planes")
UNTIL = START + 24 * HOUR


class World:
    """What is known at an instant, with the outcomes from ``changed_from`` on made up."""

    def __init__(self, archive: Archive, until: datetime, changed_from: datetime | None = None) -> None:
        raw = archive.departures(FIRST_HOUR, UNTIL)
        if changed_from is not None:
            future = raw["known_at"] >= changed_from
            raw.loc[future, "dep_delay"] = raw.loc[future, "dep_delay"] + 45
        self.until = until
        known = clean_departures(raw)
        self.departures = known[known["known_at"] < until].reset_index(drop=True)
        weather = clean_weather(archive.weather(FIRST_HOUR, until))
        self.hours = airport_hours(self.departures, weather, FIRST_HOUR, until)

    def rows(self) -> pd.DataFrame:
        """The training rows."""
        return training_rows(self.departures, self.hours, PLANES, FIRST_HOUR)


@pytest.fixture(scope="module")
def world(archive_folder: object) -> World:
    """Eleven days of January."""
    return World(Archive(archive_folder), START)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def model(world: World) -> DelayModel:
    """A model fitted on them."""
    return fit(world.rows(), START)


def test_training_knows_nothing_of_the_future(archive: Archive, world: World) -> None:
    """Other outcomes from now on leave the training set as it is, and every row was known by now."""
    other = World(archive, START, changed_from=START)
    pd.testing.assert_frame_equal(other.rows(), world.rows())
    assert (world.rows()["known_at"] < START).all()


def test_a_training_row_knows_nothing_after_its_forecast(archive: Archive, world: World) -> None:
    """Other outcomes from an instant on leave the features of flights forecast until then as they are.

    A flight scheduled in the hour before the instant, or earlier, was forecast at the latest at the start of
    that hour; only its label may differ.
    """
    instant = START - 30 * HOUR
    changed = World(archive, START, changed_from=instant).rows()
    before = world.rows()
    keys = ["carrier", "dest", "origin", "scheduled_at", "distance"]
    ours, theirs = (
        rows[rows["scheduled_at"] < instant].sort_values(keys)[list(FEATURES)].reset_index(drop=True)
        for rows in (before, changed)
    )
    assert len(ours) > 1000
    pd.testing.assert_frame_equal(ours, theirs)
    assert not before[LABEL].reset_index(drop=True).equals(changed[LABEL].reset_index(drop=True))


def test_training_and_forecasting_see_the_same_columns(world: World, archive: Archive) -> None:
    """A flight's features are the same, made for training and made for its forecast."""
    rows = world.rows().reset_index(drop=True)
    at = rows["scheduled_at"].dt.floor("h")
    chosen = rows[(rows["horizon_min"] < 60) & (at == START - 3 * HOUR)].reset_index(drop=True)
    schedule = archive.schedule(START - 3 * HOUR, START - 2 * HOUR)
    made_at = pd.Series(pd.Timestamp(START - 3 * HOUR), index=schedule.index)
    live = features(schedule, made_at, world.hours, PLANES).assign(scheduled_at=schedule["scheduled_at"])
    both = chosen.merge(live, on=["carrier", "dest", "origin", "scheduled_at"], suffixes=("", "_live"))
    assert len(both) > 5
    for column in ("delay_mean", "temp", "local_hour", "seats", "horizon_min"):
        np.testing.assert_allclose(both[column], both[f"{column}_live"])


def test_impossible_rows_teach_nothing(world: World) -> None:
    """A wrong delivery that waits for its correction is not learned from."""
    lies = world.departures.copy()
    lies.loc[lies.index[-50:-25], "delay_min"] = 99999.0
    lies.loc[lies.index[-25:], "origin"] = "XXX"
    rows = training_rows(lies, world.hours, PLANES, FIRST_HOUR)
    assert rows[LABEL].max() < 2000
    assert set(rows["origin"]) == {"EWR", "JFK", "LGA"}


def test_the_model_says_how_good_it_is(archive: Archive) -> None:
    """It is judged by a week that it did not see, and with two months to learn from it beats the mean."""
    until = FIRST_HOUR + timedelta(days=60)
    departures = clean_departures(archive.departures(FIRST_HOUR, until))
    hours = airport_hours(departures, clean_weather(archive.weather(FIRST_HOUR, until)), FIRST_HOUR, until)
    rows = training_rows(departures, hours, PLANES, FIRST_HOUR)
    model = fit(rows, until)
    assert model.rows == len(rows)
    assert 0 < model.mae_min < model.baseline_mae_min


def test_a_fit_keeps_to_one_core() -> None:
    """In a fresh process, as a run is, where nothing has loaded OpenMP before: both fits have one thread."""
    code = """
import time
import numpy as np, pandas as pd
from flights import model
from flights.features import CATEGORIES, FEATURES
dice = np.random.default_rng(1)
rows = pd.DataFrame({f: dice.random(20000) for f in FEATURES}).assign(**{c: "a" for c in CATEGORIES})
rows["delay_min"] = dice.random(20000) * 60
rows["scheduled_at"] = pd.date_range("2013-01-01", periods=20000, freq="min", tz="UTC")
import sys; assert "sklearn" not in sys.modules
from threadpoolctl import threadpool_info
seen = []
make = model._estimator
def estimator():
    seen.append([pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "openmp"])
    return make()
model._estimator = estimator
model.fit(rows, rows["scheduled_at"].max())
print(seen)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[[1], [1]]"


def test_too_little_to_learn_from(world: World) -> None:
    """A handful of rows makes no model; the error gives the number."""
    with pytest.raises(ValueError, match="10 training rows are too few"):
        fit(world.rows().head(10), START)


def test_a_fit_is_reproducible(world: World) -> None:
    """The same rows make the same model."""
    sample = world.rows().head(2000)
    first, second = (fit(sample, START).predict(sample) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_every_way_forecasts_the_same_flights(model: DelayModel, world: World, archive: Archive) -> None:
    """Model, averages and last good version each give a delay for each flight of the next three hours."""
    flights = archive.schedule(START, horizon(START))
    week = world.hours[world.hours["hour"] >= START - timedelta(days=7)]
    by_model = forecast_by_model(model, flights, week, PLANES, START)
    by_averages = forecast_by_averages(flights, week, START)
    earlier = archive.schedule(START - HOUR, horizon(START - HOUR))
    carried = carried_over(flights, forecast_by_averages(earlier, week, START - HOUR), START)
    assert len(flights) > 50
    for forecast in (by_model, by_averages, carried):
        assert forecast["flight_id"].is_unique
        assert len(forecast) == len(flights)
        assert forecast["delay_min"].between(-60, 300).all()
        assert forecast["scheduled_at"].between(START, START + 3 * HOUR, inclusive="left").all()
        assert (forecast["made_at"] == START).all()


def test_the_model_does_with_hours_that_are_behind(model: DelayModel, world: World, archive: Archive) -> None:
    """Where the newest hour of the airports is missing, the one before stands for it."""
    flights = archive.schedule(START, horizon(START))
    newest = world.hours["hour"].max()
    behind = world.hours[world.hours["hour"] < newest]
    forecast = forecast_by_model(model, flights, behind, PLANES, START)
    moved = world.hours[world.hours["hour"] == newest - HOUR].assign(hour=newest)
    expected = forecast_by_model(model, flights, moved, PLANES, START)
    pd.testing.assert_frame_equal(forecast, expected)


def test_unknown_carriers_and_places_are_forecast(model: DelayModel, world: World, archive: Archive) -> None:
    """A carrier or destination that the model never saw is a missing value, not an error."""
    flights = archive.schedule(START, horizon(START)).assign(carrier="ZZ", dest="QQQ", tailnum=None)
    assert forecast_by_model(model, flights, world.hours, PLANES, START)["delay_min"].notna().all()


def test_no_flights_no_forecast(model: DelayModel, world: World, archive: Archive) -> None:
    """By night there may be nothing to forecast, in any mode."""
    none = archive.schedule(START, START)
    assert forecast_by_model(model, none, world.hours, PLANES, START).empty
    assert forecast_by_averages(none, world.hours, START).empty
    assert carried_over(none, forecast_by_averages(none, world.hours, START), START).empty


def test_averages_of_nothing(archive: Archive, world: World) -> None:
    """Without a single departure to average, the forecast is: on time."""
    flights = archive.schedule(START, horizon(START))
    assert (forecast_by_averages(flights, world.hours.head(0), START)["delay_min"] == 0.0).all()


def test_last_good_keeps_its_word_and_fills_in(archive: Archive, world: World) -> None:
    """Flights that the last good version covers keep its word; new ones get its mean for their airport."""
    earlier = archive.schedule(START - HOUR, horizon(START - HOUR))
    last = forecast_by_averages(earlier, world.hours, START - HOUR)
    carried = carried_over(archive.schedule(START, horizon(START)), last, START)
    both = carried.merge(last, on="flight_id", suffixes=("", "_last"))
    new = carried[~carried["flight_id"].isin(last["flight_id"])]
    assert len(both) > 0
    assert len(new) > 0
    np.testing.assert_allclose(both["delay_min"], both["delay_min_last"])
    means = last.groupby("origin")["delay_min"].mean()
    np.testing.assert_allclose(new["delay_min"], new["origin"].map(means))
