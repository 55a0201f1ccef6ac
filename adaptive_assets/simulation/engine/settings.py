"""How a simulated deployment behaves: its pace, its delays, and what the planner is told."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from math import inf
from typing import Final

from adaptive_assets.learning import LEARNING, LearningTuning
from adaptive_assets.planning.decisions import Plan
from adaptive_assets.planning.snapshot import Snapshot
from adaptive_assets.planning.tuning import TUNING, Tuning
from adaptive_assets.policy import PolicyBook
from adaptive_assets.simulation.engine.capabilities import NOTHING, Capabilities

Planner = Callable[[Snapshot, PolicyBook], Plan]
"""Whatever decides: ``plan()``, or a baseline. A run about which it says nothing goes on as it is."""

_MORE_THAN_ZERO: Final = ("cycle_s", "quiet_s", "reading_every_s", "sample_s", "stall_s")
_AT_LEAST_ZERO: Final = (
    "startup_s",
    "startup_cpu",
    "reading_lag_s",
    "cancel_s",
    "retry_s",
    "lost_after_s",
    "lost_within_s",
)


class Knowledge(StrEnum):
    """What the planner is told of runs that have not ended."""

    LEARNED = "learned"
    """What runs that ended have taught, and before that what was declared."""
    DECLARED = "declared"
    """What was declared, and nothing else."""
    SHOWN = "shown"
    """The 90th percentile of what runs of its kind have shown so far, and before that what was declared."""
    PERFECT = "perfect"
    """What each run will really take."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The habits of a Dagster deployment; :class:`ValueError` for a time that cannot be."""

    cycle_s: float = 5.0
    """How often the planner looks, while something waits, can go on again, or may have to leave."""
    quiet_s: float = 30.0
    """How often it looks again where nothing at all has changed since it last did."""
    startup_s: float = 4.0
    """From the launch to the first line of user code, on an idle machine: a process and its imports."""
    startup_cpu: float = 1.0
    """Cores in use during that."""
    reading_lag_s: float = 5.0
    """The time constant of the smoothing of CPU readings: after so long they show 63 % of a step."""
    reading_every_s: float = 2.0
    """How often a machine is read."""
    cancel_s: float = 5.0
    """From the request that a run ends to its end; it holds its memory until then."""
    retry_s: float = 5.0
    """From the end of a run that was killed to its return to the queue."""
    oom_retries: int = 8
    """How often a run comes back after it was killed for want of memory; then it has failed."""
    lost_after_s: float = 60.0
    """The soonest that runs of a lost node come back: Dagster's run monitoring has to find out."""
    lost_within_s: float = 120.0
    """And the latest."""
    capabilities: Capabilities = NOTHING
    """What the launchers can do beyond launching; by default what those of Dagster can do."""
    weighted: bool = True
    """Whether the CPU weights that runs are launched with are in force; without it, all weigh the same."""
    tuning: Tuning = TUNING
    """The numbers that ``plan()`` goes by, where no other planner decides."""
    run_limit: int | None = None
    """The coordinator's ``max_concurrent_runs``, as the planner is told."""
    horizon_s: float | None = None
    """When to stop; what has not ended by then is reported as unfinished. Without it, when all has ended."""
    stall_s: float = 2 * 86_400.0
    """After so long without anything happening the rest is given up; windows are shorter than that."""
    sample_s: float = 60.0
    """How often queue and machines are noted down; less often in very long simulations."""
    starts_at: float = 1_767_225_600.0
    """POSIX time of the start, for windows and prices: midnight of 1 January 2026 in UTC."""

    learning: LearningTuning = LEARNING
    """The numbers of the learner, so that its rules can be switched off one by one."""

    def __post_init__(self) -> None:
        for name in _MORE_THAN_ZERO:
            if not 0 < getattr(self, name) < inf:
                raise ValueError(f"`{name}` is {getattr(self, name)}; it needs to be more than zero")
        for name in _AT_LEAST_ZERO:
            if not 0 <= getattr(self, name) < inf:
                raise ValueError(f"`{name}` is {getattr(self, name)}; it cannot be less than zero")
        if self.lost_within_s < self.lost_after_s:
            raise ValueError(f"`lost_within_s` is {self.lost_within_s}, before `lost_after_s`")
        if self.horizon_s is not None and not 0 < self.horizon_s < inf:
            raise ValueError(f"`horizon_s` is {self.horizon_s}; it needs to be more than zero")
