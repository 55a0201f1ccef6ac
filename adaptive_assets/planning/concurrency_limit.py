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
from typing import Final

from adaptive_assets.planning.concurrency_state import ConcurrencyLimit
from adaptive_assets.planning.requests import ResourceRequests
from adaptive_assets.planning.snapshot import Pressure, Snapshot

__all__ = ["CALM", "EVERY_S", "FIRST", "TOLERANCE", "next_limit"]

EVERY_S: Final = 15.0
"""Seconds from one step to the next, at least. A step is not taken before the one before it can show, and it
shows when runs end: that is twice the median duration of the active runs, as far as `SLOWEST_S`."""

SLOWEST_S: Final = 900.0

TOLERANCE: Final = 1.5
"""Runs may take so many times as long as expected before the limit is lowered."""

CALM: Final = 0.1
"""Where no more than this share of time is lost to waiting, work that takes longer was misjudged."""

DEEPEST: Final = 0.5
"""The most that one step lowers it."""

SMOOTHING: Final = 0.3
"""How much of a lower value one step takes over: what was slow for a moment is no trend."""

USED: Final = 0.8
"""The limit never grows while fewer runs than this share of it are active: it would say nothing then."""

FIRST: Final = 8
"""The first limit is so many runs for each core, and no less than `LEAST`."""

LEAST: Final = 16
MOST: Final = 10_000


def next_limit(
    snapshot: Snapshot, running: int, requests: ResourceRequests, *, promoted: bool
) -> ConcurrencyLimit:
    """The pace after a plan under which ``running`` runs are active.

    ``promoted`` says that the plan let a run go ahead of all others.
    """
    pace = _moved(snapshot, running, requests)
    return replace(pace, promoted_at=snapshot.at) if promoted else pace


def _strained(snapshot: Snapshot) -> bool:
    """Whether tasks wait for some machine; pressure of which nothing is known is no proof that none do."""
    for machine in [node.reading for node in snapshot.nodes] or [snapshot.machine]:
        pressure = machine.pressure if machine else Pressure()
        known = [share for share in (pressure.cpu, pressure.memory, pressure.io) if share is not None]
        if not known or max(known) > CALM:
            return True
    return False


def _interval(snapshot: Snapshot, requests: ResourceRequests) -> float:
    """Seconds after which a step has shown: late evidence, acted on at once, would make it swing."""
    durations = [requests.of_run(run, run.mode).median for run in snapshot.active]
    shows = 2 * median(durations) * max(1.0, snapshot.slowdown or 1.0) if durations else 0.0
    return min(SLOWEST_S, max(EVERY_S, shows))


def _moved(snapshot: Snapshot, running: int, requests: ResourceRequests) -> ConcurrencyLimit:
    last = snapshot.pace
    if last is None:
        machines = [node.reading for node in snapshot.nodes] or [snapshot.machine]
        cores = sum(machine.cpu_capacity for machine in machines if machine is not None)
        return ConcurrencyLimit(max(LEAST, FIRST * cores, running), snapshot.at)
    if 0 <= snapshot.at - last.at < _interval(snapshot, requests):
        return last
    slowdown = snapshot.slowdown
    limit = last.limit
    if slowdown is not None and slowdown > TOLERANCE and _strained(snapshot):
        # from where the load is: a limit far above it would take long to come down to where it matters
        start = min(limit, max(1.0, float(running)))
        lower = start * max(DEEPEST, TOLERANCE / slowdown)
        limit = max(1.0, (1 - SMOOTHING) * start + SMOOTHING * lower)
    elif running >= USED * limit:
        limit = min(MOST, limit + sqrt(limit))
    return replace(last, limit=limit, at=snapshot.at)
