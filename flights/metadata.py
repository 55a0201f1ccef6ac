"""Values as people read them beside a materialization."""

import math
from datetime import datetime
from typing import TYPE_CHECKING, Any

from flights.hours import NEW_YORK

if TYPE_CHECKING:
    import pandas as pd


def local(instant: datetime) -> str:
    """Return a time on New York's clock: ``2013-07-01 04:00 EDT``."""
    return instant.astimezone(NEW_YORK).strftime("%Y-%m-%d %H:%M %Z")


def numbers(**values: Any) -> dict[str, float]:
    """Return the numbers rounded, without those that are none: the mean of nothing has no place in a plot."""
    return {name: round(float(value), 2) for name, value in values.items() if math.isfinite(value)}


def markdown_table(frame: "pd.DataFrame") -> str:
    """Return a small frame as a Markdown table."""
    lines = [list(map(str, frame.columns)), ["---"] * len(frame.columns)]
    lines += [list(map(str, row)) for row in frame.itertuples(index=False)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
