"""Who waited for whom and for what, as tables whose cells are the darker the longer."""

from collections.abc import Mapping, Sequence
from typing import Final

from adaptive_assets.simulation.evaluation.waiting import IDLE, Waiting

SHOWN: Final = 8
"""Reasons with a row of their own; the others are summed up."""

Row = tuple[str, Sequence[float]]
"""Whose work it was, or what the reason, and the seconds that each tier waited."""


def behind_rows(waiting: Waiting) -> list[Row]:
    """Whose work had the machine meanwhile."""
    holders = (*waiting.tiers, IDLE)
    return _told({holder or "nobody": _times(waiting, waiting.behind, holder) for holder in holders})


def reason_rows(waiting: Waiting) -> list[Row]:
    """The first reason given; what cost the most time first."""
    rows = {code: _times(waiting, waiting.reasons, code) for code in waiting.codes()}
    if len(rows) > SHOWN:
        others = [rows.pop(code) for code in list(rows)[SHOWN - 1 :]]
        rows["others"] = [sum(column) for column in zip(*others, strict=True)]
    return _told(rows)


def _times(waiting: Waiting, sums: Mapping[str, Mapping[str, float]], key: str) -> list[float]:
    return [sums[tier].get(key, 0.0) for tier in waiting.tiers]


def _told(rows: Mapping[str, Sequence[float]]) -> list[Row]:
    return [(name, row) for name, row in rows.items() if any(row)]
