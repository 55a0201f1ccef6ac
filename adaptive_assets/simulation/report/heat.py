"""What each tier waited for: a table of reasons whose cells are the darker the longer."""

from typing import Final

from adaptive_assets.planning.wording import share
from adaptive_assets.simulation.report.axes import short_seconds
from adaptive_assets.simulation.report.markup import Markup, lines, tag
from adaptive_assets.simulation.report.waiting import Waiting

__all__ = ["heat_table"]

SHOWN: Final = 8
"""Reasons with a row of their own; the others are summed up."""


def heat_table(waiting: Waiting) -> Markup:
    """Reasons downwards, tiers across; shades are shares of the longest cell."""
    codes = waiting.codes()
    if not codes:
        return tag("p", "No run waited.", class_="soft")
    rows = [(code, [waiting.reasons[tier].get(code, 0.0) for tier in waiting.tiers]) for code in codes]
    if len(rows) > SHOWN:
        rest = [sum(row[1][place] for row in rows[SHOWN - 1 :]) for place in range(len(waiting.tiers))]
        rows = [*rows[: SHOWN - 1], ("others", rest)]
    most = max(max(row) for _, row in rows)
    head = tag("tr", tag("th", "first reason"), *(tag("th", tier) for tier in waiting.tiers))
    body = [_row(code, row, most, waiting) for code, row in rows]
    return tag("table", tag("thead", head), tag("tbody", lines(body)), class_="heat")


def _row(code: str, row: list[float], most: float, waiting: Waiting) -> Markup:
    cells = []
    for tier, waited in zip(waiting.tiers, row, strict=True):
        total = sum(waiting.reasons[tier].values())
        told = f"{share(waited / total)} of what {tier} waited" if total else "nothing"
        strength = f"--s: {waited / most:.2f}" if waited else None
        shown = short_seconds(waited) if waited else "·"
        cells.append(tag("td", shown, style=strength, title=told, class_="soft" if not waited else None))
    return tag("tr", tag("th", tag("code", code)), *cells)
