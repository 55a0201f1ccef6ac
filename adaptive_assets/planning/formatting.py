"""Numbers as people read them, for the sentences of reasons."""

from math import floor
from typing import Final

UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB")


def number(value: float, *, at_most: bool = False) -> str:
    """Two decimals, without zeros at the end; ``at_most`` rounds down.

    What is free is rounded down, or a sentence would say that 0.5 is needed and 0.5 is free.
    """
    shown = floor(value * 100 + 1e-6) / 100 if at_most else round(value, 2)
    return f"{shown + 0.0:.2f}".rstrip("0").rstrip(".")


def size(value: float, *, at_most: bool = False) -> str:
    """Bytes, in the largest unit that keeps the number above one: ``1.5 GiB``."""
    for unit in UNITS[:-1]:
        if abs(round(value, 2)) < 1024:
            return f"{number(value, at_most=at_most)} {unit}"
        value /= 1024
    return f"{number(value, at_most=at_most)} {UNITS[-1]}"


def cores(value: float, *, at_most: bool = False) -> str:
    """Cores: ``0.25 cores``, ``1 core``."""
    shown = number(value, at_most=at_most)
    return f"{shown} core" if shown == "1" else f"{shown} cores"


def share(value: float) -> str:
    """A share of one: ``85%``, ``12.5%``."""
    return f"{number(value * 100)}%"


def seconds(value: float) -> str:
    """A duration, in the two largest units that matter: ``2m 05s``."""
    whole = round(abs(value))
    sign = "-" if value < 0 and whole else ""
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{sign}{days}d {hours:02d}h"
    if hours:
        return f"{sign}{hours}h {minutes:02d}m"
    if minutes:
        return f"{sign}{minutes}m {rest:02d}s"
    return f"{sign}{rest}s"
