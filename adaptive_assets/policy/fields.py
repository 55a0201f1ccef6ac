"""The field types of the policy book: what may be written, and the plain number that it becomes.

In a file every value carries its unit (validation then runs with :data:`IN_A_FILE` as its context).  Code
that builds a book may pass plain numbers instead: seconds, bytes, fractions of one.
"""

import difflib
import functools
import math
import zoneinfo
from collections.abc import Callable, Mapping
from typing import Annotated, Final, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    StrictInt,
    ValidationInfo,
    WithJsonSchema,
)

from adaptive_assets.policy.text import quoted
from adaptive_assets.policy.units import (
    DURATION_PATTERN,
    HOURS_PATTERN,
    LARGEST_SIZE,
    LONGEST_DURATION,
    SHARE_PATTERN,
    SIZE_PATTERN,
    HourRange,
    UnitError,
    parse_duration,
    parse_hours,
    parse_share,
    parse_size,
)

IN_A_FILE: Final[Mapping[str, bool]] = {"in_a_file": True}
"""The validation context under which a value must be written with its unit."""

LONGEST_TEXT: Final = 10_000
"""Characters of a selection, a key or a parameter."""

NAME_PATTERN: Final = r"^[A-Za-z][A-Za-z0-9_-]{0,62}$"


def _unit(parse: Callable[[str], float]) -> BeforeValidator:
    """Reads text with ``parse``; a number passes as it is, but in a file it lacks its unit."""

    def read(value: object, info: ValidationInfo) -> object:
        if isinstance(value, str):
            return parse(value)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return parse(str(value)) if info.context is IN_A_FILE else value
        return parse(_as_written(value)) if info.context is IN_A_FILE else value

    return BeforeValidator(read)


def _read_hours(value: object) -> object:
    return value if isinstance(value, HourRange) else parse_hours(_as_written(value))


@functools.lru_cache(maxsize=64)
def _nearest_timezone(name: str) -> str | None:
    """Remembered: to list the zones is slow, and a slip is often made in every policy."""
    folded = {known.casefold(): known for known in sorted(zoneinfo.available_timezones())}
    close = difflib.get_close_matches(name.casefold(), folded, n=1)
    return folded[close[0]] if close else None


def _known_timezone(value: str) -> str:
    try:
        zoneinfo.ZoneInfo(value)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        nearest = _nearest_timezone(value)
        hint = f"did you mean `{nearest}`?" if nearest else "write an IANA name such as `America/New_York`"
        raise UnitError(f"`{quoted(value)}` is not a time zone", hint) from None
    return value


def _number(what: str, example: str) -> BeforeValidator:
    """Refuses what is not written as a number."""

    def read(value: object) -> object:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise UnitError(
                f"`{quoted(_as_written(value))}` is not {what}", f"write a number such as {example}"
            )
        return value

    return BeforeValidator(read)


PLAIN_NUMBER: Final = _number("a number", "`0.5`")


def _not_in_quotes(value: object) -> object:
    if isinstance(value, bool | str):  # `True` equals 1 in Python
        raise UnitError("the version is a number, without quotes", "write `version: 1`")
    return value


def _plain_text(value: str) -> str:
    """Refuses what a ledger or a tag cannot hold."""
    if len(value) > LONGEST_TEXT:
        raise UnitError(f"`{quoted(value)}` has {len(value):,} characters", f"write at most {LONGEST_TEXT:,}")
    strange = next((char for char in value if char == "\0" or "\ud800" <= char <= "\udfff"), None)
    if strange is not None:
        raise UnitError(f"the character U+{ord(strange):04X} has no place in text", "remove it")
    return value


def _scalar(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        raise UnitError(f"`{value}` is not a number that JSON can carry", "write a finite number")
    if not isinstance(value, str | int | float | bool | None):
        raise UnitError("a parameter is a single value", "write text, a number, `true` or `false`")
    if isinstance(value, str):
        return _plain_text(value)
    if isinstance(value, int) and abs(value) > LARGEST_SIZE:
        raise UnitError("a parameter is a number of more than 64 bits", "write it in quotes")
    return value


def _as_written(value: object) -> str:
    """What a person reads in the file where Python has ``value``."""
    match value:
        case bool():
            return str(value).lower()
        case list() | tuple():
            return "[...]"
        case Mapping():
            return "{...}"
        case _:
            return "null" if value is None else str(value)


Version = Annotated[Literal[1], BeforeValidator(_not_in_quotes)]
"""The version of a file's language."""

Duration = Annotated[
    float,
    Field(ge=0, le=LONGEST_DURATION, allow_inf_nan=False),
    _unit(parse_duration),
    WithJsonSchema({"type": "string", "pattern": DURATION_PATTERN, "examples": ["90s", "5m", "1h30m", "2d"]}),
]
"""Seconds; written ``5m``."""

PositiveDuration = Annotated[Duration, Field(gt=0)]
"""Seconds, more than none; written ``5m``."""

Size = Annotated[
    int,
    Field(gt=0, le=LARGEST_SIZE),
    _unit(parse_size),
    WithJsonSchema({"type": "string", "pattern": SIZE_PATTERN, "examples": ["512MiB", "1.5GiB", "2GB"]}),
]
"""Bytes; written ``1.5GiB``."""

SizeInUse = Annotated[int, Field(ge=0, le=LARGEST_SIZE), _unit(parse_size)]
"""Bytes, none among them; written ``1.5GiB``."""

Cores = Annotated[
    float, Field(ge=0, le=1_000_000, allow_inf_nan=False), _number("a number of cores", "`0.5` or `2`")
]
"""CPU cores; written as a number. Zero suits a run whose work is done on another machine."""

Amount = Annotated[float, Field(ge=0, le=1_000_000_000, allow_inf_nan=False), PLAIN_NUMBER]
"""Money, in whatever currency; written as a number."""

Weight = Annotated[float, Field(ge=0.001, le=1_000_000, allow_inf_nan=False), PLAIN_NUMBER]
"""A weight against others of its kind; written as a number."""

Share = Annotated[
    float,
    Field(gt=0, le=1),
    _unit(parse_share),
    WithJsonSchema({"type": "string", "pattern": SHARE_PATTERN, "examples": ["85%"]}),
]
"""A fraction of one; written ``85%``."""

Hours = Annotated[
    HourRange,
    BeforeValidator(_read_hours),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "pattern": HOURS_PATTERN, "examples": ["22:00-06:00"]}),
]
"""Hours of the day; written ``"22:00-06:00"``."""

TimeZone = Annotated[
    str, AfterValidator(_known_timezone), Field(json_schema_extra={"examples": ["America/New_York", "UTC"]})
]
"""The IANA name of a time zone."""

Name = Annotated[str, Field(pattern=NAME_PATTERN)]
"""Letters, digits, ``_`` and ``-``, a letter first: it becomes a tag value and part of a sensor's name."""

Text = Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT), AfterValidator(_plain_text)]

TagValue = Annotated[str, AfterValidator(_plain_text)]
"""The value of a run's tag."""

Count = Annotated[StrictInt, Field(ge=1, le=1_000_000)]
"""A number of runs."""

CpuWeight = Annotated[StrictInt, Field(ge=1, le=10_000)]
"""A part of the CPU against others', as `cpu.weight` of cgroups has it."""

Parameter = Annotated[
    str | int | float | bool | None,
    BeforeValidator(_scalar),
    WithJsonSchema({"type": ["string", "number", "boolean", "null"]}),
]
"""A JSON scalar."""
