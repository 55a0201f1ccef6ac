"""The code location of real work: jobs that use so many cores, and hold so much memory, for so long."""

import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import dagster as dg
import psutil

__all__ = ["JOBS", "TOIL_LOG", "Worked", "defs", "worked"]

JOBS = ("forecast", "ingest", "report", "backfill", "probe")
TOIL_LOG = "toil.jsonl"
"""The file in ``DAGSTER_HOME`` to which every run adds a line."""

SLICE_S = 0.1


@dataclass(frozen=True, slots=True)
class Worked:
    """What the process of a run had used when its user code began, and when that ended.

    CPU in seconds since the process began, memory in bytes; ``began_at`` in POSIX seconds.
    """

    run_id: str
    pid: int
    began_at: float
    cpu_before_s: float
    cpu_after_s: float
    memory: int


def worked(home: Path) -> dict[str, Worked]:
    """What all runs so far have written, by run id."""
    lines = (home / TOIL_LOG).read_text().splitlines()
    return {line["run_id"]: Worked(**line) for line in map(json.loads, lines)}


@dg.op(config_schema={"seconds": float, "cores": float, "memory_mib": int})
def toil(context: dg.OpExecutionContext) -> None:
    """Hold the memory, and compute in each tenth of a second for ``cores`` of it."""
    began_at, cpu_before = time.time(), time.process_time()
    asked = context.op_config
    held = bytearray(asked["memory_mib"] * 2**20)
    held[::4096] = b"x" * len(held[::4096])  # so that every page is there
    for _ in range(round(asked["seconds"] / SLICE_S)):
        _burn(SLICE_S * asked["cores"])
        time.sleep(SLICE_S * (1 - asked["cores"]))
    memory = psutil.Process().memory_info().rss
    del held
    line = Worked(context.run_id, os.getpid(), began_at, cpu_before, time.process_time(), memory)
    with (Path(os.environ["DAGSTER_HOME"]) / TOIL_LOG).open("a") as log:
        log.write(json.dumps(asdict(line)) + "\n")


def _burn(seconds: float) -> None:
    """Compute until so much CPU time was used, however long that takes."""
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


def _job(name: str) -> dg.JobDefinition:
    @dg.job(name=name, executor_def=dg.in_process_executor)
    def job() -> None:
        toil()

    return job


defs = dg.Definitions(jobs=[_job(name) for name in JOBS])
