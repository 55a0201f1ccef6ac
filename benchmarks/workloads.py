"""The workloads of the simulator's benchmarks, from traces of Google (2011) and Alibaba (2018).

What the traces lack is derived, the same for every planner, and said here.

* No public trace has **deadlines**: those of critical and standard work are twice the 90th percentile of the
  durations of its name, and a minute; where the run itself takes longer, its duration and a minute, because
  a deadline that an idle machine could not keep says nothing of planners.  Nor do users declare
  **durations**: theirs are twice that percentile.
* **Tiers**: Google's scheduling class 3 is critical, 2 standard, 1 and 0 batch.  Of Alibaba's recurring jobs
  the seed makes a fifth critical and three tenths standard.
* Google's trace has no **CPU and memory**: the seed draws a level of both, and what was planned, for each
  name from what Alibaba's tasks use (``traces_data/levels.csv``); each run has that, give or take a tenth
  of the CPU and a fifth of the memory (log-normal).
* Alibaba's **memory** is in hundredths of a machine of 96 cores whose size is not told; we take it to have
  4 GiB for each core.
* A run is a task of Alibaba's, with its duration and up to four of its instances side by side.

    python -m benchmarks.workloads DIRECTORY [SEED]      writes both, and the team's week, as trace files
"""

import csv
import gzip
import math
import random
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from statistics import quantiles
from typing import Final, NamedTuple

from adaptive_assets.simulation.traces.csv_writing import write_csv_trace
from adaptive_assets.simulation.traces.team import team
from adaptive_assets.simulation.traces.trace import DeclaredEstimate, TracedRun, Workload
from benchmarks import alibaba as trace_of_alibaba
from benchmarks.alibaba import NoTraceError, Task

__all__ = ["CORES", "MEMORY", "alibaba", "google"]

CORES: Final = 16
MEMORY: Final = 32 * 2**30
"""The machine that the workloads are meant for.  It has half as much memory for each core as those that the
levels are from, so that memory is scarce too."""

DATA: Final = Path(__file__).parent / "traces_data"
RUNS: Final = 3_000
PERCENT_OF_MEMORY: Final = 96 * 4 * 2**30 / 100
"""Bytes of a hundredth of the memory of one of Alibaba's machines."""

_TIER_OF_CLASS: Final = {3: "critical", 2: "standard", 1: "batch", 0: "batch"}
_GOOGLE_SHARES: Final = {"critical": 1.0, "standard": 0.35, "batch": 0.55}
"""Of :data:`RUNS`; of the critical ones there are fewer than that, and all are taken."""
_ALIBABA_SHARES: Final = {"critical": 0.2, "standard": 0.3, "batch": 0.5}
_MOST_INSTANCES: Final = 4
_LONGEST_S: Final = 3_600.0
_LARGEST: Final = 20 * 2**30
"""Alibaba's jobs with a longer task, or with one of more memory, are left out: they need a larger machine."""
_OF_ONE_JOB: Final = 300
"""Tasks of one recurring job of Alibaba's: of the commonest, so many are drawn."""


def google(seed: int) -> Workload:
    """Four days of recurring jobs of Google's: all critical ones, and names drawn until there are enough."""
    rng = random.Random(f"google {seed}")
    by_name: dict[str, list[_Job]] = defaultdict(list)
    for job in _google_jobs():
        by_name[job.name].append(job)
    runs: list[TracedRun] = []
    for tier, share in _GOOGLE_SHARES.items():
        names = sorted(name for name, jobs in by_name.items() if _TIER_OF_CLASS[jobs[0].sched_class] == tier)
        rng.shuffle(names)
        count = 0
        for name in names:
            if count >= share * RUNS:
                break
            level = _level(rng)
            runs += (_sized(job, tier, level, rng) for job in by_name[name])
            count += len(by_name[name])
    return Workload.of(f"google-{seed}", _promised(runs))


