"""A workload as a trace in CSV, which ``load_csv_trace`` reads."""

import csv
import gzip
from contextlib import ExitStack
from io import TextIOWrapper
from pathlib import Path
from typing import Final

from adaptive_assets.simulation.traces.csv_columns import COLUMNS, MEGABYTE
from adaptive_assets.simulation.traces.trace import TracedRun, Workload

__all__ = ["write_csv_trace"]

_USUAL: Final = COLUMNS[:9]


def write_csv_trace(workload: Workload, path: str | Path) -> None:
    """Write ``workload`` to the file at ``path``, in gzip if that ends in ``.gz``; the same bytes every time.

    Columns beyond the usual nine are written where some run has a value for them.  Not written is which
    policy a run was recorded under.  Raises :class:`OSError` where the file cannot be written.
    """
    rows = [_row(run) for run in workload.runs]
    columns = [column.name for column in COLUMNS if column in _USUAL or any(row[column.name] for row in rows)]
    with ExitStack() as closing:
        plain = closing.enter_context(Path(path).open("wb"))
        packed = str(path).endswith(".gz")
        # Neither the time nor the file's name goes into the compressed file.
        binary = gzip.GzipFile(filename="", fileobj=plain, mode="wb", mtime=0) if packed else plain
        text = closing.enter_context(TextIOWrapper(binary, encoding="utf-8", newline=""))
        writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _row(run: TracedRun) -> dict[str, object]:
    declared = run.declared
    return {
        "id": run.run_id,
        "name": run.name,
        "submit_s": _plain(run.submit_s),
        "duration_s": _plain(run.duration_s),
        "cpu": _plain(run.cpu),
        "memory_mb": _plain(run.memory / MEGABYTE),
        "tier": run.tier,
        "deadline_s": _plain(run.deadline_s),
        "depends_on": ";".join(run.depends_on),
        "priority": run.priority or None,
        "input_size": _plain(run.input_size),
        "io": _plain(run.io) if run.io else None,
        "declared_cpu": _plain(declared.cpu) if declared else None,
        "declared_memory_mb": _plain(declared.memory / MEGABYTE) if declared and declared.memory else None,
        "declared_duration_s": _plain(declared.duration) if declared else None,
    }


def _plain(number: float | None) -> str | None:
    """As short as it can be read back the same."""
    return None if number is None else str(int(number)) if float(number).is_integer() else repr(float(number))
