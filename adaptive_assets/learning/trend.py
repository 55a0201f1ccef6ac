"""How a quantity grows with the size of the input, where the runs say that it does."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median

from adaptive_assets.learning.tuning import LearningTuning

__all__ = ["Trend", "fitted", "logarithm", "rounded"]


def logarithm(size: float | None) -> float | None:
    """The logarithm of ``size``; ``None`` where it is not known, and for zero, which has none."""
    return math.log(size) if size is not None and 0 < size < math.inf else None


def rounded(size: float, step: float) -> float:
    """A size (its logarithm) to a multiple of ``step``, so that close ones share an estimate."""
    return round(size / step) * step


@dataclass(frozen=True, slots=True)
class Trend:
    """A power law: the logarithm of the quantity moves by ``slope`` times that of the size.

    ``pivot`` is the size (its logarithm, as all sizes here) at which a value is its own; ``low`` and ``high``
    are the sizes seen, ``variance`` is how much they vary, and ``beyond`` how far outside of them the law is
    followed (a logarithm as well).
    """

    slope: float
    pivot: float
    low: float
    high: float
    variance: float
    beyond: float

    def moved(self, value: float, size: float, to: float) -> float:
        """What a run that took ``value`` for ``size`` would have taken for the size ``to``."""
        to = min(max(to, self.low - self.beyond), self.high + self.beyond)
        return value if math.isnan(size) else value + self.slope * (to - size)


def fitted(values: Sequence[float], sizes: Sequence[float], tuning: LearningTuning) -> Trend | None:
    """The trend in ``values`` by ``sizes`` (``nan``: not known): one of slope 0 where the runs show none.

    ``None`` while they cannot tell: too few, or all of about the same size.

    The slope is the median of those between the lower and the upper half of the sizes, pair by pair: Theil's
    incomplete method (1950), which a quarter of wild values cannot spoil and which needs no more than a sort.
    It must explain enough of the mean absolute deviation to be no chance, the more the fewer runs there are.
    """
    pairs = sorted((x, y) for x, y in zip(sizes, values, strict=True) if not math.isnan(x))
    count = len(pairs)
    if count < tuning.size_runs:
        return None
    low, high = pairs[count // 10][0], pairs[-1 - count // 10][0]
    if high - low < math.log(tuning.size_range):
        return None
    half = count - count // 2
    ends = zip(pairs, pairs[half:], strict=False)
    slopes = [(y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in ends if x2 - x1 > tuning.size_apart]
    if len(slopes) < tuning.size_runs // 3:
        return None
    slope = min(max(median(slopes), 0.0), tuning.size_steepest)
    left = _deviation([y - slope * x for x, y in pairs])
    before = _deviation([y for _, y in pairs])
    if left * left > before * before * (1 - max(tuning.size_explains, tuning.size_doubt / count)):
        slope = 0.0
    pivot = fmean(x for x, _ in pairs)
    variance = fmean((x - pivot) ** 2 for x, _ in pairs)
    return Trend(slope, pivot, pairs[0][0], pairs[-1][0], variance, math.log(tuning.size_beyond))


def _deviation(values: list[float]) -> float:
    middle = median(values)
    return sum(abs(value - middle) for value in values)
