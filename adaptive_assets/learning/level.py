"""Where one quantity of one kind of work stands, and the alarm that tells when it no longer stands there.

Everything here is on a logarithmic scale and costs the same for each run, however many there were.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from adaptive_assets.learning.tuning import LearningTuning

__all__ = ["Level", "Scatter"]


@dataclass(frozen=True, slots=True)
class Scatter:
    """How much runs of one kind differ: a variance, and the number of runs that it is worth."""

    variance: float
    runs: float


class Level:
    """A weighted mean, the scatter around it, and Page's cumulative sums.

    Mean and sum of squares are updated run by run (West 1979), older runs counting less by ``forget``, and
    those far off no more than the nearer ones do.  The alarm is the two-sided CUSUM (Page, *Continuous
    inspection schemes*, 1954) with reference 0.5 and limit 5 standard deviations: without a change it goes
    off about once in 465 normal runs, after a change of two deviations within four or so.
    """

    __slots__ = ("_above", "_above_for", "_below", "_below_for", "mean", "squares", "tuning", "weight")

    def __init__(self, tuning: LearningTuning) -> None:
        self.tuning = tuning
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
        tuning = self.tuning
        off = value - self.mean if self.weight else 0.0
        unit = max(math.sqrt(self.scatter(prior).variance), tuning.change_finest)
        surprise = min(max(off / unit, -tuning.change_wide), tuning.change_wide)
        clipped = min(max(surprise, -tuning.change_clip), tuning.change_clip)
        changed = self._watch(clipped) if self.weight >= tuning.change_known - 0.5 else 0
        if not self.weight:
            self.mean = value
        before = self.weight * tuning.forget
        self.weight = before + 1
        self.mean += clipped * unit / self.weight
        self.squares = self.squares * tuning.forget + (surprise * unit) ** 2 * before / self.weight
        return changed

    def carried(self, prior: Scatter) -> Scatter:
        """What the scatter at this level says of the scatter at the next one."""
        scatter = self.scatter(prior)
        return Scatter(scatter.variance, min(scatter.runs, self.tuning.change_carried))

    def snapshot(self) -> Sequence[float]:
        """Its numbers, plain."""
        return [getattr(self, name) for name in _NUMBERS]

    def restore(self, numbers: Sequence[float]) -> None:
        """Take up ``numbers`` that a level gave before."""
        for name, number in zip(_NUMBERS, numbers, strict=True):
            setattr(self, name, number)

    def _watch(self, surprise: float) -> int:
        """Move both sums; the runs since the one that goes off last stood at zero."""
        slack, alarm = self.tuning.change_slack, self.tuning.change_alarm
        self._above = max(self._above + surprise - slack, 0.0)
        self._below = max(self._below - surprise - slack, 0.0)
        self._above_for = self._above_for + 1 if self._above else 0
        self._below_for = self._below_for + 1 if self._below else 0
        if self._above > alarm:
            return self._above_for
        return self._below_for if self._below > alarm else 0


_NUMBERS = tuple(name for name in Level.__slots__ if name != "tuning")
