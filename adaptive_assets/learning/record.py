"""What one kind of work took of one quantity in its last runs."""

import math
from array import array
from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean
from typing import Final

from adaptive_assets.learning.level import FORGET, Level
from adaptive_assets.learning.quantity import Quantity
from adaptive_assets.learning.trend import Trend, fitted

__all__ = ["KEPT", "WEIGHTS", "Record"]

KEPT: Final = 64
"""Runs that are remembered one by one."""

_REFIT: Final = 8
"""Runs of known size from one look for a trend to the next."""

_SAME_SLOPE: Final = 0.1

WEIGHTS: Final = tuple(array("d", (FORGET ** (n - 1 - i) for i in range(n))) for n in range(KEPT + 1))
"""``WEIGHTS[n][i]``: what the ``i``-th of ``n`` runs counts, the oldest first; the last one counts 1."""


class Record:
    """The last runs on the scale of their quantity, their level, and their trend by input size.

    When the level shifts, the runs before the shift are forgotten; what is kept of them is how much they
    scattered.  A shift that the size of the input explains is a trend, and nothing is forgotten.
    """

    __slots__ = ("_sized", "level", "prior", "quantity", "sizes", "trend", "values")

    def __init__(self, quantity: Quantity) -> None:
        self.quantity = quantity
        self.values = array("d")
        self.sizes = array("d")
        """The logarithms of the input sizes; ``nan`` where they are not known."""
        self.level = Level()
        self.trend: Trend | None = None
        self.prior = quantity.scatter
        """The scatter assumed while the runs at this level are few: that at the level before, if any."""
        self._sized = 0

    def add(self, value: float, size: float) -> float:
        """Take in one run; how far it was off what was expected of it, on the scale (0 for the first)."""
        residual = self._residual(value, size)
        off = residual - self.level.mean if self.values else 0.0
        if len(self.values) == KEPT:
            del self.values[0], self.sizes[0]
        self.values.append(value)
        self.sizes.append(size)
        changed = self.level.add(residual, self.prior)
        if not math.isnan(size):
            self._sized += 1
        if changed or self._sized >= _REFIT:
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

    def _residual(self, value: float, size: float) -> float:
        return value if self.trend is None else self.trend.moved(value, size, self.trend.pivot)

    def _refitted(self) -> bool:
        """Look for a trend again; whether there is one that says something new."""
        trend = fitted(self.values, self.sizes)
        if trend is None:
            return False
        old = self.trend
        if abs(trend.slope - (old.slope if old else 0.0)) < _SAME_SLOPE:
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
        self.level = Level()
        for value, size in zip(self.values, self.sizes, strict=True):
            self.level.add(self._residual(value, size), self.prior)
