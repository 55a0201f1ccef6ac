"""Traces in the Standard Workload Format of the Parallel Workloads Archive.

A job is a line of 18 numbers, of which -1 is one that is not known; lines that start with ``;`` are comments
or, at the top, headers (``; MaxProcs: 128``).  The format is that of Feitelson, Tsafrir and Krakov,
"Experience with using the Parallel Workloads Archive", J. of Parallel and Distributed Computing 74 (2014).
"""

import functools
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

from adaptive_assets.policy.places import Place
from adaptive_assets.policy.text import quoted
from adaptive_assets.policy.units import LARGEST_SIZE, LONGEST_DURATION
from adaptive_assets.simulation.traces.text_source import MOST_RUNS, Problems, read_lines
from adaptive_assets.simulation.traces.trace import DeclaredEstimate, TracedRun, Workload, find_cycle

KIB: Final = 1024
_MOST_KIB: Final = 2**40
_REPEATS: Final = frozenset({2, 3, 4})
"""The statuses of lines that tell a part of a job which has a line of its own."""
_SUBMITTED: Final = 1
"""The place of the one number that a job cannot be without, beside its own."""

_BOUNDS: Final = {
    "job number": LARGEST_SIZE,
    "submit time": LONGEST_DURATION,
    "wait time": LONGEST_DURATION,
    "run time": LONGEST_DURATION,
    "allocated processors": 10_000_000,
    "average CPU time used": LONGEST_DURATION,
    "used memory": _MOST_KIB,
    "requested processors": 10_000_000,
    "requested time": LONGEST_DURATION,
    "requested memory": _MOST_KIB,
    "status": 5,
    "user": LARGEST_SIZE,
    "group": LARGEST_SIZE,
    "executable": LARGEST_SIZE,
    "queue": LARGEST_SIZE,
    "partition": LARGEST_SIZE,
    "preceding job": LARGEST_SIZE,
    "think time": LONGEST_DURATION,
}
"""The numbers of a line, in their order, and the most that each can be."""


class _Job(NamedTuple):
    """The numbers of a line; times in seconds, memory in KiB for each processor, -1 for what is not known."""

    number: float
    submit: float
    wait: float
    run_time: float
    processors: float
    cpu_time: float
    memory: float
    requested_processors: float
    requested_time: float
    requested_memory: float
    status: float
    user: float
    group: float
    executable: float
    queue: float
    partition: float
    preceding: float
    think_time: float


def load_swf(path: str | Path, tiers: Mapping[int, str] = MappingProxyType({})) -> Workload:
    """The workload in the file at ``path``, plain or in gzip, named like the file.

    A job's name is that of its executable, or without one of its user; its tier is what ``tiers`` says of the
    number of its queue.  What was requested becomes the declared estimate.  ``cpu`` is the processors, times
    the share of the run time for which they computed where that is known; ``memory`` is what all processors
    used, or else requested.  A job that follows another one of the file depends on it; think times are
    not kept.  Jobs that never ran (no run time, or no processors) are left out.

    Raises :class:`~adaptive_assets.simulation.traces.trace.TraceError` with what is wrong.
    """
    source = str(path)
    return parse_swf(read_lines(Path(path), source), source, tiers)


def parse_swf(lines: Iterable[str], source: str, tiers: Mapping[int, str] = MappingProxyType({})) -> Workload:
    """The workload that ``lines`` are; ``source`` names them in problems.  As :func:`load_swf`."""
    reader = _Reader(Problems(source), source, tiers)
    number = 0
    for number, line in enumerate(lines, start=1):
        written = line.partition(";")[0]
        if written.strip():
            reader.take(number, written)
    return reader.workload(empty=number == 0)


