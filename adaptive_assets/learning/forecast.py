"""From what a kind of work took, and what its kin took, to quantiles of what its next run will take."""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from statistics import NormalDist
from typing import Final

from adaptive_assets.learning.quantity import Quantity
from adaptive_assets.learning.record import Record, weights
from adaptive_assets.learning.similar_work import Resemblance
from adaptive_assets.planning.estimates import Spread

_Z90: Final = NormalDist().inv_cdf(0.90)
_Z99: Final = NormalDist().inv_cdf(0.99)


@dataclass(frozen=True, slots=True)
class Forecast:
    """What the next run is expected to take, and the share of its own kind's runs in that."""

    spread: Spread
    own: float


def forecast_of(record: Record, similar: Resemblance | None, size: float | None = None) -> Forecast | None:
    """Quantiles for the next run, given an input of ``size`` (its logarithm); ``None`` without any evidence.

    Two answers are blended.  The **parametric** one is the predictive distribution of a normal level that
    is drawn towards kin by as many runs as the ratio of the variance within kinds to that between them says
    (the normal model with several groups: Gelman et al., *Bayesian Data Analysis*, 5.4), with a variance
    moderated by that of kin (Smyth 2004), and Student's t for what is not known of it: with few runs its
    upper quantiles are far out.  The **empirical** one takes weighted order statistics, the next run itself
    counted as one that may be beyond them all (Barber et al. 2023, *Conformal prediction beyond
    exchangeability*): it assumes no shape, but a quantile must have runs above it.  It counts from the first
    run that is expected above the quantile, and alone from the second.
    """
    if not record.values:
        return (
            None
            if similar is None
            else Forecast(_of_kin(similar, record.quantity, record.tuning.kin_highest), 0.0)
        )
    weight = record.level.weight
    # What the kind's own runs said of their scatter at another level goes before what those of its kin say.
    of_its_own = record.prior is not record.quantity.scatter
    scatter = record.level.scatter(record.prior if of_its_own or similar is None else similar.within)
    level, drawn = record.mean(size), 0.0
    if similar is not None:
        drawn = min(scatter.variance / (similar.between * (1 + 1 / similar.kinds)), record.tuning.kin_level)
        level = (drawn * similar.level + weight * level) / (drawn + weight)
    variance = scatter.variance * (1 + 1 / (drawn + weight)) + record.unexplained(size)
    deviation = math.sqrt(variance)
    empirical = _order_statistics(record.at(size), record.tuning.forget)
    t90, t99 = (student_t(z, scatter.runs) for z in (_Z90, _Z99))
    p50 = _blend(level, empirical[0], 0.5 * (weight + 1) - 1)
    p90 = _blend(level + t90 * deviation, empirical[1], 0.1 * (weight + 1) - 1)
    p99 = max(level + t99 * deviation, empirical[2])
    return Forecast(_spread(record.quantity, p50, p90, p99), weight / (drawn + weight))


def student_t(z: float, freedom: float) -> float:
    """The quantile of Student's t that the normal distribution has at ``z``.

    By the expansion of Cornish and Fisher (Abramowitz and Stegun, 26.7.5); within 0.5 % from four degrees of
    freedom on, up to the 99th percentile.
    """
    s = z * z
    first = z * (s + 1) / 4
    second = z * ((5 * s + 16) * s + 3) / 96
    third = z * (((3 * s + 19) * s + 17) * s - 15) / 384
    fourth = z * ((((79 * s + 776) * s + 1482) * s - 1920) * s - 945) / 92160
    return z + (first + (second + (third + fourth / freedom) / freedom) / freedom) / freedom


def _of_kin(similar: Resemblance, quantity: Quantity, beyond: float) -> Spread:
    """A kind of which no run is known: one more among its kin, hardly beyond the highest of them."""
    deviation = math.sqrt(similar.within.variance + similar.between * (1 + 1 / similar.kinds))
    freedom = max(similar.kinds, 4)
    highest = max(similar.highest + math.log(beyond), similar.level)
    p90, p99 = (min(similar.level + student_t(z, freedom) * deviation, highest) for z in (_Z90, _Z99))
    return _spread(quantity, similar.level, p90, p99)


def _order_statistics(values: Sequence[float], forget: float) -> tuple[float, float, float]:
    """The weighted median, 90th and 99th percentile; the first two count the run that is still to come."""
    counts = weights(forget, len(values))
    order = sorted(range(len(values)), key=values.__getitem__)
    upto = list(accumulate(map(counts.__getitem__, order)))

    def at(sought: float) -> float:
        place = bisect_left(upto, sought)
        if not 0 < place < len(order):
            return values[order[min(place, len(order) - 1)]]
        low, high = values[order[place - 1]], values[order[place]]
        return low + (high - low) * (sought - upto[place - 1]) / counts[order[place]]

    last = min(bisect_left(upto, 0.99 * upto[-1]), len(order) - 1)
    return at(0.5 * (upto[-1] + 1)), at(0.9 * (upto[-1] + 1)), values[order[last]]


def _blend(parametric: float, empirical: float, trust: float) -> float:
    trust = min(max(trust, 0.0), 1.0)
    return parametric * (1 - trust) + empirical * trust


def _spread(quantity: Quantity, p50: float, p90: float, p99: float) -> Spread:
    low = quantity.from_scale(p50)
    middle = max(low, quantity.from_scale(p90))
    return Spread(low, middle, max(middle, quantity.from_scale(p99)))
