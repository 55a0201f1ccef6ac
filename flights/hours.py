"""Hours of 2013, the unit in which flights are landed and partitioned.

An hour is named by its start in UTC.  The airports' own clocks skip an hour in March and repeat one in
November; UTC does neither, so a name always means one hour and every hour has a name.
"""

from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

HOUR: Final = timedelta(hours=1)
NEW_YORK: Final = ZoneInfo("America/New_York")

FIRST_HOUR: Final = datetime(2013, 1, 1, 5, tzinfo=UTC)
"""Midnight in New York, as 2013 begins."""
YEAR_END: Final = datetime(2014, 1, 1, 5, tzinfo=UTC)
"""Midnight in New York, as 2013 ends; the hour that starts here is no longer replayed."""

_KEY_FORMAT: Final = "%Y-%m-%d-%H:%M"
_STAMP_FORMAT: Final = "%Y-%m-%dT%HZ"


def floor_hour(instant: datetime) -> datetime:
    """Return the start, in UTC, of the hour that holds an aware ``instant``."""
    return instant.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def hour_key(hour: datetime) -> str:
    """Return the Dagster partition key of an hour: ``2013-07-01-08:00``."""
    return hour.astimezone(UTC).strftime(_KEY_FORMAT)


def hour_of_key(key: str) -> datetime:
    """Return the hour that a Dagster partition key names.

    Raises:
        ValueError: ``key`` does not look like ``2013-07-01-08:00``.
    """
    return datetime.strptime(key, _KEY_FORMAT).replace(tzinfo=UTC)


def stamp(hour: datetime) -> str:
    """Return the name of an hour in file names, which sort by time: ``2013-07-01T08Z``."""
    return hour.astimezone(UTC).strftime(_STAMP_FORMAT)


def hour_named(name: str) -> datetime:
    """Return the hour that a file's stamp names.

    Raises:
        ValueError: ``name`` does not look like ``2013-07-01T08Z``.
    """
    return datetime.strptime(name, _STAMP_FORMAT).replace(tzinfo=UTC)
