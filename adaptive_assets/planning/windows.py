"""Time windows in which a policy prefers its work to run."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from adaptive_assets.policy import Window

__all__ = ["opens_in"]


def opens_in(window: Window, at: float) -> float:
    """Seconds from ``at`` until the window is open; 0 when it is open now.

    The hours are wall-clock hours in the window's own time zone, so the answer spans a change of
    daylight saving time correctly.
    """
    zone = ZoneInfo(window.timezone)
    now = datetime.fromtimestamp(at, tz=UTC).astimezone(zone)
    minute = now.hour * 60 + now.minute
    start, end = window.prefer.start_minute, window.prefer.end_minute
    inside = start <= minute < end if start < end else minute >= start or minute < end
    if inside:
        return 0.0
    opening = now.replace(hour=start // 60, minute=start % 60, second=0, microsecond=0)
    if opening <= now:
        opening += timedelta(days=1)
    return opening.timestamp() - at
