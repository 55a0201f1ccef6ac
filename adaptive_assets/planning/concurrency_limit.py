"""The adaptive limit on runs at once: how many the machine serves without slowing them all down.

A gradient limiter in the manner of Netflix's Gradient2 and of Envoy's adaptive concurrency filter: as long as
runs take about as long as expected, the limit probes upwards by its square root; when they take longer, it
is multiplied by expected over actual. Not AIMD: that would halve on every surge and oscillate; not a PID on
CPU as Temporal's: CPU in use is guarded already, and says nothing about the disk and the memory bandwidth
that runs share. The signal is how long successful runs took against what was learned of their kind before,
where the kernel says that tasks wait for the machine: a run that failed says nothing about load, and neither
does one that took longer on a machine that was calm.
"""

from dataclasses import replace
from math import sqrt
from statistics import median

from adaptive_assets.planning.concurrency_state import ConcurrencyLimit
from adaptive_assets.planning.requests import ResourceRequests
from adaptive_assets.planning.snapshot import Pressure, Snapshot
from adaptive_assets.planning.tuning import Tuning


def next_limit(
    snapshot: Snapshot, running: int, requests: ResourceRequests, tuning: Tuning, *, promoted: bool
) -> ConcurrencyLimit:
    """The limit after a plan under which ``running`` runs are active.

    ``promoted`` says that the plan let a run go ahead of all others.
    """
    limit = _moved(snapshot, running, requests, tuning)
    return replace(limit, promoted_at=snapshot.at) if promoted else limit


def _strained(snapshot: Snapshot, calm: float) -> bool:
    """Whether tasks wait for some machine; pressure of which nothing is known is no proof that none do."""
    for machine in [node.reading for node in snapshot.nodes] or [snapshot.machine]:
        pressure = machine.pressure if machine else Pressure()
        known = [share for share in (pressure.cpu, pressure.memory, pressure.io) if share is not None]
        if not known or max(known) > calm:
            return True
    return False


def _interval(snapshot: Snapshot, requests: ResourceRequests, tuning: Tuning) -> float:
    """Seconds after which a step has shown: late evidence, acted on at once, would make it swing."""
    durations = [requests.of_run(run, run.mode).median for run in snapshot.active]
    shows = 2 * median(durations) * max(1.0, snapshot.slowdown or 1.0) if durations else 0.0
    return min(tuning.limit_slowest_s, max(tuning.limit_every_s, shows))


def _moved(snapshot: Snapshot, running: int, requests: ResourceRequests, tuning: Tuning) -> ConcurrencyLimit:
    last = snapshot.pace
    if last is None:
        machines = [node.reading for node in snapshot.nodes] or [snapshot.machine]
        cores = sum(machine.cpu_capacity for machine in machines if machine is not None)
        first = max(tuning.limit_least, tuning.limit_first * cores, running)
        return ConcurrencyLimit(first, snapshot.at)
    if 0 <= snapshot.at - last.at < _interval(snapshot, requests, tuning):
        return last
    slowdown = snapshot.slowdown
    limit = last.limit
    if slowdown is not None and slowdown > tuning.limit_tolerance and _strained(snapshot, tuning.limit_calm):
        # from where the load is: a limit far above it would take long to come down to where it matters
        start = min(limit, max(1.0, float(running)))
        lower = start * max(tuning.limit_deepest, tuning.limit_tolerance / slowdown)
        limit = max(1.0, (1 - tuning.limit_smoothing) * start + tuning.limit_smoothing * lower)
    elif running >= tuning.limit_used * limit:
        limit = min(tuning.limit_most, limit + sqrt(limit))
    return replace(last, limit=limit, at=snapshot.at)
