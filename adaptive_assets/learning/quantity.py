"""The three quantities that are learned, on the scale on which they are: logarithms.

What a run takes varies by factors, not by amounts, and is never negative: its logarithm is close to normal
where the amount itself is far from it.
"""

import math
from dataclasses import dataclass
from functools import cache
from typing import Final

from adaptive_assets.learning.level import Scatter
from adaptive_assets.learning.tuning import LearningTuning

__all__ = ["Quantity", "quantities"]

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


@cache
def quantities(tuning: LearningTuning) -> tuple[Quantity, Quantity, Quantity]:
    """Duration (seconds), CPU (cores) and memory (bytes), in this order."""

    def scatter(deviation: float) -> Scatter:
        return Scatter(deviation**2, tuning.scatter_runs)

    return (
        Quantity("duration", grain=0.1, scatter=scatter(tuning.duration_scatter)),
        Quantity("cpu", grain=0.01, scatter=scatter(tuning.cpu_scatter)),
        Quantity("memory", grain=float(1024**2), scatter=scatter(tuning.memory_scatter)),
    )
