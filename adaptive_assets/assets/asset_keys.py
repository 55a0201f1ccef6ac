"""Asset keys as one text, and back: exact for whatever characters the parts of a key have."""

import re
from typing import Final

import dagster as dg

_CHARACTER: Final = re.compile(r"\\.|.", re.DOTALL)


def text_of(key: dg.AssetKey) -> str:
    """``a/b`` for the parts ``a`` and ``b``; a ``/`` or a backslash in a part stands behind a backslash."""
    return key.to_escaped_user_string()


def key_of(text: str) -> dg.AssetKey:
    """What :func:`text_of` was given. Dagster's own way back loses a last part that is empty."""
    parts = [""]
    for character in _CHARACTER.findall(text):
        if character == "/":
            parts.append("")
        else:
            parts[-1] += character[-1]
    return dg.AssetKey(parts)
