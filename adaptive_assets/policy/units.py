"""The units people write, and the plain numbers they stand for.

Durations become seconds, sizes bytes, shares fractions of one, hours of the day minutes since midnight.
Every unit must be written: a bare number is refused, because ``5`` has been minutes to one reader and
seconds to another once too often.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from typing_extensions import override

from adaptive_assets.policy.text import quoted

_DECIMAL: Final = r"[0-9]+(\.[0-9]+)?"
DURATION_PATTERN: Final = rf"^(?=[0-9])({_DECIMAL}d)?({_DECIMAL}h)?({_DECIMAL}m)?({_DECIMAL}s)?$"
SIZE_PATTERN: Final = rf"^{_DECIMAL}(B|kB|KB|KiB|MB|MiB|GB|GiB|TB|TiB)$"
SHARE_PATTERN: Final = rf"^{_DECIMAL}%$"
HOURS_PATTERN: Final = r"^([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"

MINUTES_IN_A_DAY: Final = 24 * 60
LONGEST_DURATION: Final = 100 * 365 * 86_400.0
"""Seconds; a longer one is a slip of the pen, and would overflow the calendar further down."""
SHORTEST_DURATION: Final = 0.001
"""Seconds; what is shorter and not nothing is a slip too."""
SMALLEST_SHARE: Final = 0.0001
"""0.01%."""
LARGEST_SIZE: Final = 2**63 - 1
"""Bytes; what a database's big integer holds."""

_SECONDS: Final = {"d": Decimal(86_400), "h": Decimal(3_600), "m": Decimal(60), "s": Decimal(1)}
_BYTES: Final = {
    "B": 1,
    "kB": 1000,
    "KB": 1000,
    "KiB": 2**10,
    "MB": 1000**2,
    "MiB": 2**20,
    "GB": 1000**3,
    "GiB": 2**30,
    "TB": 1000**4,
    "TiB": 2**40,
}
_NUMBER: Final = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_LONGEST_TEXT: Final = 64

_DURATION_EXAMPLE: Final = "write a duration such as `5m` or `90s`"
_SIZE_EXAMPLE: Final = "write a size such as `512MiB` or `1.5GiB`"
_SHARE_EXAMPLE: Final = "write a share such as `85%`"
_HOURS_EXAMPLE: Final = 'write hours of the day such as `"22:00-06:00"`'


