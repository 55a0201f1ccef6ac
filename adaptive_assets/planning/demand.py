"""What a run is expected to ask of the machine."""

from dataclasses import dataclass
from typing import Final

from adaptive_assets.planning.snapshot import Work
from adaptive_assets.planning.work_key import work_key
from adaptive_assets.policy import Estimate, Policy

__all__ = ["FULL", "LAST_GOOD", "LAST_GOOD_PRIOR", "PRIOR", "Demand", "demand_of", "estimate_key"]

FULL: Final = "full"
LAST_GOOD: Final = "last_good"


@dataclass(frozen=True, slots=True)
class Demand:
    """Predicted peak: cores, bytes, and seconds from the start of the run to its end."""

    cpu: float
    memory: int
    duration: float

    def within(self, limit: "Demand") -> "Demand":
        """The same demand, in no respect greater than ``limit``."""
        return Demand(
            min(self.cpu, limit.cpu), min(self.memory, limit.memory), min(self.duration, limit.duration)
        )


PRIOR: Final = Demand(cpu=0.5, memory=512 * 1024**2, duration=60.0)
"""Assumed of a run of which its policy declares nothing: one Python process with a data frame in it."""

LAST_GOOD_PRIOR: Final = Demand(cpu=0.25, memory=256 * 1024**2, duration=10.0)
"""Assumed of a run that only serves the last good version again, where full mode does not take less."""


def estimate_key(work: Work, mode: str) -> str:
    """Where ``Snapshot.estimates`` has what was learned of runs of ``work`` in ``mode``."""
    return f"{work_key(work)}/{mode}"


def demand_of(policy: Policy, mode: str) -> Demand:
    """The demand of a run of ``policy`` in ``mode``: what its rung declares, else the policy, else a prior.

    A mode that the ladder no longer has (the policy was edited) is taken as full.
    """
    full = _filled(policy.estimate, PRIOR)
    rung = next((rung for rung in policy.degrade if rung.mode == mode), None)
    if rung is None:
        return full
    return _filled(rung.estimate, LAST_GOOD_PRIOR.within(full) if mode == LAST_GOOD else full)


def _filled(estimate: Estimate | None, fallback: Demand) -> Demand:
    if estimate is None:
        return fallback
    return Demand(
        cpu=fallback.cpu if estimate.cpu is None else estimate.cpu,
        memory=fallback.memory if estimate.memory is None else estimate.memory,
        duration=fallback.duration if estimate.duration is None else estimate.duration,
    )
