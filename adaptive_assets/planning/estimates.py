"""What was learned of a kind of work: quantiles, and how much evidence is behind them."""

import math
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from statistics import NormalDist
from typing import Final

from typing_extensions import override

_P90: Final = 0.90
_P99: Final = 0.99
_Z90: Final = NormalDist().inv_cdf(_P90)
_Z99: Final = NormalDist().inv_cdf(_P99)


@lru_cache(maxsize=256)
def _z(confidence: float) -> float:
    return NormalDist().inv_cdf(min(confidence, 0.9999))


class Source(StrEnum):
    """Whose runs an estimate was learned from."""

    OWN = "own"
    """Runs of the same kind of work, in the same mode."""
    SIMILAR = "kin"
    """Runs of other kinds, under the same policy or any, because there are too few of its own."""
    DECLARED = "declared"
    """What was declared of the run, corrected by what declarations of its policy turned out to be worth."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Three quantiles of a quantity that is never negative; ``p50 <= p90 <= p99``."""

    p50: float
    p90: float
    p99: float

    @classmethod
    def exactly(cls, value: float) -> "Spread":
        """A quantity that is known."""
        return cls(value, value, value)

    def at(self, confidence: float) -> float:
        """The quantile of ``confidence``, between and beyond the three in line with a normal distribution.

        Below the median it is the median: a plan does not count on luck.
        """
        if confidence <= 0.5:
            return self.p50
        z = _z(confidence)
        if z <= _Z90:
            return self.p50 + (self.p90 - self.p50) * z / _Z90
        return self.p90 + (self.p99 - self.p90) * (z - _Z90) / (_Z99 - _Z90)

    @property
    def mean(self) -> float:
        """About the mean: the median and a third of ``sigma``, for a quantity whose tail is its upper one."""
        return self.p50 + self.sigma / 3

    @property
    def sigma(self) -> float:
        """The standard deviation of a normal distribution with the same median and 90th percentile."""
        return (self.p90 - self.p50) / _Z90

    def scaled(self, factor: float) -> "Spread":
        """Every quantile times ``factor``."""
        return Spread(self.p50 * factor, self.p90 * factor, self.p99 * factor)

    def at_least(self, floor: float, *, median: float | None = None) -> "Spread":
        """No quantile below ``floor``; with ``median`` that is the least for the median alone."""
        p50 = max(self.p50, floor if median is None else min(median, floor))
        if floor <= self.p50:
            return self
        return Spread(p50, max(self.p90, floor), max(self.p99, floor))

    def __post_init__(self) -> None:
        """Refuse what is no spread, wherever it comes from."""
        if not 0 <= self.p50 <= self.p90 <= self.p99 < math.inf:
            raise ValueError(f"no spread: {self.p50}, {self.p90}, {self.p99} are not in order")


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run will take: seconds from the start of user code to its end, cores, bytes at the peak.

    ``cpu`` and ``memory`` are the peaks of single runs, so their spread is that from run to run. ``runs``
    counts the evidence; old evidence counts for less.
    """

    duration: Spread
    cpu: Spread
    memory: Spread
    runs: float
    source: Source = Source.OWN

    @override
    def __hash__(self) -> int:
        return hash((self.duration.p50, self.cpu.p50, self.memory.p90))  # tells enough apart, and is quick
