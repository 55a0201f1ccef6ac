"""What one kind of work took of one quantity in its last runs."""

import math
from array import array
from collections.abc import Sequence
from dataclasses import astuple, replace
from functools import cache
from statistics import fmean
from typing import Any

from adaptive_assets.learning.level import Level, Scatter
from adaptive_assets.learning.quantity import Quantity
from adaptive_assets.learning.trend import Trend, fitted
from adaptive_assets.learning.tuning import LearningTuning


@cache
def weights(forget: float, runs: int) -> Sequence[float]:
    """What each of ``runs`` counts, the oldest first; the last one counts 1."""
    return array("d", [forget ** (runs - 1 - i) for i in range(runs)])


class Record:
    """The last runs on the scale of their quantity, their level, and their trend by input size.

    When the level shifts, the runs before the shift are forgotten; what is kept of them is how much they
    scattered.  A shift that the size of the input explains is a trend, and nothing is forgotten.
    """

    __slots__ = ("_sized", "level", "prior", "quantity", "sizes", "trend", "tuning", "values")

    def __init__(self, quantity: Quantity, tuning: LearningTuning) -> None:
        self.quantity = quantity
        self.tuning = tuning
        self.values = array("d")
        self.sizes = array("d")
        """The logarithms of the input sizes; ``nan`` where they are not known."""
        self.level = Level(self.tuning)
        self.trend: Trend | None = None
        self.prior = quantity.scatter
        """The scatter assumed while the runs at this level are few: that at the level before, if any."""
        self._sized = 0

    def is_above(self, value: float, size: float) -> bool:
        """Whether ``value``, on the scale, is more than what is usual; not where nothing is known."""
        return bool(self.values) and self._residual(value, size) > self.level.mean

    def add(self, value: float, size: float) -> float:
        """Take in one run; how far it was off what was expected of it, on the scale (0 for the first)."""
        residual = self._residual(value, size)
        off = residual - self.level.mean if self.values else 0.0
        while len(self.values) >= self.tuning.runs_kept:
            del self.values[0], self.sizes[0]
        self.values.append(value)
        self.sizes.append(size)
        changed = self.level.add(residual, self.prior)
        if not math.isnan(size):
            self._sized += 1
        if changed or self._sized >= self.tuning.size_refit:
            self._sized = 0
            if self._refitted():
                changed = 0
        if changed:
            self._forget_before_change(changed)
        return off

    def at(self, size: float | None) -> Sequence[float]:
        """The values, moved to an input of ``size`` (its logarithm) where there is a trend."""
        trend = self.trend
        if trend is None or size is None:
            return self.values
        return [trend.moved(value, at, size) for value, at in zip(self.values, self.sizes, strict=True)]

    def mean(self, size: float | None) -> float:
        """The level, for an input of ``size`` where there is a trend."""
        if self.trend is None or size is None:
            return self.level.mean
        return self.trend.moved(self.level.mean, self.trend.pivot, size)

    def unexplained(self, size: float | None) -> float:
        """The variance that comes on top of the scatter while the size of the input is not known."""
        return self.trend.slope**2 * self.trend.variance if self.trend is not None and size is None else 0.0

    def snapshot(self) -> Any:
        """All that it is, plain."""
        sizes = [None if math.isnan(size) else size for size in self.sizes]
        return {
            "values": [*self.values],
            "sizes": sizes if any(size is not None for size in sizes) else None,
            "level": self.level.snapshot(),
            "trend": self.trend and astuple(self.trend),
            "prior": None if self.prior is self.quantity.scatter else astuple(self.prior),
            "sized": self._sized,
        }

    def restore(self, plain: Any) -> None:
        """Become what ``plain`` was made of."""
        sizes = plain["sizes"] or [None] * len(plain["values"])
        self.values = array("d", plain["values"])
        self.sizes = array("d", [math.nan if size is None else size for size in sizes])
        self.level.restore(plain["level"])
        self.trend = plain["trend"] and Trend(*plain["trend"])
        self.prior = Scatter(*plain["prior"]) if plain["prior"] else self.quantity.scatter
        self._sized = plain["sized"]

    def _residual(self, value: float, size: float) -> float:
        return value if self.trend is None else self.trend.moved(value, size, self.trend.pivot)

    def _refitted(self) -> bool:
        """Look for a trend again; whether there is one that says something new."""
        trend = fitted(self.values, self.sizes, self.tuning)
        if trend is None:
            return False
        old = self.trend
        if abs(trend.slope - (old.slope if old else 0.0)) < self.tuning.size_same:
            self.trend = old and replace(trend, slope=old.slope, pivot=old.pivot)
            return False
        self.trend = trend if trend.slope else None
        self._level_again()
        return True

    def _forget_before_change(self, runs: int) -> None:
        """Forget what came before a change that is among the last ``runs``, where it is most likely.

        That is where the mean since then, squared and times the runs behind it, is farthest from the mean
        before all of them (the estimate of greatest likelihood for normal runs).
        """
        residuals = list(map(self._residual, self.values, self.sizes))
        before = residuals[:-runs]
        usual = fmean(before) if before else self.level.mean
        total, farthest, since = 0.0, -1.0, 1
        for count, residual in enumerate(reversed(residuals[-runs:]), 1):
            total += residual - usual
            if total * total / count > farthest:
                farthest, since = total * total / count, count
        self.prior = self.level.carried(self.prior)
        del self.values[:-since], self.sizes[:-since]
        self._level_again()

    def _level_again(self) -> None:
        self.level = Level(self.tuning)
        for value, size in zip(self.values, self.sizes, strict=True):
            self.level.add(self._residual(value, size), self.prior)
