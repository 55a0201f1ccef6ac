"""Where one quantity of one kind of work stands, and the alarm that tells when it no longer stands there.

Everything here is on a logarithmic scale and costs the same for each run, however many there were.
"""

import math
from dataclasses import dataclass
from typing import Final

__all__ = ["FORGET", "Level", "Scatter"]

FORGET: Final = 0.5 ** (1 / 16)
"""What is left of the weight of a run when one more has ended: sixteen runs later it counts half."""

_KNOWN: Final = 4
"""Runs that must be known before a run can be called surprising."""

_FINEST: Final = 0.05
"""Changes are told from chance in units of at least this (5 %): smaller ones change no plan."""

_CLIP: Final = 2.5
_WIDE: Final = 4.0
"""A single run is no more of a surprise than the first many standard deviations, and widens the scatter as
one at the second: were that cut as short, a scatter that was assumed too small would stay too small."""

_SLACK: Final = 0.5
_ALARM: Final = 5.0
_CARRIED: Final = 8.0
"""Weight that an old scatter has at a new level, at the most, in runs."""


@dataclass(frozen=True, slots=True)
class Scatter:
    """How much runs of one kind differ: a variance, and the number of runs that it is worth."""

    variance: float
    runs: float


class Level:
    """A weighted mean, the scatter around it, and Page's cumulative sums.

    Mean and sum of squares are updated run by run (West 1979), older runs counting less by ``FORGET``, and
    those far off no more than the nearer ones do.  The alarm is the two-sided CUSUM (Page, *Continuous
    inspection schemes*, 1954) with reference 0.5 and limit 5 standard deviations: without a change it goes
    off about once in 465 normal runs, after a change of two deviations within four or so.
    """

    __slots__ = ("_above", "_above_for", "_below", "_below_for", "mean", "squares", "weight")

    def __init__(self) -> None:
        self.mean = 0.0
        self.weight = 0.0
        """Runs behind the mean, those long ago counting less."""
        self.squares = 0.0
        self._above = self._below = 0.0
        self._above_for = self._below_for = 0

    def scatter(self, prior: Scatter) -> Scatter:
        """The variance moderated by what was assumed before (Smyth 2004, *limma*), with its evidence."""
        runs = prior.runs + max(self.weight - 1, 0.0)
        return Scatter((prior.runs * prior.variance + self.squares) / runs, runs)

    def add(self, value: float, prior: Scatter) -> int:
        """Take in one run; among how many of the last runs the level changed, 0 if it did not."""
        off = value - self.mean if self.weight else 0.0
        unit = max(math.sqrt(self.scatter(prior).variance), _FINEST)
        surprise = min(max(off / unit, -_WIDE), _WIDE)
        clipped = min(max(surprise, -_CLIP), _CLIP)
        changed = self._watch(clipped) if self.weight >= _KNOWN - 0.5 else 0
        if not self.weight:
            self.mean = value
        before = self.weight * FORGET
        self.weight = before + 1
        self.mean += clipped * unit / self.weight
        self.squares = self.squares * FORGET + (surprise * unit) ** 2 * before / self.weight
        return changed

    def carried(self, prior: Scatter) -> Scatter:
        """What the scatter at this level says of the scatter at the next one."""
        scatter = self.scatter(prior)
        return Scatter(scatter.variance, min(scatter.runs, _CARRIED))

    def _watch(self, surprise: float) -> int:
        """Move both sums; the runs since the one that goes off last stood at zero."""
        self._above = max(self._above + surprise - _SLACK, 0.0)
        self._below = max(self._below - surprise - _SLACK, 0.0)
        self._above_for = self._above_for + 1 if self._above else 0
        self._below_for = self._below_for + 1 if self._below else 0
        if self._above > _ALARM:
            return self._above_for
        return self._below_for if self._below > _ALARM else 0
