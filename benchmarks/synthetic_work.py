"""The code location of real work: jobs that use so many cores, and hold so much memory, for so long.

Beside them there is one asset of many partitions, each of which takes a moment.
"""

import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import dagster as dg
import psutil

__all__ = ["JOBS", "PARTITIONS", "TOIL_LOG", "Worked", "defs", "worked"]

PRIORITIES = {"forecast": 10, "ingest": 0, "report": 0, "backfill": -10, "probe": 0}
JOBS = tuple(PRIORITIES)
"""Each has the priority that a user of stock Dagster would give to its tier."""

PARTITIONS = tuple(f"{number:03d}" for number in range(300))
"""Of the asset ``tiny``."""

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
    """What the run's config asks for."""
    _work(context.run_id, **context.op_config)


@dg.asset(partitions_def=dg.StaticPartitionsDefinition(PARTITIONS))
def tiny(context: dg.AssetExecutionContext) -> None:
    """Half a second of little work."""
    _work(context.run_id, seconds=0.5, cores=0.3, memory_mib=16)


def _work(run_id: str, seconds: float, cores: float, memory_mib: int) -> None:
    """Hold the memory, and compute in each tenth of a second for ``cores`` of it."""
    began_at, cpu_before = time.time(), time.process_time()
    held = bytearray(memory_mib * 2**20)
    held[::4096] = b"x" * len(held[::4096])  # so that every page is there
    for _ in range(round(seconds / SLICE_S)):
        _burn(SLICE_S * cores)
        time.sleep(SLICE_S * (1 - cores))
    memory = psutil.Process().memory_info().rss
    del held
    line = Worked(run_id, os.getpid(), began_at, cpu_before, time.process_time(), memory)
    with (Path(os.environ["DAGSTER_HOME"]) / TOIL_LOG).open("a") as log:
        log.write(json.dumps(asdict(line)) + "\n")


def _burn(seconds: float) -> None:
    """Compute until so much CPU time was used, however long that takes."""
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


def _job(name: str) -> dg.JobDefinition:
    tags = {"dagster/priority": str(PRIORITIES[name])}

    @dg.job(name=name, executor_def=dg.in_process_executor, tags=tags)
    def job() -> None:
        toil()

    return job


defs = dg.Definitions(assets=[tiny], jobs=[_job(name) for name in JOBS], executor=dg.in_process_executor)
