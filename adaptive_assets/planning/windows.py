"""Time windows in which a policy prefers its work to run."""

from bisect import bisect_left
from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from adaptive_assets.planning.reasons import Reason, ReasonCode
from adaptive_assets.policy import Window

DAYS = 4
"""How far ahead an opening is looked for: a change of the clocks can swallow a window, or a whole day."""


def outside_window(window: Window | None, at: float) -> tuple[Reason, ...]:
    """That the hours are shut, if they are."""
    shut_s = opens_in(window, at) if window else 0.0
    if window is None or not shut_s:
        return ()
    return (
        Reason(
            ReasonCode.OUTSIDE_WINDOW,
            {
                "window": str(window.prefer),
                "timezone": window.timezone,
                "opens_in_s": shut_s,
                "latest_s": window.latest,
            },
        ),
    )


def opens_in(window: Window, at: float) -> float:
    """Seconds from ``at`` until the window is open; 0 when it is open now.

    The hours are wall-clock hours in the window's own time zone. When the clocks go forward over its start,
    it opens at the first minute that exists; when they go back over it, it opens twice.
    """
    zone = ZoneInfo(window.timezone)
    now = datetime.fromtimestamp(at, tz=zone)
    if _inside(window, now):
        return 0.0
    return min(opening for opening in _openings(window, now) if opening > at) - at


def _inside(window: Window, local: datetime) -> bool:
    return local.hour * 60 + local.minute in window.prefer


def _openings(window: Window, now: datetime) -> Iterator[float]:
    """The instants around ``now``, and up to some days later, at which the window opens."""
    zone, start = now.tzinfo, window.prefer.start_minute
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    for day in range(DAYS):
        wall = midnight + timedelta(days=day, minutes=start)
        first, second = wall.timestamp(), wall.replace(fold=1).timestamp()
        if first <= second:  # a plain day, or the clocks show this time twice
            yield first
            yield second
            continue
        # The clocks skip this time. Read with the offset after the change it lies before the change, and the
        # other way round: the change itself is in between.
        before = datetime.fromtimestamp(second, tz=zone).utcoffset()
        seconds = range(int(second), int(first) + 1)
        change = bisect_left(
            seconds, True, key=lambda at: datetime.fromtimestamp(at, tz=zone).utcoffset() != before
        )
        if _inside(window, datetime.fromtimestamp(seconds[change], tz=zone)):
            yield float(seconds[change])