class UnitError(ValueError):
    """A value that is not written the way its unit is; ``hint`` says what would be right."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    @override
    def __str__(self) -> str:
        return f"{self.message}; {self.hint}"


@dataclass(frozen=True, slots=True)
class HourRange:
    """Hours of the day, ``start_minute`` included and ``end_minute`` not, in minutes since midnight.

    It wraps midnight when it ends at or before its start, and is never empty.
    """

    start_minute: int
    end_minute: int

    def __post_init__(self) -> None:
        for minute in (self.start_minute, self.end_minute):
            if not 0 <= minute < MINUTES_IN_A_DAY:
                raise ValueError(
                    f"a minute of the day lies between 0 and {MINUTES_IN_A_DAY - 1}, not {minute}"
                )
        if self.start_minute == self.end_minute:
            raise ValueError("a range of hours cannot end where it starts")

    @override
    def __str__(self) -> str:
        return "-".join(f"{m // 60:02}:{m % 60:02}" for m in (self.start_minute, self.end_minute))

    @property
    def minutes(self) -> int:
        """How long it lasts, on a day without a change of the clocks."""
        return (self.end_minute - self.start_minute) % MINUTES_IN_A_DAY

    def __contains__(self, minute: int) -> bool:
        """Whether ``minute`` of the day lies inside."""
        return (minute - self.start_minute) % MINUTES_IN_A_DAY < self.minutes


def parse_duration(text: str) -> float:
    """Seconds of ``"90s"``, ``"5m"``, ``"1h30m"`` or ``"2d"``; :class:`UnitError` for anything else."""
    hint = f"{_DURATION_EXAMPLE}: the units are d, h, m and s, the largest first, without spaces"
    _refuse_unless(DURATION_PATTERN, text, "a duration", _DURATION_EXAMPLE, hint)
    parts = re.findall(r"([0-9.]+)([dhms])", text)
    seconds = float(sum((Decimal(number) * _SECONDS[unit] for number, unit in parts), Decimal(0)))
    if seconds > LONGEST_DURATION:
        raise UnitError(f"`{text}` is longer than a century", _DURATION_EXAMPLE)
    if 0 < seconds < SHORTEST_DURATION:
        raise UnitError(f"`{text}` is shorter than a millisecond", _DURATION_EXAMPLE)
    return seconds


def format_duration(seconds: float) -> str:
    """``5400`` as ``"1h30m"``, to the millisecond; what :func:`parse_duration` reads."""
    milliseconds = round(seconds * 1000)
    if milliseconds < 0:
        return "-" + format_duration(-seconds)
    text = ""
    for unit in "dhm":
        count, milliseconds = divmod(milliseconds, int(_SECONDS[unit]) * 1000)
        text += f"{count}{unit}" if count else ""
    if milliseconds or not text:
        text += _decimal_text(Decimal(milliseconds) / 1000) + "s"
    return text


def parse_size(text: str) -> int:
    """Bytes of ``"512MiB"``, ``"1.5GiB"`` or ``"2GB"``; :class:`UnitError` for anything else."""
    hint = f"{_size_suggestion(text)}: the units are B, kB, MB, GB, TB and KiB, MiB, GiB, TiB (of 1024)"
    _refuse_unless(SIZE_PATTERN, text, "a size", _SIZE_EXAMPLE, hint)
    number = text.rstrip("BKMGTik")
    size = round(Decimal(number) * _BYTES[text[len(number) :]])
    if size > LARGEST_SIZE:
        raise UnitError(f"`{text}` is more than any machine has", _SIZE_EXAMPLE)
    return size


def format_size(size: int) -> str:
    """``1610612736`` as ``"1.5GiB"``: exact, and what :func:`parse_size` reads."""
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        hundredths, rest = divmod(size * 100, _BYTES[unit])
        if size >= _BYTES[unit] and not rest:
            return _decimal_text(Decimal(hundredths) / 100) + unit
    return f"{size}B"


def parse_share(text: str) -> float:
    """The fraction of one that ``"85%"`` is; :class:`UnitError` for anything else, for 0% and above 100%."""
    if _NUMBER.fullmatch(text) and text[0] not in "+-" and len(text) <= _LONGEST_TEXT:
        number = Decimal(text)
        percent = number * 100 if number < 1 else number
        example = f"write `{_decimal_text(percent)}%`" if 1 < percent <= 100 else _SHARE_EXAMPLE
        raise UnitError(f"`{text}` has no percent sign", example)
    hint = f"{_SHARE_EXAMPLE}, without a space before the sign"
    _refuse_unless(SHARE_PATTERN, text, "a share", _SHARE_EXAMPLE, hint)
    share = float(Decimal(text[:-1]) / 100)
    if not 0 < share <= 1:
        raise UnitError(
            f"`{text}` is not between 0% and 100%", f"{_SHARE_EXAMPLE}; more than 0%, and at most 100%"
        )
    if share < SMALLEST_SHARE:
        raise UnitError(f"`{text}` is less than 0.01%", _SHARE_EXAMPLE)
    return share


def format_share(share: float) -> str:
    """``0.85`` as ``"85%"``, with up to two decimals."""
    return _decimal_text(round(Decimal(repr(float(share))) * 100, 2)) + "%"


def parse_hours(text: str) -> HourRange:
    """The hours of ``"22:00-06:00"``; ``24:00`` may end them.  :class:`UnitError` for anything else."""
    if not re.fullmatch(HOURS_PATTERN, text):
        raise UnitError(
            f"`{quoted(text)}` is not a range of hours",
            f"{_HOURS_EXAMPLE}: two digits each, a plain hyphen, no spaces",
        )
    start, end = (int(clock[:2]) * 60 + int(clock[3:]) for clock in text.split("-"))
    if start == end % MINUTES_IN_A_DAY:
        raise UnitError(
            f"`{text}` ends where it starts", "leave `window` out for work that may run at any hour"
        )
    return HourRange(start, end % MINUTES_IN_A_DAY)


def _refuse_unless(pattern: str, text: str, what: str, example: str, hint: str) -> None:
    """Raise :class:`UnitError` unless ``text`` is ``what`` is written by ``pattern``."""
    if text.startswith("-"):
        raise UnitError(f"`{quoted(text)}` is negative", example)
    if _NUMBER.fullmatch(text):
        raise UnitError(f"`{quoted(text)}` has no unit", example)
    if len(text) > _LONGEST_TEXT or not re.fullmatch(pattern, text):
        raise UnitError(f"`{quoted(text)}` is not {what}", hint)


def _size_suggestion(text: str) -> str:
    """The size that was probably meant: ``1.5 gb`` is ``1.5GB``, ``512M`` is one of two."""
    match = re.fullmatch(r"([0-9]{1,12}(?:\.[0-9]{1,6})?)\s*([kmgt]?)(i?)(b?)", text, re.IGNORECASE)
    if match is None:
        return _SIZE_EXAMPLE
    number, prefix, binary, byte = match[1], match[2].upper(), match[3], match[4]
    if prefix and not binary and not byte:
        return f"write `{number}{prefix}iB` or `{number}{prefix}B`"
    return f"write `{number}{prefix}{'i' if binary and prefix else ''}B`"


def _decimal_text(number: Decimal) -> str:
    """Without an exponent and without trailing zeros."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
