"""A user's text in our messages: short, and without characters that a terminal acts on."""

from typing import Final

_ESCAPES: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def quoted(text: str, limit: int = 60, kept: str = "") -> str:
    """``text`` with its control characters escaped but for those ``kept``, cut to ``limit`` characters.

    No more of it is looked at than is shown, however long it is.
    """
    line = "".join(each if each in kept else _escaped(each) for each in text[: limit + 1])
    if len(text) <= limit and len(line) <= limit:
        return line
    return line[: limit - 1] + "\N{HORIZONTAL ELLIPSIS}"


def paragraph(text: str, limit: int) -> str:
    """``text`` as :func:`quoted` has it, but with its line ends and tabs as they are."""
    return quoted(text, limit, kept="\n\t")


def _escaped(character: str) -> str:
    if character.isprintable():
        return character
    return _ESCAPES.get(character) or character.encode("unicode_escape").decode()
