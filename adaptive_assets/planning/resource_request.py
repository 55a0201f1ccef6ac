"""What a run is expected to ask of the machine."""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, Protocol

from adaptive_assets.planning.estimates import Estimate, Source, Spread
from adaptive_assets.planning.snapshot import Work
from adaptive_assets.planning.tuning import TUNING, Tuning
from adaptive_assets.planning.work_key import work_key
from adaptive_assets.policy import Policy
from adaptive_assets.policy.compositions import Composition, compositions

FULL: Final = "full"
LAST_GOOD: Final = "last_good"


class Declared(Protocol):
    """What somebody said that a run takes, as far as they did."""

    @property
    def cpu(self) -> float | None:
        """Cores."""

    @property
    def memory(self) -> int | None:
        """Bytes at the peak."""

    @property
    def duration(self) -> float | None:
        """Seconds."""


@dataclass(frozen=True, slots=True)
class ResourceRequest:
    """What to count on: cores, bytes at the peak, and seconds from the start of the run to its end.

    Of what was learned, ``memory`` is the 90th percentile and ``duration`` the quantile of the policy's
    confidence. ``typical`` is the median duration (``None``: the same as ``duration``). Where the memory of
    many runs adds up, ``memory_share``, ``mean_memory`` and ``highest_memory`` (``None``: ``memory``) and
    ``memory_sigma`` say how it spreads.
    """

    cpu: float
    memory: int
    duration: float
    typical: float | None = None
    mean_memory: float | None = None
    memory_sigma: float = 0.0
    highest_memory: float | None = None
    """The 99th percentile."""
    memory_share: float | None = None
    """The 75th percentile: what it counts for in a sum."""
    least_memory: float | None = None
    """Bytes below which it surely does not do (``None``: ``memory``): what is only learned may be less."""
    evictable: bool = False
    """Whether it can leave before memory runs out, so that the mean is all that need be counted on."""

    @property
    def median(self) -> float:
        """The median duration, in seconds."""
        return self.duration if self.typical is None else self.typical

    def bounded(self) -> "ResourceRequest":
        """The same request, or as much of it as can be added up and squared with others: absurd is enough."""
        learned = (self.mean_memory or 0.0, self.highest_memory or 0.0, self.memory_share or 0.0)
        small = self.cpu <= MOST.cpu and max(self.duration, self.median) <= MOST.duration
        if small and max(self.memory, self.memory_sigma, *learned) <= MOST.memory:
            return self
        return replace(
            self,
            cpu=min(self.cpu, MOST.cpu),
            memory=min(self.memory, MOST.memory),
            duration=min(self.duration, MOST.duration),
            typical=min(self.median, MOST.duration),
            mean_memory=_bytes(self.mean_memory),
            memory_sigma=min(self.memory_sigma, MOST.memory),
            highest_memory=_bytes(self.highest_memory),
            memory_share=_bytes(self.memory_share),
            least_memory=_bytes(self.least_memory),
        )

    def within(self, limit: "ResourceRequest") -> "ResourceRequest":
        """The same request, in no respect greater than ``limit``."""
        return ResourceRequest(
            min(self.cpu, limit.cpu), min(self.memory, limit.memory), min(self.duration, limit.duration)
        )

    def lessened(self, less: "ResourceRequest", whole: "ResourceRequest") -> "ResourceRequest":
        """This request, reduced as ``less`` is against ``whole``; in no respect increased."""
        return self.in_proportion(less.within(whole), whole)

    def in_proportion(self, part: "ResourceRequest", whole: "ResourceRequest") -> "ResourceRequest":
        """What is to this request as ``part`` is to ``whole``."""
        memory, duration = _ratio(part.memory, whole.memory), _ratio(part.duration, whole.duration)
        return ResourceRequest(
            cpu=self.cpu * _ratio(part.cpu, whole.cpu),
            memory=round(min(self.memory * memory, MOST.memory)),
            duration=self.duration * duration,
            typical=self.median * duration,
            mean_memory=None if self.mean_memory is None else self.mean_memory * memory,
            memory_sigma=self.memory_sigma * memory,
            highest_memory=None if self.highest_memory is None else self.highest_memory * memory,
            memory_share=None if self.memory_share is None else self.memory_share * memory,
            least_memory=None if self.least_memory is None else self.least_memory * memory,
        )


