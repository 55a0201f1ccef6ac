"""Text as the ledger stores it: what any database can hold, and bounded."""

from typing import Any, Final

from adaptive_assets.policy.text import bounded

LONGEST_TEXT: Final = 4096
"""Characters of a text that came from outside, such as the value of a tag: more explains nothing."""
LONGEST_MESSAGE: Final = 16_384
"""Characters of the message of a fault, which may have fifty lines."""


def storable(text: str) -> str:
    """What any database can hold as text: no NUL, no half of a surrogate pair."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\x00", "\\x00")


def within_bounds(plain: Any) -> Any:
    """A JSON value with every text in it bounded."""
    if isinstance(plain, str):
        return bounded(plain, LONGEST_TEXT)
    if isinstance(plain, dict):
        return {bounded(key, LONGEST_TEXT): within_bounds(value) for key, value in plain.items()}
    if isinstance(plain, list):
        return [within_bounds(value) for value in plain]
    return plain