class _Reader:
    """Makes runs of lines, and remembers where the numbers were."""

    def __init__(self, problems: Problems, source: str, tiers: Mapping[int, str]) -> None:
        self._problems = problems
        self._source = source
        self._tiers = tiers
        self._jobs: list[tuple[int, _Job]] = []
        self._lines: dict[int, int] = {}
        self._declare = functools.lru_cache(maxsize=10_000)(_declared)

    def take(self, line: int, text: str) -> None:
        """One line; what is wrong with it goes to the problems."""
        if len(self._jobs) >= MOST_RUNS:
            self._problems.add(line, 1, f"more than {MOST_RUNS:,} jobs", "cut the trace into pieces")
            self._problems.check()
        parts = text.split()
        if len(parts) != len(_BOUNDS):
            hint = f"a job has {len(_BOUNDS)} numbers, -1 for what is not known"
            self._problems.add(line, 1, f"this line has {len(parts)} values", hint)
            return
        numbers = [_number(part, most) for part, most in zip(parts, _BOUNDS.values(), strict=True)]
        for place, (name, number) in enumerate(zip(_BOUNDS, numbers, strict=True)):
            if number is None or (number < 0 and place <= _SUBMITTED):
                needs = "a number from 0 on" if place <= _SUBMITTED else "a number from 0 on, or -1 for none"
                hint = f"write {needs}, up to {_BOUNDS[name]:,.15g}"
                column = _column(text, place)
                self._problems.add(line, column, f"the {name} cannot be `{quoted(parts[place])}`", hint)
                return
        job = _Job(*(number or 0.0 for number in numbers))
        if job.status in _REPEATS or job.run_time < 0 or max(job.processors, job.requested_processors) <= 0:
            return
        first = self._lines.setdefault(int(job.number), line)
        if first != line:
            hint = f"job numbers are unique; the first is on line {first}"
            self._problems.add(
                line, _column(text, 0), f"the job number {int(job.number)} is there twice", hint
            )
            return
        self._jobs.append((line, job))

    def workload(self, *, empty: bool) -> Workload:
        """The runs of all jobs."""
        self._problems.check()
        if not self._jobs:
            what = "the file is empty" if empty else "there is no job that ran in this file"
            self._problems.add(1, 1, what, f"write a line of {len(_BOUNDS)} numbers for each job")
            self._problems.check()
        runs = [self._run(job) for _, job in self._jobs]
        if cycle := find_cycle({run.run_id: run.depends_on for run in runs if run.depends_on}):
            first = min(self._lines[int(run_id)] for run_id in cycle)
            way = " -> ".join([*cycle[:8], cycle[0] if len(cycle) <= 8 else "\N{HORIZONTAL ELLIPSIS}"])
            self._problems.add(first, 1, f"jobs wait for each other: {way}", "mend a preceding job number")
            self._problems.check()
        places = {}
        for (line, _), run in zip(self._jobs, runs, strict=True):
            if run.tier is not None and run.tier not in places:
                places[run.tier] = Place(self._source, line, 1)
        ordered = sorted(runs, key=lambda run: run.submit_s)
        return Workload(Path(self._source).name, tuple(ordered), places)

    def _run(self, job: _Job) -> TracedRun:
        processors = job.processors if job.processors > 0 else job.requested_processors
        computed = min(1.0, job.cpu_time / job.run_time) if job.cpu_time > 0 and job.run_time > 0 else 1.0
        memory = job.memory if job.memory > 0 else max(job.requested_memory, 0.0)
        preceding = int(job.preceding)
        return TracedRun(
            str(int(job.number)),
            _name(job),
            job.submit,
            self._tiers.get(int(job.queue)),
            depends_on=(str(preceding),) if preceding in self._lines else (),
            declared=self._declare(
                max(job.requested_processors, 0.0),
                max(job.requested_memory, 0.0) * max(job.requested_processors, processors),
                max(job.requested_time, 0.0),
            ),
            duration_s=job.run_time,
            cpu=processors * computed,
            memory=min(round(memory * KIB * processors), LARGEST_SIZE),
        )


def _number(text: str, most: float) -> float | None:
    """From 0 to ``most``, or below 0 what is not known; ``None`` for anything else."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if number == -1 or 0 <= number <= most else None


def _column(text: str, place: int) -> int:
    """Where the value at ``place`` begins, from 1."""
    return [match.start() for match in re.finditer(r"\S+", text)][place] + 1


def _name(job: _Job) -> str:
    if job.executable > 0:
        return sys.intern(f"app-{int(job.executable)}")
    return sys.intern(f"user-{int(job.user)}") if job.user > 0 else "job"


def _declared(processors: float, kilobytes: float, seconds: float) -> DeclaredEstimate | None:
    """What was requested; nothing where nothing was."""
    if not (processors or kilobytes or seconds):
        return None
    memory = min(round(kilobytes * KIB), LARGEST_SIZE)
    return DeclaredEstimate(cpu=processors or None, memory=memory or None, duration=seconds or None)
