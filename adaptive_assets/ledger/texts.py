"""Text as the ledger stores it: what any database can hold, bounded, and readable on a terminal."""

import re
from typing import Any, Final

__all__ = ["LONGEST_MESSAGE", "LONGEST_TEXT", "bounded", "escaped", "storable", "within_bounds"]

LONGEST_TEXT: Final = 4096
"""Characters of a text that came from outside, such as the value of a tag: more explains nothing."""
LONGEST_MESSAGE: Final = 16_384
"""Characters of the message of a fault, which may have fifty lines."""

_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


def storable(text: str) -> str:
    """What any database can hold as text: no NUL, no half of a surrogate pair."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\x00", "\\x00")


def bounded(text: str, longest: int = LONGEST_TEXT) -> str:
    """``text``, or its beginning with a mark that says how long it was."""
    if len(text) <= longest:
        return text
    mark = f"… ({len(text):,} characters in all)"
    return text[: longest - len(mark)] + mark


def escaped(text: str) -> str:
    """``text`` with its control characters written out, but for line ends and tabs."""
    return _CONTROL.sub(lambda found: found.group().encode("unicode_escape").decode(), text)


def within_bounds(plain: Any) -> Any:
    """A JSON value with every text in it bounded."""
    if isinstance(plain, str):
        return bounded(plain)
    if isinstance(plain, dict):
        return {bounded(key): within_bounds(value) for key, value in plain.items()}
    if isinstance(plain, list):
        return [within_bounds(value) for value in plain]
    return plain