MOST: Final = ResourceRequest(cpu=1e6, memory=2**60, duration=1e10)
"""What no run takes more of, whatever was learned or declared: a million cores, an exbibyte, 300 years."""


def estimate_key(work: Work, mode: str) -> str:
    """Where ``Snapshot.estimates`` has what was learned of runs of ``work`` in ``mode``."""
    return f"{work_key(work)}/{mode}"


def request_of(policy: Policy, mode: str, tuning: Tuning = TUNING) -> ResourceRequest:
    """The declared request of a run of ``policy`` in ``mode``: its rung's, else the policy's, else a prior.

    Where the policy has stages, full mode takes what they take together, as far as it does not declare it
    itself; and their other compositions take in proportion. A mode that the policy no longer has (it was
    edited) is taken as full.
    """
    ways = compositions(policy.stages)
    full = filled(policy.estimate, _composed(ways[0]) if ways else _prior(tuning))
    rung = next((rung for rung in policy.degrade if rung.mode == mode), None)
    if rung is None:
        way = next((way for way in ways if way.mode == mode), None)
        return full.in_proportion(_composed(way), _composed(ways[0])) if way else full
    return filled(rung.estimate, _last_good_prior(tuning).within(full) if mode == LAST_GOOD else full)


@lru_cache(maxsize=16_384)
def learned_request(
    estimate: Estimate, confidence: float, summed: float, similar: float, *, evictable: bool = False
) -> ResourceRequest:
    """The request of a run of which ``estimate`` was learned; the same object for the same.

    ``summed`` is the quantile of memory that is added up over runs, ``similar`` the one that is asked for
    where the estimate is of similar work.

    CPU is shared when it is short, so its mean will do; memory is not, and gets its 90th percentile. What is
    only known from similar work is as wide as they differ; the first run of a kind is not kept waiting for
    the largest of them, and shows what it takes.
    """
    memory = estimate.memory
    if estimate.source is Source.SIMILAR:
        memory = Spread(memory.p50, min(memory.at(similar), memory.p90), memory.p90)
    return ResourceRequest(
        cpu=estimate.cpu.mean,
        memory=round(memory.p90),
        duration=estimate.duration.at(confidence),
        typical=estimate.duration.p50,
        mean_memory=memory.mean,
        memory_sigma=memory.sigma,
        highest_memory=memory.p99,
        memory_share=memory.at(summed),
        least_memory=memory.p50 if estimate.source is Source.OWN else 0.0,
        evictable=evictable,
    )


def filled(declared: Declared | None, fallback: ResourceRequest) -> ResourceRequest:
    """What is ``declared``, and what is not, of ``fallback``."""
    if declared is None:
        return fallback
    return ResourceRequest(
        cpu=fallback.cpu if declared.cpu is None else declared.cpu,
        memory=fallback.memory if declared.memory is None else declared.memory,
        duration=fallback.duration if declared.duration is None else declared.duration,
    )


def _prior(tuning: Tuning) -> ResourceRequest:
    return ResourceRequest(tuning.prior_cpu, tuning.prior_memory, tuning.prior_duration_s)


def _last_good_prior(tuning: Tuning) -> ResourceRequest:
    return ResourceRequest(tuning.last_good_cpu, tuning.last_good_memory, tuning.last_good_duration_s)


PRIOR: Final = _prior(TUNING)
"""Assumed of a run of which nothing is known."""

LAST_GOOD_PRIOR: Final = _last_good_prior(TUNING)
"""Assumed of a run that only serves the last good version again, where full mode does not take less."""


def _composed(way: Composition) -> ResourceRequest:
    return ResourceRequest(way.cpu, way.memory, way.duration)


def _bytes(amount: float | None) -> float | None:
    return None if amount is None else min(amount, MOST.memory)


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 1.0
