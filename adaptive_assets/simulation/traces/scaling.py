"""A workload at another load."""

import math
from dataclasses import replace

from adaptive_assets.policy.units import LONGEST_DURATION
from adaptive_assets.simulation.traces.trace import Workload


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