def alibaba(seed: int) -> Workload:
    """An hour of Alibaba's jobs: recurring ones drawn with all their tasks, until there are enough.

    Raises :class:`~benchmarks.alibaba.NoTraceError` where the trace is not installed.
    """
    rng = random.Random(f"alibaba {seed}")
    recurring = _recurring_jobs()
    signatures = sorted(recurring)
    rng.shuffle(signatures)
    chosen: dict[str, tuple[str, list[list[Task]]]] = {}
    count = 0
    for signature in signatures:
        if count >= RUNS:
            break
        jobs = recurring[signature]
        most = max(1, _OF_ONE_JOB // len(jobs[0]))
        drawn = rng.sample(jobs, most) if len(jobs) > most else jobs
        tier = _tier_that_lacks(rng, chosen.values())
        chosen[f"dag-{len(chosen)}"] = (tier, drawn)
        count += sum(map(len, drawn))
    levels = trace_of_alibaba.levels({job[0].job for _, jobs in chosen.values() for job in jobs})
    runs: list[TracedRun] = []
    for name, (tier, jobs) in chosen.items():
        for job in jobs:
            of_job = [_run_of(task, f"{name}-{task.task}", tier, levels[task.job, task.task]) for task in job]
            if max(run.memory for run in of_job) <= _LARGEST:
                runs += of_job
    return Workload.of(f"alibaba-{seed}", _promised(runs))


def _tier_that_lacks(rng: random.Random, chosen: Iterable[tuple[str, list[list[Task]]]]) -> str:
    """Drawn by how many tasks each tier lacks of its share: recurring jobs are of very different sizes."""
    lacking = {tier: share * RUNS for tier, share in _ALIBABA_SHARES.items()}
    for tier, jobs in chosen:
        lacking[tier] -= sum(map(len, jobs))
    return rng.choices([*lacking], [max(tasks, 1.0) for tasks in lacking.values()])[0]


class _Job(NamedTuple):
    """A job of Google's."""

    run_id: str
    name: str
    submit_s: float
    duration_s: float
    sched_class: int


@dataclass(frozen=True, slots=True)
class _Level:
    """What runs of a name use, and the memory that is planned for them: cores and bytes."""

    cpu: float
    memory: float
    planned: int


@cache
def _google_jobs() -> tuple[_Job, ...]:
    with gzip.open(DATA / "google2011_recurring_jobs.csv.gz", "rt", encoding="utf-8", newline="") as file:
        return tuple(
            _Job(
                f"g{place}",
                f"job-{row['name']}",
                float(row["submit_s"]),
                float(row["duration_s"]),
                int(row["sched_class"]),
            )
            for place, row in enumerate(csv.DictReader(file))
        )


@cache
def _table() -> tuple[dict[str, float], ...]:
    with (DATA / "levels.csv").open(encoding="utf-8", newline="") as file:
        return tuple({key: float(value) for key, value in row.items()} for row in csv.DictReader(file))


def _level(rng: random.Random) -> _Level:
    """Drawn from the quantiles, CPU and memory each for itself; in a straight line between them."""
    cpu = _between([row["cpu_cores"] for row in _table()], rng.random())
    at = rng.random()
    memory = _between([row["memory_percent"] for row in _table()], at) * PERCENT_OF_MEMORY
    row = _table()[min(int(at * len(_table())), len(_table()) - 1)]
    planned = rng.choices((row["planned_p10"], row["planned_p50"], row["planned_p90"]), (1, 2, 1))[0]
    return _Level(cpu, memory, round(planned * PERCENT_OF_MEMORY))


def _between(values: Sequence[float], at: float) -> float:
    """The quantile ``at`` (0 to 1) of a distribution whose ``values`` are at the middles of equal parts."""
    place = min(max(at * len(values) - 0.5, 0.0), len(values) - 1.0)
    below = int(place)
    above = min(below + 1, len(values) - 1)
    return values[below] + (values[above] - values[below]) * (place - below)


def _sized(job: _Job, tier: str, level: _Level, rng: random.Random) -> TracedRun:
    return TracedRun(
        job.run_id,
        job.name,
        job.submit_s,
        tier,
        declared=DeclaredEstimate(cpu=math.ceil(level.cpu * 2) / 2, memory=level.planned),
        duration_s=job.duration_s,
        cpu=level.cpu * math.exp(rng.gauss(0, 0.1)),
        memory=round(level.memory * math.exp(rng.gauss(0, 0.2))),
    )


@cache
def _recurring_jobs() -> dict[tuple[object, ...], list[list[Task]]]:
    """Alibaba's jobs by what they look like: the names of their tasks, and what is planned for them."""
    jobs: dict[str, list[Task]] = defaultdict(list)
    for task in trace_of_alibaba.tasks():
        jobs[task.job].append(task)
    recurring: dict[tuple[object, ...], list[list[Task]]] = defaultdict(list)
    for job in jobs.values():
        if max(task.duration_s for task in job) <= _LONGEST_S:
            looks = tuple(sorted((task.task, task.plan_cpu, task.plan_memory) for task in job))
            recurring[looks].append(job)
    return recurring


def _run_of(task: Task, name: str, tier: str, level: trace_of_alibaba.Levels) -> TracedRun:
    side_by_side = min(task.instances, _MOST_INSTANCES)
    memory = side_by_side * PERCENT_OF_MEMORY
    return TracedRun(
        f"{task.job}.{task.task}",
        name,
        task.submit_s,
        tier,
        depends_on=tuple(f"{task.job}.{parent}" for parent in task.parents),
        declared=DeclaredEstimate(
            cpu=task.plan_cpu / 100 * side_by_side, memory=round(task.plan_memory * memory)
        ),
        duration_s=task.duration_s,
        cpu=max(0.01, level.cpu / 100 * side_by_side),
        memory=round(level.memory * memory),
    )


def _promised(runs: Iterable[TracedRun]) -> list[TracedRun]:
    """With the deadlines and the declared durations that are derived from the durations of each name."""
    by_name: dict[str, list[TracedRun]] = defaultdict(list)
    for run in runs:
        by_name[run.name].append(run)
    promised = []
    for same in by_name.values():
        seconds = [run.duration_s for run in same]
        p90 = quantiles(seconds, n=10, method="inclusive")[-1] if len(seconds) > 1 else seconds[0]
        for run in same:
            declared = (run.declared or DeclaredEstimate()).model_copy(
                update={"duration": max(round(2 * p90, 1), 1.0)}
            )
            deadline = None if run.tier == "batch" else round(max(2 * p90, run.duration_s) + 60, 1)
            promised.append(replace(run, deadline_s=deadline, declared=declared))
    return promised


def main(directory: str, seed: str = "0") -> None:
    """Write the workloads as trace files into ``directory``."""
    for make in (google, alibaba, team):
        try:
            workload = make(int(seed))
        except NoTraceError as error:
            print(error)
            continue
        Path(directory).mkdir(parents=True, exist_ok=True)
        path = Path(directory) / f"{workload.name}.csv.gz"
        write_csv_trace(workload, path)
        print(f"{path}: {len(workload.runs):,} runs")


if __name__ == "__main__":
    main(*sys.argv[1:])
