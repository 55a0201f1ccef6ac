"""What a simulation found: run by run, and machine and queue over time.

Times are seconds from the start of the workload, sizes bytes, CPU cores.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from adaptive_assets.simulation.engine.cluster import Cluster
from adaptive_assets.simulation.traces.trace import TracedRun

_SHORTEST_S: Final = 10.0
"""Shorter runs count as so long in the bounded slowdown (Feitelson and Rudolph 1998)."""


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """What became of one run of the workload.

    ``launched_s``, ``started_s`` (the first line of user code), ``mode`` and ``node`` are those of the last
    attempt. What never came to be is ``None``; a run that has not ended says why in ``unfinished``.
    """

    run: TracedRun
    tier: str
    policy: str
    released_s: float | None = None
    """When it was submitted: at its time, and not before what it depends on had ended."""
    launched_s: float | None = None
    started_s: float | None = None
    ended_s: float | None = None
    mode: str = "full"
    node: str = ""
    attempts: int = 0
    killed_at: tuple[float, ...] = ()
    """When it was killed for want of memory, in the order of its attempts."""
    preemptions: int = 0
    """How often it had to give way: suspended or sent back to the queue."""
    wait_s: float = 0.0
    """In the queue, in all attempts."""
    useful_core_s: float = 0.0
    """What its user code used in the attempt that ended well."""
    wasted_core_s: float = 0.0
    """What it used in attempts that came to nothing."""
    deadline_s: float | None = None
    """When it is due; what was never released, no sooner than if all before it had ended at once."""
    missed: bool = False
    """Whether it was due and has not ended in time, or never will."""
    blocked_by: Mapping[str, float] = field(default_factory=dict)
    """The seconds of its wait by the first reason given for it."""
    unfinished: str = ""

    @property
    def oom_kills(self) -> int:
        """How often it was killed for want of memory."""
        return len(self.killed_at)

    @property
    def finished(self) -> bool:
        """Whether it ended well."""
        return self.ended_s is not None

    @property
    def turnaround_s(self) -> float | None:
        """Seconds from its submission to its end; ``None`` if it has not ended."""
        if self.ended_s is None or self.released_s is None:
            return None
        return self.ended_s - self.released_s

    @property
    def slowdown(self) -> float | None:
        """The bounded slowdown: its time from release to end over what it takes alone; at least 1."""
        turnaround = self.turnaround_s
        return None if turnaround is None else max(1.0, turnaround / max(self.run.duration_s, _SHORTEST_S))


@dataclass(frozen=True, slots=True)
class NodeUse:
    """How much of one node is in use: cores on average since the last sample, bytes at its instant."""

    cpu: float
    memory: int
    stranger_cpu: float = 0.0
    stranger_memory: int = 0
    up: bool = True


@dataclass(frozen=True, slots=True)
class Sample:
    """Queue and machines at ``at_s``; ``nodes`` in the order of the cluster."""

    at_s: float
    nodes: tuple[NodeUse, ...]
    queued: Mapping[str, int]
    """How many runs wait, by tier."""
    running: Mapping[str, int]
    """How many runs are active, by tier, suspended ones among them."""
    suspended: int = 0

    @property
    def active(self) -> int:
        """How many runs are active in all, suspended ones among them."""
        return sum(self.running.values())


@dataclass(frozen=True, slots=True)
class Outcome:
    """A whole simulation. ``runs`` are in the order of the workload.

    ``planning_s`` is how long each call of the planner took, by the clock passed in; empty without one.
    """

    planner: str
    cluster: Cluster
    tiers: tuple[str, ...]
    """The tiers of the policy book, the highest first."""
    runs: tuple[RunOutcome, ...]
    series: tuple[Sample, ...]
    cycles: int
    planning_s: tuple[float, ...]
    end_s: float
    used_core_s: float = 0.0
    """What runs used of the CPUs, useful or not."""
    cost: float = 0.0
    spend: Mapping[str, float] = field(default_factory=dict)
    """The cost by policy."""
