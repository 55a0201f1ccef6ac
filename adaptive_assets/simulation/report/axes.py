"""From values to places on a plot, and the round numbers that stand beside its axes."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

__all__ = [
    "Scale",
    "amount_ticks",
    "share_label",
    "short_number",
    "short_seconds",
    "time_ticks",
    "wait_scale",
]

_TIME_STEPS: Final = (
    *(1.0, 2.0, 5.0, 10.0, 15.0, 30.0),
    *(60.0 * minutes for minutes in (1, 2, 5, 10, 15, 30)),
    *(3600.0 * hours for hours in (1, 2, 3, 6, 12)),
    *(86_400.0 * days for days in (1, 2, 5, 7, 14, 30, 90, 365)),
)
_WAITS: Final = (1.0, 10.0, 60.0, 600.0, 3600.0, 6 * 3600.0, 86_400.0, 7 * 86_400.0, 30 * 86_400.0)


@dataclass(frozen=True, slots=True)
class Scale:
    """A straight line from ``low..high`` to ``start..end``; ``bend`` is applied to values first."""

    low: float
    high: float
    start: float
    end: float
    bend: Callable[[float], float] = float

    def __call__(self, value: float) -> float:
        """The coordinate of a value; one outside of the scale is put on its edge."""
        low, high = self.bend(self.low), self.bend(self.high)
        if high <= low:
            return self.start
        share = (self.bend(min(max(value, self.low), self.high)) - low) / (high - low)
        return self.start + share * (self.end - self.start)


def amount_ticks(high: float, count: int = 4) -> list[float]:
    """About ``count`` round numbers from 0 up to ``high``, whole ones where that is more than a few."""
    if high <= 0:
        return [0.0, 1.0]
    rough = high / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(
        power * factor for factor in (1.0, 2.0, 2.5, 5.0, 10.0) if power * factor >= rough * (1 - 1e-9)
    )
    if high >= count and step < 1:
        step = 1.0
    return [step * number for number in range(math.floor(high / step + 1e-9) + 1)]


def time_ticks(span_s: float, count: int = 8) -> list[float]:
    """Round times from 0 within ``span_s`` seconds, at most ``count`` steps of them."""
    step = next((step for step in _TIME_STEPS if span_s <= step * count), None)
    if step is None:
        step = math.ceil(span_s / count / _TIME_STEPS[-1]) * _TIME_STEPS[-1]
    return [step * number for number in range(math.floor(span_s / step + 1e-9) + 1)]


def wait_scale(longest_s: float, start: float, end: float) -> tuple[Scale, list[float]]:
    """A logarithmic scale for waits that begins at zero (as ``log(1 + s)``), and its ticks.

    Waits reach from a second to days; a straight line would show the longest only.
    """
    high = max(longest_s, 10.0)
    ticks = [0.0, *(wait for wait in _WAITS if wait <= high)]
    return Scale(0.0, high, start, end, math.log1p), ticks


def short_seconds(value: float) -> str:
    """A time beside an axis: ``90s`` as ``1m 30s``, ``2h``, ``3d``; no zeros behind the largest unit."""
    if 0 < abs(value) < 10:
        return f"{value:.1f}".removesuffix(".0") + "s"
    units = ((86_400, "d"), (3600, "h"), (60, "m"), (1, "s"))
    rest = round(abs(value))
    sign = "-" if value < 0 else ""
    for position, (length, unit) in enumerate(units):
        if rest >= length:
            whole, rest = divmod(rest, length)
            if position + 1 < len(units) and rest >= units[position + 1][0]:
                return f"{sign}{whole}{unit} {rest // units[position + 1][0]}{units[position + 1][1]}"
            return f"{sign}{whole}{unit}"
    return "0"


def short_number(value: float) -> str:
    """A number in few signs: ``12``, ``3.4``, ``1.2k``, ``25M``."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            scaled = value / (1e3 if unit == "k" else size)
            return f"{scaled:.3g}{unit}"
    if value == round(value):
        return f"{value:.0f}"
    return f"{value:.2f}".rstrip("0").rstrip(".") if abs(value) < 10 else f"{value:.0f}"


def share_label(value: float) -> str:
    """A share of one: ``0``, ``0.4%``, ``85%``, ``99.9%``."""
    if value == 0:
        return "0"
    if 0.995 <= value < 1:
        return f"{math.floor(value * 1000) / 10:.1f}%"  # not quite all is not all
    return f"{value * 100:.1f}%" if abs(value) < 0.0995 else f"{value * 100:.0f}%"
