"""More or less of a workload: other loads, parts of its time, samples of its work."""

import math
import random
from dataclasses import replace

from adaptive_assets.policy.units import LONGEST_DURATION
from adaptive_assets.simulation.traces.trace import TracedRun, Workload

__all__ = ["clipped", "offered_load", "sampled", "scaled"]


def offered_load(workload: Workload, cores: float) -> float:
    """The core-seconds of all runs over what ``cores`` can do from the first submission to the last.

    Infinite where all come at once.
    """
    capacity = cores * workload.span_s
    return workload.work_core_s / capacity if capacity > 0 else math.inf


def scaled(workload: Workload, load: float, cores: float) -> Workload:
    """``workload`` with its arrivals stretched or pressed together, so that it offers ``load`` to ``cores``.

    Durations, sizes and deadlines stay as they are: only the times between submissions change, all by one
    factor.  Raises :class:`ValueError` where no factor does that: nothing to do, or all submitted at once, or
    stretched beyond a century.
    """
    if not (0 < load < math.inf and 0 < cores < math.inf):
        raise ValueError(f"a load of {load:g} on {cores:g} cores: both are numbers greater than zero")
    offered = offered_load(workload, cores)
    if not 0 < offered < math.inf:
        reason = "has no work in it" if workload.work_core_s <= 0 else "is submitted all at once"
        raise ValueError(f"the workload `{workload.name}` {reason}: it cannot be brought to a load")
    start, factor = workload.runs[0].submit_s, offered / load
    if start + workload.span_s * factor > LONGEST_DURATION:
        raise ValueError(f"at a load of {load:g} the workload `{workload.name}` would last beyond a century")
    runs = tuple(replace(run, submit_s=start + (run.submit_s - start) * factor) for run in workload.runs)
    return replace(workload, runs=runs)


def clipped(workload: Workload, start: float, end: float) -> Workload:
    """The runs submitted from ``start`` on and before ``end``, with times from ``start``.

    Dependencies on runs outside are dropped: those had ended before, as far as anyone can tell.
    """
    if not 0 <= start < end:
        raise ValueError(f"a part of a workload ends after it starts; this one is from {start:g} to {end:g}")
    inside = [run for run in workload.runs if start <= run.submit_s < end]
    return _of(workload, [replace(run, submit_s=run.submit_s - start) for run in inside])


def sampled(workload: Workload, share: float, seed: int) -> Workload:
    """About ``share`` of the recurring work of ``workload``, drawn with ``seed``, each with all of its runs.

    Work that depends on each other stays together: what is drawn are groups of names that dependencies
    connect, until their runs are at least ``share`` of all.  So recurrence and graphs survive, which single
    runs drawn at random would tear apart.
    """
    if not 0 < share <= 1:
        raise ValueError(f"a sample is a share from 0 to 1, not {share:g}")
    groups = _groups(workload.runs)
    order = sorted(groups)
    random.Random(seed).shuffle(order)
    wanted, kept, count = share * len(workload.runs), set[str](), 0
    for group in order:
        if count >= wanted:
            break
        kept.add(group)
        count += len(groups[group])
    chosen = {run.run_id for group in kept for run in groups[group]}
    return _of(workload, [run for run in workload.runs if run.run_id in chosen])


def _of(workload: Workload, runs: list[TracedRun]) -> Workload:
    """``workload`` with ``runs`` alone, and without dependencies on others."""
    ids = {run.run_id for run in runs}
    whole = [
        run
        if ids.issuperset(run.depends_on)
        else replace(run, depends_on=tuple(above for above in run.depends_on if above in ids))
        for run in runs
    ]
    return replace(workload, runs=tuple(whole))


def _groups(runs: tuple[TracedRun, ...]) -> dict[str, list[TracedRun]]:
    """The runs by group of names that dependencies connect (union-find); a group is called by one of them."""
    leader = {run.name: run.name for run in runs}

    def find(name: str) -> str:
        while leader[name] != name:
            leader[name] = leader[leader[name]]
            name = leader[name]
        return name

    name_of = {run.run_id: run.name for run in runs}
    for run in runs:
        for above in run.depends_on:
            one, other = find(run.name), find(name_of[above])
            leader[max(one, other)] = min(one, other)
    groups: dict[str, list[TracedRun]] = {}
    for run in runs:
        groups.setdefault(find(run.name), []).append(run)
    return groups
