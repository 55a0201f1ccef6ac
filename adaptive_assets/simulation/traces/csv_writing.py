"""A workload as a trace in CSV, which ``load_csv_trace`` reads."""

import csv
import gzip
from contextlib import ExitStack
from io import TextIOWrapper
from pathlib import Path
from typing import Final

from adaptive_assets.simulation.traces.csv_columns import COLUMNS
from adaptive_assets.simulation.traces.trace import Workload

_USUAL: Final = COLUMNS[:9]


def write_csv_trace(workload: Workload, path: str | Path) -> None:
    """Write ``workload`` to the file at ``path``, in gzip if that ends in ``.gz``; the same bytes every time.

    Columns beyond the usual nine are written where some run has a value for them.  Not written is which
    policy a run was recorded under.  Raises :class:`OSError` where the file cannot be written.
    """
    runs = workload.runs
    columns = [each for each in COLUMNS if each in _USUAL or any(each.of(run) is not None for run in runs)]
    with ExitStack() as closing:
        plain = closing.enter_context(Path(path).open("wb"))
        packed = str(path).endswith(".gz")
        # Neither the time nor the file's name goes into the compressed file.
        binary = gzip.GzipFile(filename="", fileobj=plain, mode="wb", mtime=0) if packed else plain
        text = closing.enter_context(TextIOWrapper(binary, encoding="utf-8", newline=""))
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(column.name for column in columns)
        writer.writerows([_plain(column.of(run)) for column in columns] for run in runs)


def _plain(value: object) -> object:
    """A number as short as it can be read back the same."""
    if not isinstance(value, float):
        return value
    return str(int(value)) if value.is_integer() else repr(value)
