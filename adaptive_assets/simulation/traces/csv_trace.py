"""Traces in CSV: one run a row, below a header that names the columns; plain or in gzip.

A file is read row by row, and every row is checked: a problem names its line, its column and its value.
"""

import csv
import functools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from adaptive_assets.policy.places import Place
from adaptive_assets.policy.text import quoted
from adaptive_assets.policy.units import UnitError
from adaptive_assets.simulation.traces.csv_columns import Column, read_header
from adaptive_assets.simulation.traces.text_source import MOST_RUNS, Problems, read_lines
from adaptive_assets.simulation.traces.trace import DeclaredEstimate, TracedRun, Workload, find_cycle

_FIELDS: Final = {"id": "run_id", "memory_mb": "memory"}
"""The fields of a traced run that are not named like their column."""
_DECLARED: Final = ("declared_cpu", "declared_memory_mb", "declared_duration_s")
_SHOWN: Final = 8
"""How many ids of a cycle a message names."""

Step = tuple[int, Column, str]
"""The place of a value in a row, its column, and the field that it is for."""


def load_csv_trace(path: str | Path) -> Workload:
    """The workload in the file at ``path``, named like the file.

    Raises :class:`TraceError` with what is wrong, up to
    :data:`~adaptive_assets.simulation.traces.trace.MOST_PROBLEMS`.
    """
    source = str(path)
    return parse_csv_trace(read_lines(Path(path), source), source)


def parse_csv_trace(lines: Iterable[str], source: str) -> Workload:
    """The workload that ``lines`` are; ``source`` names them in problems.  As :func:`load_csv_trace`."""
    problems = Problems(source)
    rows = _rows(lines, problems)
    header = next(rows, None)
    if header is None:
        problems.add(1, 1, "the file is empty", "a trace is a header and a row for each run")
        problems.check()
        raise AssertionError  # for the type checker: `check` has raised
    reader = _Reader(read_header(header[1], problems, header[0]), problems, source)
    for line, row in rows:
        reader.take(line, row)
    return reader.workload()


def _rows(lines: Iterable[str], problems: Problems) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not blank, with their lines."""
    reader = csv.reader(lines, strict=True)
    last = 0
    try:
        for row in reader:
            last = reader.line_num
            if row and any(row):
                yield last, row
    except csv.Error as error:
        hint = "close every quote; a value has no room for more than 131,072 characters"
        problems.add(last + 1, 1, f"from here on this is not CSV: {error}", hint)
        problems.check()


class _Reader:
    """Makes runs of rows, and remembers what is needed to say where something is wrong."""

    def __init__(self, columns: Sequence[Column | None], problems: Problems, source: str) -> None:
        known = [(place, column) for place, column in enumerate(columns) if column is not None]
        self._steps = [(place, column, _FIELDS.get(column.name, column.name)) for place, column in known]
        self._width = len(columns)
        self._problems = problems
        self._source = source
        self._runs: list[TracedRun] = []
        self._lines: dict[str, int] = {}
        self._dependent: dict[str, tuple[str, ...]] = {}
        self._tiers: dict[str, Place] = {}
        self._column_of = {column.name: place for place, column in known}
        self._dependency_column: dict[str, int] = {}
        self._declares = any(name in self._column_of for name in _DECLARED)
        self._declare = functools.lru_cache(maxsize=10_000)(_declared)

    def take(self, line: int, row: list[str]) -> None:
        """One row; what is wrong with it goes to the problems."""
        if len(self._runs) >= MOST_RUNS:
            self._problems.add(line, 1, f"more than {MOST_RUNS:,} runs", "cut the trace into pieces")
            self._problems.check()
        if len(row) > self._width:
            message = f"this row has {len(row)} values, and the header {self._width} columns"
            self._problems.add(line, 1, message, "put a value that holds a comma in double quotes")
            return
        values: dict[str, Any] = {}
        fine = True
        for place, column, name in self._steps:
            text = row[place] if place < len(row) else ""
            if text and not text.isspace():
                try:
                    values[name] = column.read(text)
                except UnitError as error:
                    fine = False
                    self._problems.add(line, _at(row, place), f"`{column.name}`: {error.message}", error.hint)
            elif column.required:
                fine = False
                hint = "every row needs one" if place < len(row) else f"this row ends after {len(row)} values"
                self._problems.add(line, _at(row, place), f"`{column.name}` has no value", hint)
        if "run_id" in values and self._is_new(line, row, values["run_id"]) and fine:
            self._add(line, row, values)

    def _is_new(self, line: int, row: list[str], run_id: str) -> bool:
        """Whether no row before has the id; rows that are wrong elsewhere count, as others depend on them."""
        first = self._lines.setdefault(run_id, line)
        if first != line:
            message = f"`id`: `{quoted(run_id)}` is there twice"
            hint = f"ids are unique; the first is on line {first}"
            self._problems.add(line, _at(row, self._column_of["id"]), message, hint)
        return first == line

    def _add(self, line: int, row: list[str], values: dict[str, Any]) -> None:
        if self._declares:
            values["declared"] = self._declare(*(values.pop(name, None) for name in _DECLARED))
        run = TracedRun(**values)
        self._runs.append(run)
        if run.tier is not None and run.tier not in self._tiers:
            self._tiers[run.tier] = Place(self._source, line, _at(row, self._column_of["tier"]))
        if run.depends_on:
            self._dependent[run.run_id] = run.depends_on
            self._dependency_column[run.run_id] = _at(row, self._column_of["depends_on"])

    def workload(self) -> Workload:
        """All runs, once what they depend on is known to be there."""
        if not self._lines:
            self._problems.check()
            self._problems.add(1, 1, "there is no run below the header", "write a row for each run")
        for run_id, above in self._dependent.items():
            for lacking in above:
                if lacking not in self._lines:
                    self._wrong_dependency(
                        run_id,
                        f"there is no run `{quoted(lacking)}`",
                        "write the ids of other runs, with `;` between them",
                    )
        self._problems.check()
        if cycle := find_cycle(self._dependent):
            shown = [quoted(run_id) for run_id in cycle[:_SHOWN]]
            way = [*shown, "…"] if len(cycle) > _SHOWN else [*shown, shown[0]]
            first = min(cycle, key=self._lines.__getitem__)
            message = (
                f"runs wait for each other: {' -> '.join(way)}"
                if len(cycle) > 1
                else "a run waits for itself"
            )
            self._wrong_dependency(first, message, "remove one of these dependencies")
        self._problems.check()
        ordered = sorted(self._runs, key=lambda run: run.submit_s)
        return Workload(Path(self._source).name, tuple(ordered), self._tiers)

    def _wrong_dependency(self, run_id: str, message: str, hint: str) -> None:
        self._problems.add(
            self._lines[run_id], self._dependency_column[run_id], f"`depends_on`: {message}", hint
        )


def _at(row: Sequence[str], place: int) -> int:
    """The column, from 1, at which a value of ``row`` begins, if none before it is in quotes."""
    return sum(len(value) + 1 for value in row[:place]) + 1


def _declared(cpu: float | None, memory: int | None, duration: float | None) -> DeclaredEstimate | None:
    """Zeros declare nothing."""
    if not (cpu or memory or duration):
        return None
    return DeclaredEstimate(cpu=cpu or None, memory=memory or None, duration=duration or None)
