"""The three quantities that are learned, on the scale on which they are: logarithms.

What a run takes varies by factors, not by amounts, and is never negative: its logarithm is close to normal
where the amount itself is far from it.
"""

import math
from dataclasses import dataclass
from typing import Final

from adaptive_assets.learning.level import Scatter

__all__ = ["CPU", "DURATION", "MEMORY", "QUANTITIES", "Quantity"]

_LARGEST: Final = 1e300
"""Far beyond anything real, and still finite when a few are added up."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """One quantity: how fine it is measured, and how much it varies before anything is known.

    The scale is ``log(value + grain)``: zero has a place on it, and differences below ``grain`` do not count.
    """

    name: str
    grain: float
    """In the quantity's own unit."""
    scatter: Scatter
    """What is assumed of how runs of one kind differ: a standard deviation of 0.5 is a factor of 1.65."""

    def to_scale(self, value: float) -> float:
        """The logarithm that is learned from."""
        return math.log(value + self.grain)

    def from_scale(self, logarithm: float) -> float:
        """The value back, never negative and always finite."""
        if logarithm >= math.log(_LARGEST):
            return _LARGEST
        return max(math.exp(logarithm) - self.grain, 0.0)


DURATION: Final = Quantity("duration", grain=0.1, scatter=Scatter(0.5**2, runs=4))
CPU: Final = Quantity("cpu", grain=0.01, scatter=Scatter(0.4**2, runs=4))
MEMORY: Final = Quantity("memory", grain=float(1024**2), scatter=Scatter(0.25**2, runs=4))

QUANTITIES: Final = (DURATION, CPU, MEMORY)
