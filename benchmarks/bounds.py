"""What was promised of a figure, and whether it is kept."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any, Self

from benchmarks.report import grid

__all__ = ["Bound", "bounds_table", "plain_bounds"]

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Bound:
    """``found`` has to be at most, or at least, ``allowed``; ``note`` says what the limit comes from."""

    what: str
    where: str
    found: float
    relation: str
    allowed: float
    met: bool
    note: str = ""

    @classmethod
    def at_most(cls, what: str, where: str, found: float, allowed: float, note: str = "") -> Self:
        """Met by what is not greater."""
        return cls(what, where, found, "≤", allowed, found <= allowed + _ROUNDING * abs(allowed), note)

    @classmethod
    def at_least(cls, what: str, where: str, found: float, allowed: float, note: str = "") -> Self:
        """Met by what is not less."""
        return cls(what, where, found, "≥", allowed, found >= allowed - _ROUNDING * abs(allowed), note)


def bounds_table(bounds: Iterable[Bound]) -> str:
    """All of them as a Markdown table."""
    header = ("bound", "where", "found", "allowed", "met", "")
    return grid([header, *map(_row, bounds)])


def plain_bounds(bounds: Iterable[Bound]) -> list[dict[str, Any]]:
    """All of them for JSON, which has no infinity."""
    return [{**asdict(bound), "found": bound.found if isfinite(bound.found) else None} for bound in bounds]


def _row(bound: Bound) -> tuple[str, ...]:
    allowed = f"{bound.relation} {_number(bound.allowed)}"
    met = "yes" if bound.met else "NO"
    return (bound.what, bound.where, _number(bound.found), allowed, met, bound.note)


def _number(value: float) -> str:
    """With four digits that count, and whole numbers whole."""
    if isfinite(value) and value == int(value):
        return f"{int(value):,}"
    return f"{value:.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
