from datetime import date, timedelta

import pandas as pd
import pandera.pandas as pa
import pytest
from pandera.errors import SchemaErrors

from flights.accuracy import score
from flights.contracts import AirportHours, DeparturesClean
from flights.data import Archive
from flights.folder import FlightsFolder
from flights.history import day_bounds, day_summary, is_over, missing_days
from flights.hours import FIRST_HOUR, HOUR, YEAR_END
from flights.known import Known, NothingKnownError
from flights.replay import Chaos
from flights.tables import airport_hours, clean_departures, clean_weather
from tests.flights.conftest import START, replay, take_in_all


@pytest.fixture(scope="module")
def clean(archive_folder: object) -> pd.DataFrame:
    """Three clean winter days."""
    return clean_departures(Archive(archive_folder).departures(FIRST_HOUR, FIRST_HOUR + timedelta(days=3)))  # type: ignore[arg-type]


def stored(frame: pd.DataFrame, folder: FlightsFolder) -> pd.DataFrame:
    """The frame as it is read back from a file, which is what contracts judge."""
    frame.to_parquet(folder.root / "stored.parquet")
    return pd.read_parquet(folder.root / "stored.parquet")


def test_the_whole_year_keeps_its_contracts(folder: FlightsFolder, archive: Archive) -> None:
    """No real row breaks a contract: what does is a lie or a mistake."""
    departures = clean_departures(archive.departures(FIRST_HOUR, YEAR_END + timedelta(days=3)))
    weather = clean_weather(archive.weather(FIRST_HOUR, YEAR_END))
    hours = airport_hours(departures, weather, FIRST_HOUR, YEAR_END)
    assert len(departures) == 336_776
    assert len(hours) == 365 * 24 * 3
    DeparturesClean.validate(stored(departures, folder), lazy=True)
    AirportHours.validate(stored(hours, folder), lazy=True)


BAD_DEPARTURES = {
    "an airport elsewhere": ("origin", "XXX", "isin"),
    "a delay of months": ("delay_min", 99999.0, "in_range"),
    "an hour in UTC": ("local_hour", 23, "local_hour_is_new_yorks"),
    "a flight twice": ("flight_id", None, "unique"),
    "a departure of a cancelled flight": ("cancelled", True, "cancelled_never_left"),
    "no schedule": ("scheduled_at", pd.NaT, "not_nullable"),
}


@pytest.mark.parametrize("kind", BAD_DEPARTURES)
def test_bad_departures_break_the_contract(clean: pd.DataFrame, kind: str) -> None:
    """Each kind of row that cannot be true is found, by the rule that is there for it."""
    column, value, rule = BAD_DEPARTURES[kind]
    frame = clean[~clean["cancelled"] & (clean["local_hour"] < 20)].reset_index(drop=True)
    frame.loc[3, column] = frame.loc[4, column] if value is None else value  # type: ignore[call-overload]
    with pytest.raises(SchemaErrors) as error:
        DeparturesClean.validate(frame, lazy=True)
    assert rule in " ".join(error.value.failure_cases["check"].astype(str))


@pytest.mark.parametrize(
    ("column", "value"), [("temp", 999.0), ("visib", -5.0), ("departures", -1), ("humid", 400.0)]
)
def test_bad_hours_break_the_contract(
    clean: pd.DataFrame, archive: Archive, column: str, value: float
) -> None:
    """Weather that cannot be weather, and counts that are none, are found."""
    until = FIRST_HOUR + timedelta(days=1)
    hours = airport_hours(clean, clean_weather(archive.weather(FIRST_HOUR, until)), FIRST_HOUR, until)
    AirportHours.validate(hours, lazy=True)
    hours.loc[10, column] = value
    with pytest.raises(pa.errors.SchemaErrors):
        AirportHours.validate(hours, lazy=True)


def test_chaos_breaks_the_contract_until_it_is_corrected(folder: FlightsFolder) -> None:
    """A wrong delivery is taken in and found by the contract; corrected, the contract is kept again."""
    chaos = Chaos(wrong=1.0)
    replay(folder, 1, chaos)
    take_in_all(folder)
    known = Known.of(folder)
    with pytest.raises(SchemaErrors):
        DeparturesClean.validate(known.departures(known.until - timedelta(days=1)), lazy=True)
    replay(folder, 2, Chaos())
    replay(folder, 0, chaos)
    (folder.landing / f"departures_{START:%Y-%m-%dT%H}Z_2.csv").write_text(
        Archive(folder.archive)
        .departures(START, START + HOUR)
        .drop(columns="known_at")
        .to_csv(index=False, na_rep="NA")
    )
    take_in_all(folder)
    DeparturesClean.validate(Known.of(folder).departures(START - timedelta(days=1)), lazy=True)


def test_rows_that_came_twice_are_one(archive: Archive) -> None:
    """A delivery with every row doubled makes the table that it makes with each row once."""
    raw = archive.departures(START, START + HOUR)
    doubled = raw.loc[raw.index.repeat(2)]
    pd.testing.assert_frame_equal(clean_departures(doubled), clean_departures(raw))


