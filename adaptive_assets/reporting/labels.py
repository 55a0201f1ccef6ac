"""Numbers in few signs, for cells of a table and sentences with little room."""

import math
from typing import Final

__all__ = ["count", "share_label", "short_seconds"]

_UNITS: Final = ((86_400, "d"), (3600, "h"), (60, "m"), (1, "s"))


def short_seconds(value: float) -> str:
    """A duration in its two largest units, without zeros: ``1.5s``, ``1m 30s``, ``2h``, ``3d 1h``."""
    if 0 < abs(value) < 10:
        return f"{value:.1f}".removesuffix(".0") + "s"
    rest = round(abs(value))
    for (length, unit), (smaller, below) in zip(_UNITS, (*_UNITS[1:], (1, "")), strict=True):
        if rest >= length:
            whole, left = divmod(rest, length)
            second = f" {left // smaller}{below}" if left >= smaller else ""
            return f"{'-' if value < 0 else ''}{whole}{unit}{second}"
    return "0"


def share_label(value: float) -> str:
    """A share of one: ``0``, ``0.4%``, ``85%``, ``99.9%``; 100% only where it is all."""
    if value == 0:
        return "0"
    if 0.995 <= value < 1:
        return f"{math.floor(value * 1000) / 10:.1f}%"
    return f"{value * 100:.1f}%" if abs(value) < 0.0995 else f"{value * 100:.0f}%"


def count(number: int, noun: str) -> str:
    """``1 run``, ``1,200 runs``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
