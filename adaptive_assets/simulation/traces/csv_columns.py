"""The columns of a trace in CSV: their names, how a value is read, and which of them a header has."""

import difflib
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from adaptive_assets.policy.suggesting import listing
from adaptive_assets.policy.text import quoted
from adaptive_assets.policy.units import LARGEST_SIZE, LONGEST_DURATION, UnitError
from adaptive_assets.simulation.traces.text_source import Problems
from adaptive_assets.simulation.traces.trace import DeclaredEstimate, TracedRun

MEGABYTE: Final = 1_000_000
MOST_CORES: Final = 1_000_000.0
_CLOSE: Final = 0.75
"""How alike an unknown column must be to a known one that is lacking, to be taken for a slip of the pen."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its ``name``, how its text is ``read``, its value ``of`` a run, and if every row has one."""

    name: str
    read: Callable[[str], Any]
    of: Callable[[TracedRun], object]
    required: bool = False


def _number(low: float, high: float, what: str) -> Callable[[str], float]:
    """Reads a number from ``low`` to ``high``; ``what`` completes "write …"."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise UnitError(f"`{quoted(text)}` is not a number", f"write {what}") from None
        if low <= value <= high:  # which neither `nan` nor `inf` is
            return value
        if math.isnan(value):
            raise UnitError(f"`{quoted(text)}` is not a number", f"write {what}")
        if value < low:
            raise UnitError(f"`{quoted(text)}` is too small", f"write {what}, of at least {low:,.12g}")
        raise UnitError(f"`{quoted(text)}` is too large", f"write {what}, of at most {high:,.15g}")

    return read


def _text(text: str) -> str:
    """Interned: names and tiers come again and again, and a dependency is an id."""
    return sys.intern(text.strip())


def _ids(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_text(part) for part in text.split(";") if part.strip()))


def _whole(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = LARGEST_SIZE
    if abs(value) > 2**31:
        raise UnitError(f"`{quoted(text)}` is no priority", "write a whole number such as `10`")
    return value


_cores = _number(0, MOST_CORES, "cores such as `0.5` or `2`")
_megabytes = _number(0, LARGEST_SIZE // MEGABYTE, "megabytes such as `512`")
_seconds = _number(0, LONGEST_DURATION, "seconds such as `90` or `12.5`")


def _bytes(text: str) -> int:
    return round(_megabytes(text) * MEGABYTE)


_UNDECLARED: Final = DeclaredEstimate()


def _declared(run: TracedRun) -> DeclaredEstimate:
    return run.declared or _UNDECLARED


COLUMNS: Final = (
    Column("id", _text, lambda run: run.run_id, required=True),
    Column("name", _text, lambda run: run.name, required=True),
    Column("submit_s", _seconds, lambda run: run.submit_s, required=True),
    Column("duration_s", _seconds, lambda run: run.duration_s, required=True),
    Column("cpu", _cores, lambda run: run.cpu, required=True),
    Column("memory_mb", _bytes, lambda run: run.memory / MEGABYTE, required=True),
    Column("tier", _text, lambda run: run.tier),
    Column("deadline_s", _seconds, lambda run: run.deadline_s),
    Column("depends_on", _ids, lambda run: ";".join(run.depends_on)),
    Column("priority", _whole, lambda run: run.priority or None),
    Column("input_size", _number(0, float(LARGEST_SIZE), "a size in any unit"), lambda run: run.input_size),
    Column("io", _number(0, 1, "a share such as `0.3`"), lambda run: run.io or None),
    Column("declared_cpu", _cores, lambda run: _declared(run).cpu),
    Column("declared_memory_mb", _bytes, lambda run: (_declared(run).memory or 0) / MEGABYTE or None),
    Column("declared_duration_s", _seconds, lambda run: _declared(run).duration),
)
"""In the order in which a header usually has them."""

_BY_NAME: Final[Mapping[str, Column]] = {column.name: column for column in COLUMNS}
_REQUIRED: Final = tuple(column.name for column in COLUMNS if column.required)


def read_header(names: Sequence[str], problems: Problems, line: int = 1) -> list[Column | None]:
    """The column that each place of a row is for; ``None`` for one that means nothing here, which is skipped.

    Adds to ``problems`` what is missing, twice there or misspelt, and raises them.
    """
    found = [name.strip().lower() for name in names]
    lacking = [name for name in _BY_NAME if name not in found]
    if not any(name in found for name in _REQUIRED):
        is_other = next((mark for mark in (";", "\t", "|") if mark in names[0]), None)
        hint = f"write `{','.join(_REQUIRED)}` as the first line"
        if is_other is not None:
            hint = f"separate columns by commas, not by `{'tabs' if is_other == chr(9) else is_other}`"
        problems.add(line, 1, f"`{quoted(','.join(names))}` is no header of a trace", hint)
        problems.check()
    misspelt: set[str] = set()
    for position, name in enumerate(found):
        column = sum(len(before) + 1 for before in names[:position]) + 1
        if name in _BY_NAME and name in found[:position]:
            problems.add(line, column, f"the column `{name}` is there twice", "remove one")
        elif name not in _BY_NAME:
            meant = difflib.get_close_matches(name, lacking, n=1, cutoff=_CLOSE)
            if meant:
                misspelt.add(meant[0])
                problems.add(line, column, f"unknown column `{quoted(name)}`", f"did you mean `{meant[0]}`?")
    missing = [name for name in _REQUIRED if name not in found and name not in misspelt]
    if missing:
        noun = "column is" if len(missing) == 1 else "columns are"
        hint = f"the columns that every trace has are {listing(_REQUIRED)}"
        problems.add(line, 1, f"the {noun} missing: {listing(missing)}", hint)
    problems.check()
    return [_BY_NAME.get(name) for name in found]
