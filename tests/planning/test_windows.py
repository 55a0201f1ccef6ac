"""Windows: hours on a wall clock that is sometimes changed."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adaptive_assets.planning.windows import opens_in
from adaptive_assets.policy import HourRange, Window
from tests.planning.strategies import UNHURRIED

HOUR = 3600.0
CHANGES = {
    "America/New_York": ("2026-03-08", "2026-11-01"),
    "Europe/London": ("2026-03-29", "2026-10-25"),
    "Australia/Lord_Howe": ("2026-04-05", "2026-10-04"),  # by half an hour
    "Pacific/Apia": ("2011-12-30", "2011-12-30"),  # a day that never was
    "UTC": ("2026-06-15", "2026-06-15"),
}


def window(prefer: str, timezone: str = "UTC") -> Window:
    """A window as a policy file says it."""
    return Window.model_validate({"prefer": prefer, "timezone": timezone})


def at(text: str) -> float:
    """The POSIX time of an ISO time."""
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize(
    ("prefer", "now", "hours"),
    [
        ("09:00-17:00", "2026-06-15T09:00:00Z", 0),
        ("09:00-17:00", "2026-06-15T16:59:59Z", 0),
        ("09:00-17:00", "2026-06-15T17:00:00Z", 16),
        ("09:00-17:00", "2026-06-15T06:30:00Z", 2.5),
        ("22:00-06:00", "2026-06-15T22:00:00Z", 0),
        ("22:00-06:00", "2026-06-15T03:00:00Z", 0),
        ("22:00-06:00", "2026-06-15T06:00:00Z", 16),
        ("20:00-24:00", "2026-06-15T23:59:59Z", 0),
        ("20:00-24:00", "2026-06-16T00:00:00Z", 20),
        ("00:00-01:00", "2026-06-15T23:00:00Z", 1),
    ],
)
def test_on_a_plain_day(prefer: str, now: str, hours: float) -> None:
    """Start included, end not, across midnight too."""
    assert opens_in(window(prefer), at(now)) == hours * HOUR


def test_hours_are_those_of_the_window_s_own_zone() -> None:
    """Not of the machine, and not UTC."""
    night = window("22:00-06:00", "America/New_York")
    assert opens_in(night, at("2026-06-16T01:00:00Z")) == HOUR
    assert opens_in(night, at("2026-01-16T01:00:00Z")) == 2 * HOUR


def test_when_the_clocks_go_back_the_hours_come_twice() -> None:
    """The hour from one to two is shown twice in New York on the first of November, and so is its window."""
    early = window("01:00-01:30", "America/New_York")
    assert opens_in(early, at("2026-11-01T01:10:00-04:00")) == 0
    assert opens_in(early, at("2026-11-01T01:40:00-04:00")) == 20 * 60
    assert opens_in(early, at("2026-11-01T01:10:00-05:00")) == 0
    assert opens_in(early, at("2026-11-01T01:40:00-05:00")) == 23 * HOUR + 20 * 60


@UNHURRIED
@given(st.data())
def test_it_opens_at_the_first_minute_inside(data: st.DataObject) -> None:
    """Around every kind of change of the clocks: as if one had watched the wall clock minute by minute."""
    zone = data.draw(st.sampled_from(sorted(CHANGES)))
    day = datetime.fromisoformat(data.draw(st.sampled_from(CHANGES[zone]))).replace(tzinfo=ZoneInfo(zone))
    quarters = st.integers(0, 95).map(lambda quarter: quarter * 15)
    start, end = data.draw(st.lists(quarters, min_size=2, max_size=2, unique=True))
    now = day.timestamp() + data.draw(st.integers(-36 * 3600, 36 * 3600))
    wanted = Window(prefer=HourRange(start, end), timezone=zone)

    def inside(instant: float) -> bool:
        local = datetime.fromtimestamp(instant, tz=ZoneInfo(zone))
        return local.hour * 60 + local.minute in wanted.prefer

    first = now if inside(now) else now // 60 * 60 + 60
    while not inside(first):
        first += 60
    assert opens_in(wanted, now) == first - now


def test_a_window_that_the_clocks_swallow_opens_a_day_later() -> None:
    """Two days less the hour that was skipped after it was last open."""
    brief = window("02:10-02:11", "America/New_York")
    assert opens_in(brief, at("2026-03-07T02:11:00-05:00")) == 47 * HOUR - 60
