"""The units people write: what they stand for, what is refused, and that writing and reading agree."""

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adaptive_assets.policy.text import quoted
from adaptive_assets.policy.units import (
    LARGEST_SIZE,
    HourRange,
    UnitError,
    format_duration,
    format_share,
    format_size,
    parse_duration,
    parse_hours,
    parse_share,
    parse_size,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("5m", 300),
        ("1h30m", 5400),
        ("24h", 86400),
        ("2d", 172800),
        ("0.5h", 1800),
        ("0s", 0),
        ("1d1s", 86401),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    """Durations are seconds."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("512MiB", 2**29),
        ("1.5GiB", 3 * 2**29),
        ("2GB", 2 * 10**9),
        ("1kB", 1000),
        ("1KB", 1000),
        ("7B", 7),
        ("1TiB", 2**40),
    ],
)
def test_sizes(text: str, size: int) -> None:
    """Sizes are bytes; `GB` and `GiB` differ."""
    assert parse_size(text) == size


@pytest.mark.parametrize(("text", "share"), [("85%", 0.85), ("100%", 1.0), ("0.5%", 0.005), ("33.3%", 0.333)])
def test_shares(text: str, share: float) -> None:
    """Shares are fractions of one, exactly the float that a person would write."""
    assert parse_share(text) == share


@pytest.mark.parametrize(
    ("text", "hours", "minutes"),
    [
        ("22:00-06:00", HourRange(1320, 360), 480),
        ("09:30-17:00", HourRange(570, 1020), 450),
        ("18:00-24:00", HourRange(1080, 0), 360),
        ("00:00-23:59", HourRange(0, 1439), 1439),
    ],
)
def test_hours_of_the_day(text: str, hours: HourRange, minutes: int) -> None:
    """Hours are minutes since midnight, and may wrap it."""
    assert parse_hours(text) == hours
    assert hours.minutes == minutes


@pytest.mark.parametrize(
    ("parse", "text", "message"),
    [
        (parse_duration, "5", "`5` has no unit; write a duration such as `5m` or `90s`"),
        (parse_duration, "5.5", "`5.5` has no unit"),
        (parse_duration, "-5m", "`-5m` is negative"),
        (parse_duration, "", "`` is not a duration"),
        (parse_duration, "5 m", "without spaces"),
        (parse_duration, "30m1h", "the largest first"),
        (parse_duration, "5min", "`5min` is not a duration"),
        (parse_duration, "1w", "the units are d, h, m and s"),
        (parse_duration, "\N{ARABIC-INDIC DIGIT FIVE}m", "is not a duration"),
        (parse_duration, "36501d", "longer than a century"),
        (parse_duration, "9" * 400 + "s", "is not a duration"),
        (parse_size, "1024", "`1024` has no unit; write a size such as `512MiB` or `1.5GiB`"),
        (parse_size, "512M", "write `512MiB` or `512MB`"),
        (parse_size, "1.5 gib", "write `1.5GiB`"),
        (parse_size, "3b", "write `3B`"),
        (parse_size, "lots", "write a size such as `512MiB`"),
        (parse_size, "9000000TiB", "more than any machine has"),
        (parse_share, "0.85", "`0.85` has no percent sign; write `85%`"),
        (parse_share, "85", "`85` has no percent sign; write `85%`"),
        (parse_share, "1", "`1` has no percent sign; write a share such as `85%`"),
        (parse_share, "850", "`850` has no percent sign; write a share such as `85%`"),
        (parse_share, "85 %", "without a space before the sign"),
        (parse_share, "101%", "is not between 0% and 100%"),
        (parse_hours, "22:00\N{EN DASH}06:00", "a plain hyphen"),
        (parse_hours, "9:00-17:00", "two digits each"),
        (parse_hours, "24:00-06:00", "is not a range of hours"),
        (parse_hours, "00:00-24:00", "ends where it starts"),
    ],
)
def test_what_is_not_written_that_way_is_refused(
    parse: Callable[[str], object], text: str, message: str
) -> None:
    """The error says what is wrong and what would be right."""
    with pytest.raises(UnitError) as error:
        parse(text)
    assert message in str(error.value)


@given(st.integers(0, 100 * 365 * 86_400_000))
def test_a_duration_is_read_as_it_is_written(milliseconds: int) -> None:
    """To the millisecond."""
    assert parse_duration(format_duration(milliseconds / 1000)) == milliseconds / 1000


@given(st.integers(0, LARGEST_SIZE))
def test_a_size_is_read_as_it_is_written(size: int) -> None:
    """To the byte."""
    assert parse_size(format_size(size)) == size


@given(st.integers(1, 10_000))
def test_a_share_is_read_as_it_is_written(hundredths: int) -> None:
    """To the hundredth of a percent."""
    assert parse_share(format_share(hundredths / 10_000)) == hundredths / 10_000


@given(st.integers(0, 1439), st.integers(0, 1439))
def test_hours_are_read_as_they_are_written(start: int, end: int) -> None:
    """An empty range cannot be made; every other comes back, and has as many minutes as it says."""
    if start == end:
        with pytest.raises(ValueError, match="cannot end where it starts"):
            HourRange(start, end)
        return
    hours = HourRange(start, end)
    assert parse_hours(str(hours)) == hours
    assert sum(minute in hours for minute in range(1440)) == hours.minutes
    assert start in hours
    assert end not in hours


@given(st.text(max_size=30))
def test_no_text_makes_a_reader_fail_in_another_way(text: str) -> None:
    """A value or a `UnitError`, and nothing else."""
    for parse in (parse_duration, parse_size, parse_share, parse_hours):
        with contextlib.suppress(UnitError):
            parse(text)


def test_how_numbers_are_written() -> None:
    """The shortest exact form; a negative duration, as a slack may be, has its sign."""
    assert [format_duration(s) for s in (0, 90, 5400, 0.25, -90, 90061.5)] == [
        "0s", "1m30s", "1h30m", "0.25s", "-1m30s", "1d1h1m1.5s",
    ]  # fmt: skip
    assert [format_size(b) for b in (0, 1023, 2**20, 3 * 2**29, 2**30 + 1)] == [
        "0B", "1023B", "1MiB", "1.5GiB", "1073741825B",
    ]  # fmt: skip
    assert [format_share(s) for s in (0.85, 1.0, 0.3333)] == ["85%", "100%", "33.33%"]


def test_minutes_of_no_day_are_refused() -> None:
    """A range built in code must lie within one day."""
    with pytest.raises(ValueError, match="between 0 and 1439, not 1440"):
        HourRange(0, 1440)


def test_quoted_text_is_short_and_on_one_line() -> None:
    """Whatever a file holds, a message stays one readable line."""
    assert quoted("a\nb\x1b[31m") == r"a\nb\x1b[31m"
    assert len(quoted("x" * 1000)) == 60
