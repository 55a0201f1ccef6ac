"""What declarations are worth: by how much people ask for more, or less, than their runs then take."""

import math
from collections import deque
from collections.abc import Sequence
from typing import Any, Final

from adaptive_assets.learning.tuning import LearningTuning
from adaptive_assets.planning.demand import Demand
from adaptive_assets.planning.estimates import Estimate, Source, Spread

__all__ = ["Amounts", "Declarations"]

Amounts = Sequence[float | None]
"""Cores, bytes and seconds of a run; ``None`` where that is not known."""

_QUANTILES: Final = (0.5, 0.9, 0.99)
_LEAST: Final = 1e-9


class Declarations:
    """The ratio of taken to declared among the runs of a policy, by which a new declaration is corrected.

    People who declare what a run will take are mostly cautious, and mostly alike: where a new kind of work
    has nothing but a declaration, that tells more than what other kinds take.
    """

    def __init__(self, tuning: LearningTuning) -> None:
        self._tuning = tuning
        self._ratios: dict[str, tuple[deque[float], ...]] = {}
        self._seen: dict[str, int] = {}
        self._known: dict[tuple[str, Demand], Estimate] = {}

    def observe(self, policy: str, declared: Demand, took: Amounts) -> None:
        """Learn from a run that ended well, of which ``declared`` was said and that ``took`` this much."""
        ratios = self._of(policy)
        for kept, said, was in zip(ratios, _amounts(declared), took, strict=True):
            if said > 0 and was is not None:
                kept.append(math.log(max(was, _LEAST) / said))
        seen = self._seen[policy] = self._seen.get(policy, 0) + 1
        if seen % self._tuning.declared_afresh == 0:
            self._known = {key: known for key, known in self._known.items() if key[0] != policy}

    def estimate(self, policy: str, declared: Demand) -> Estimate:
        """What a run will take of which no more than ``declared`` is known; the same object for a while."""
        key = (policy, declared)
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= self._tuning.kinds_kept:
                self._known.clear()
            known = self._known[key] = self._corrected(policy, declared)
        return known

    def snapshot(self) -> Any:
        """The ratios, plain."""
        return {
            policy: [self._seen[policy], *([*kept] for kept in ratios)]
            for policy, ratios in self._ratios.items()
        }

    def restore(self, plain: Any) -> None:
        """Become what ``plain`` was made of; estimates are made anew."""
        for policy, (seen, *ratios) in plain.items():
            self._seen[policy] = seen
            for kept, logarithms in zip(self._of(policy), ratios, strict=True):
                kept.extend(logarithms)

    def _of(self, policy: str) -> tuple[deque[float], ...]:
        ratios = self._ratios.get(policy)
        if ratios is None:
            ratios = tuple(deque(maxlen=self._tuning.declared_kept) for _ in range(3))
            self._ratios[policy] = ratios
        return ratios

    def _corrected(self, policy: str, declared: Demand) -> Estimate:
        ratios = self._ratios.get(policy, ((), (), ()))
        cpu, memory, duration = (
            self._spread(said, sorted(kept)) for said, kept in zip(_amounts(declared), ratios, strict=True)
        )
        return Estimate(duration, cpu, memory, float(len(ratios[2])), Source.DECLARED)

    def _spread(self, said: float, ratios: list[float]) -> Spread:
        """``said``, times the quantiles of ``ratios``, each between two of the order statistics."""
        if len(ratios) < self._tuning.declared_runs:
            return Spread.exactly(said)
        found = []
        for quantile in _QUANTILES:
            place = min(quantile * (len(ratios) + 1), len(ratios)) - 1
            below = int(place)
            above = min(below + 1, len(ratios) - 1)
            found.append(said * math.exp(ratios[below] + (place - below) * (ratios[above] - ratios[below])))
        return Spread(*found)


def _amounts(demand: Demand) -> tuple[float, float, float]:
    return demand.cpu, float(demand.memory), demand.duration
