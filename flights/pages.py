"""Self-contained HTML pages: words, a table and plots, with nothing to fetch from anywhere."""

import base64
import html
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1d2733; max-width: 60rem; margin: 2rem auto }
h1 { font-size: 1.6rem; margin-bottom: .2rem } p.note { color: #5b6876; margin-top: 0 }
img { max-width: 100%; height: auto } figure { margin: 2rem 0 } figcaption { color: #5b6876 }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: .25rem .8rem; text-align: right; border-bottom: 1px solid #dde3ea }
th:first-child, td:first-child { text-align: left }
"""


@dataclass(frozen=True, slots=True)
class Plot:
    """A picture (PNG) and what it shows."""

    picture: bytes
    caption: str


def new_figure(width: float, height: float) -> "Figure":
    """Return a figure that draws into memory: no window system, and no state shared between figures."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def png(figure: "Figure", dpi: int = 110) -> bytes:
    """Return a figure as PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    return buffer.getvalue()


def page(title: str, note: str, plots: Sequence[Plot], table: "pd.DataFrame") -> str:
    """Return a whole HTML document."""
    pictures = "\n".join(
        f'<figure><img alt="{html.escape(plot.caption)}" src="{data_url(plot.picture)}">'
        f"<figcaption>{html.escape(plot.caption)}</figcaption></figure>"
        for plot in plots
    )
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>{_STYLE}</style></head>\n<body><h1>{html.escape(title)}</h1>"
        f'<p class="note">{html.escape(note)}</p>\n{pictures}\n{_table(table)}</body></html>\n'
    )


def data_url(picture: bytes) -> str:
    """Return a picture as a URL that carries it."""
    return "data:image/png;base64," + base64.b64encode(picture).decode("ascii")


def _table(table: "pd.DataFrame") -> str:
    head = "".join(f"<th>{html.escape(str(column))}</th>" for column in table.columns)
    rows = "".join(
        "<tr>" + "".join(f"<td>{html.escape(_text(value))}</td>" for value in row) + "</tr>\n"
        for row in table.itertuples(index=False)
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _text(value: Any) -> str:
    return f"{value:,.1f}" if isinstance(value, float) else str(value)
