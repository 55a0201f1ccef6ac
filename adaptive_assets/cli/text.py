"""Plain text that reads well at a terminal and in a pipe: tables, labelled lines, times."""

import json
import re
import shutil
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass
from datetime import UTC, datetime
from typing import Any, Final

import click

from adaptive_assets.planning.formatting import seconds

PIPED_WIDTH: Final = 100
NARROWEST: Final = 72
NARROWEST_LAST: Final = 24
_WRAP: Final[Mapping[str, Any]] = {"break_on_hyphens": False, "break_long_words": False}
"""A path or an id stays in one piece, so that it can be copied."""
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


def width() -> int:
    """Columns to fill: those of the terminal, 100 where there is none."""
    if not sys.stdout.isatty():
        return PIPED_WIDTH
    return max(NARROWEST, shutil.get_terminal_size((PIPED_WIDTH, 24)).columns)


def wrapped(text: str, indent: str = "") -> str:
    """``text`` broken into lines that fit, each after ``indent``; the breaks that it has stay."""
    lines: list[str] = []
    for line in text.splitlines() or [""]:
        lines += textwrap.wrap(
            _clean(line), width(), initial_indent=indent, subsequent_indent=indent, **_WRAP
        ) or [""]
    return "\n".join(lines)


def labelled(rows: Iterable[tuple[str, str]]) -> str:
    """Lines such as ``machine   CPU 1.2 of 2 cores``, the labels in one column."""
    kept = list(rows)
    column = max((len(label) for label, _ in kept), default=0) + 2
    return "\n".join(
        click.style(label.ljust(column), bold=True) + wrapped(text, " " * column)[column:]
        for label, text in kept
    )


def table(headers: Sequence[str], rows: Iterable[Sequence[str]], below: Sequence[str] = ()) -> str:
    """Columns as wide as their widest cell, the last one wrapped where it must be.

    ``below`` has for each row what is told underneath it, from the second column on.
    """
    body = [[_clean(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in [list(headers), *body]) for column in range(len(headers) - 1)]
    room = max(NARROWEST_LAST, width() - sum(widths) - 2 * len(widths))

    def line(cells: Sequence[str]) -> str:
        fixed = "".join(cell.ljust(size) + "  " for cell, size in zip(cells, widths, strict=False))
        last = textwrap.wrap(cells[-1], room, **_WRAP) or [""]
        return "\n".join([(fixed + last[0]).rstrip(), *(" " * len(fixed) + more for more in last[1:])])

    lines = [click.style(line(headers), bold=True)]
    for number, row in enumerate(body):
        lines.append(line(row))
        if number < len(below) and below[number]:
            lines.append(wrapped(below[number], " " * (widths[0] + 2)))
    return "\n".join(lines)


def age(at: float, now: float) -> str:
    """How long ago an instant was: ``2m 05s ago``."""
    return f"{seconds(now - at)} ago" if at <= now else f"in {seconds(at - now)}"


def clock(at: float) -> str:
    """An instant as people read it, in the local time zone, with the date."""
    return datetime.fromtimestamp(at, tz=UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def iso(at: float | None) -> str | None:
    """An instant as programs read it: ISO 8601 in UTC."""
    return None if at is None else datetime.fromtimestamp(at, tz=UTC).isoformat()


def short_id(run_id: str) -> str:
    """The first eight characters of a run id, as the Dagster UI shows it."""
    return run_id[:8]


def shortened(text: str, limit: int) -> str:
    """``text`` on one line, cut to ``limit`` characters."""
    line = _clean(text)
    return line if len(line) <= limit else line[: limit - 1] + "…"


def record(value: Any, *names: str) -> dict[str, Any]:
    """The fields of a dataclass that are named, or all, for JSON: instants in ISO 8601, no empty text."""
    wanted = names or tuple(each.name for each in fields(value))
    return {name: _field(name, getattr(value, name)) for name in wanted}


def _field(name: str, value: Any) -> Any:
    if name in {"at", "since", "until"} or name.endswith("_at"):
        return iso(value)
    return None if value == "" else value


def count(number: int, noun: str) -> str:
    """``1 run``, ``1,200 runs``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def emit_json(value: Any) -> None:
    """Print a value as indented JSON on stdout."""
    click.echo(json.dumps(value, indent=2, default=_plain))


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return list(value) if isinstance(value, tuple | set | frozenset) else str(value)


def _clean(text: str) -> str:
    """On one line, and without what could move a terminal's cursor."""
    return _CONTROL.sub(" ", text)