def test_an_airports_hour_counts_what_left_in_it(clean: pd.DataFrame, archive: Archive) -> None:
    """Departures count when they leave, cancellations when they should have; quiet hours are zeros."""
    until = FIRST_HOUR + timedelta(days=2)
    hours = airport_hours(clean, clean_weather(archive.weather(FIRST_HOUR, until)), FIRST_HOUR, until)
    known = clean[clean["known_at"] < until]
    assert len(hours) == 48 * 3
    assert hours["departures"].sum() == (~known["cancelled"]).sum()
    assert hours["cancelled"].sum() == known["cancelled"].sum()
    night = hours[hours["departures"] == 0]
    assert len(night) > 0
    assert night["delay_mean"].isna().all()


def test_weather_gaps_are_bridged_for_three_hours(archive: Archive) -> None:
    """A missing observation is stood in for by the last one, but not by one of long ago."""
    weather = clean_weather(archive.weather(FIRST_HOUR, FIRST_HOUR + timedelta(days=1)))
    gap_from = FIRST_HOUR + 6 * HOUR
    holes = weather[(weather["hour"] < gap_from) | (weather["hour"] >= FIRST_HOUR + 14 * HOUR)]
    nothing = clean_departures(archive.departures(FIRST_HOUR, FIRST_HOUR + HOUR))
    hours = airport_hours(nothing, holes, FIRST_HOUR, FIRST_HOUR + timedelta(days=1)).set_index(
        ["origin", "hour"]
    )
    temp = hours.loc["JFK"]["temp"]
    assert temp.loc[gap_from + 2 * HOUR] == temp.loc[gap_from - HOUR]
    assert pd.isna(temp.loc[gap_from + 3 * HOUR])


def test_the_gauge_at_newark(archive: Archive) -> None:
    """The wind of 1,048 miles an hour was none."""
    weather = clean_weather(archive.weather(FIRST_HOUR, YEAR_END))
    assert weather["wind_speed"].max() < 100
    assert archive.weather(FIRST_HOUR, YEAR_END)["wind_speed"].max() > 1000


def test_known_is_the_archive_and_what_has_landed(folder: FlightsFolder, archive: Archive) -> None:
    """Before the start the archive, then the hours taken in, and nothing of an hour that has not landed."""
    replay(folder, 5)
    take_in_all(folder)
    known = Known.of(folder)
    assert known.until == START + 5 * HOUR
    expected = clean_departures(archive.departures(START - HOUR, known.until))
    pd.testing.assert_frame_equal(known.departures(START - HOUR), expected)


def test_hours_that_are_late_are_not_known(folder: FlightsFolder) -> None:
    """A gap in what has landed is a gap in what is known; the archive never fills it."""
    replay(folder, 3)
    (folder.landing / f"departures_{START + HOUR:%Y-%m-%dT%H}Z_1.csv").unlink()
    take_in_all(folder)
    known = Known.of(folder).departures(START)
    assert known[(known["known_at"] >= START + HOUR) & (known["known_at"] < START + 2 * HOUR)].empty
    assert len(known) > 0


def test_nothing_is_known_without_a_feed(folder: FlightsFolder) -> None:
    """The error says how to start one."""
    with pytest.raises(NothingKnownError, match="start the feed with"):
        Known.of(folder)


def test_history_has_only_days_that_are_over(folder: FlightsFolder) -> None:
    """Before the replay's today, with a day for the last flight to arrive."""
    replay(folder, 1)
    take_in_all(folder)
    known = Known.of(folder)
    days = missing_days(known)
    assert days[0] == date(2013, 1, 1)
    assert days[-1] == date(2013, 1, 10)
    assert not is_over(date(2013, 1, 11), known)
    folder.history.write("2013-01-05", day_summary(folder, date(2013, 1, 5)))
    assert date(2013, 1, 5) not in missing_days(known)


def test_a_day_is_new_yorks(archive: Archive, folder: FlightsFolder) -> None:
    """The day of the change to summer time has 23 hours, and its flights are those of that local date."""
    begin, end = day_bounds(date(2013, 3, 10))
    assert end - begin == timedelta(hours=23)
    flights = archive.flights(begin, end)
    assert set(zip(flights["month"], flights["day"], strict=True)) == {(3, 10)}
    assert day_summary(folder, date(2013, 3, 10))["flights"].sum() == len(flights)


def test_score() -> None:
    """Forecasts of flights that left are scored by mode and hours ahead; cancelled ones have no outcome."""
    made_at = pd.Timestamp("2013-01-12T15:00Z")
    forecasts = pd.DataFrame(
        {
            "flight_id": ["a", "b", "c", "d"],
            "scheduled_at": [made_at + timedelta(minutes=m) for m in (5, 70, 10, 20)],
            "made_at": made_at,
            "delay_min": [10.0, 0.0, 5.0, 5.0],
            "mode": ["full", "full", "averages", "averages"],
        }
    )
    departures = pd.DataFrame(
        {
            "flight_id": ["a", "b", "c", "x"],
            "delay_min": [0.0, 40.0, 5.0, 1.0],
            "cancelled": [False, False, False, True],
        }
    )
    table = score(forecasts, departures).set_index(["mode", "horizon_h"])
    assert table.loc[("full", "all"), "mae_min"] == 25.0
    assert table.loc[("full", "all"), "bias_min"] == -15.0
    assert table.loc[("full", "1"), "mae_min"] == 40.0
    assert table.loc[("averages", "all"), "flights"] == 1
    assert table.loc[("full", "all"), "within_15"] == 0.5
    assert score(None, departures).empty
