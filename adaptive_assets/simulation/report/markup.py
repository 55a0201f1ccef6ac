"""HTML and SVG that cannot be broken by what is in it: text is escaped unless it was made here."""

import re
from collections.abc import Iterable
from typing import Final

__all__ = ["Child", "Markup", "fixed", "lines", "tag"]

_ESCAPES: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
"""What neither HTML nor XML may contain, not even escaped."""
_VOID: Final = frozenset({"meta", "input", "br", "link", "col"})


class Markup(str):
    """Text that is markup already.  Only this module and the page's own templates make it."""

    __slots__ = ()


Child = str | Markup | None


def tag(name: str, /, *children: Child, **attributes: object) -> Markup:
    """Make an element with its attributes and what is in it.

    A rectangle with a tooltip is ``tag("rect", tag("title", told), x=1, class_="t0")``.  In the name of one
    ``_`` stands for ``-``, and one at the end is dropped.  A child or attribute that is ``None``, and an
    attribute that is ``False``, is left out; one that is ``True`` has no value.  Floats are cut to what a
    screen can show.
    """
    told = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in _VOID and not children:
        return Markup(f"<{name}{told}>")
    inner = "".join(_escaped(child) for child in children if child is not None)
    return Markup(f"<{name}{told}>{inner}</{name}>")


def lines(parts: Iterable[Child]) -> Markup:
    """Several pieces, one below the other."""
    return Markup("\n".join(_escaped(part) for part in parts if part is not None))


def fixed(value: float) -> str:
    """A coordinate: one decimal, no zeros at its end."""
    shown = f"{value:.1f}"
    return shown.removesuffix(".0")


def _attribute(key: str, value: object) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    if value is True:
        return f" {name}"
    shown = fixed(value) if isinstance(value, float) else str(value)
    return f' {name}="{_escape(shown)}"'


def _escaped(child: str) -> str:
    return child if isinstance(child, Markup) else _escape(child)


def _escape(text: str) -> str:
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text).translate(_ESCAPES)
