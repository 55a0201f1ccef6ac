"""A user's text in our messages: short, and without characters that a terminal acts on."""

from typing import Final

_ESCAPES: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def quoted(text: str, limit: int = 60) -> str:
    """``text`` on one line with its control characters escaped, cut to ``limit`` characters.

    No more of it is looked at than is shown, however long it is.
    """
    line = _escaped(text[: limit + 1])
    if len(text) <= limit and len(line) <= limit:
        return line
    return line[: limit - 1] + "\N{HORIZONTAL ELLIPSIS}"


def paragraph(text: str, limit: int) -> str:
    """``text`` with its control characters escaped but for line ends and tabs, cut as by :func:`bounded`."""
    return bounded(_escaped(text[: limit + 1], kept="\n\t"), limit, of=len(text))


def bounded(text: str, limit: int, of: int = 0) -> str:
    """``text``, or its beginning with a mark that says how long it was, of ``limit`` characters together.

    ``of`` is its length where ``text`` is only the beginning of a longer one.
    """
    length = max(len(text), of)
    if length <= limit:
        return text
    mark = f"\N{HORIZONTAL ELLIPSIS} ({length:,} characters in all)"
    return text[: limit - len(mark)] + mark


def _escaped(text: str, kept: str = "") -> str:
    return "".join(each if each.isprintable() or each in kept else _escape(each) for each in text)


def _escape(character: str) -> str:
    return _ESCAPES.get(character) or character.encode("unicode_escape").decode()
