"""What declarations are worth: by how much people ask for more, or less, than their runs then take."""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from adaptive_assets.learning.tuning import LearningTuning
from adaptive_assets.planning.estimates import Estimate, Source, Spread
from adaptive_assets.planning.resource_request import ResourceRequest

__all__ = ["Amounts", "Declarations"]

Amounts = Sequence[float | None]
"""Cores, bytes and seconds of a run; ``None`` where that is not known."""

_QUANTILES: Final = (0.5, 0.9, 0.99)
_LEAST: Final = 1e-9


@dataclass(slots=True)
class _Worth:
    """The ratios of one policy, as logarithms: of cores, bytes and seconds."""

    last: Sequence[deque[float]]
    """Of the last runs, in their order."""
    told: Sequence[Sequence[float]] = ((), (), ())
    """In ascending order, as they were when quantiles were made last."""
    runs: int = 0


class Declarations:
    """The ratio of taken to declared among the runs of a policy, by which a new declaration is corrected.

    People who declare what a run will take are mostly cautious, and mostly alike: where a new kind of work
    has nothing but a declaration, that tells more than what other kinds take.
    """

    def __init__(self, tuning: LearningTuning) -> None:
        self._tuning = tuning
        self._worth: dict[str, _Worth] = {}
        self._known: dict[tuple[str, ResourceRequest], Estimate] = {}

    def observe(self, policy: str, declared: ResourceRequest, took: Amounts) -> None:
        """Learn from a run that ended well, of which ``declared`` was said and that ``took`` this much."""
        tuning, worth = self._tuning, self._worth.get(policy)
        if worth is None:
            worth = self._worth[policy] = _Worth([deque(maxlen=tuning.declared_kept) for _ in range(3)])
        for last, said, was in zip(worth.last, _amounts(declared), took, strict=True):
            if said > 0 and was is not None:
                last.append(math.log(max(was, _LEAST) / said))
        worth.runs += 1
        if worth.runs % tuning.declared_afresh == 0 or worth.runs == tuning.declared_runs:
            worth.told = [sorted(last) for last in worth.last]
            self._known = {key: known for key, known in self._known.items() if key[0] != policy}

    def estimate(self, policy: str, declared: ResourceRequest) -> Estimate:
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
            policy: {"last": [[*last] for last in worth.last], "told": worth.told, "runs": worth.runs}
            for policy, worth in self._worth.items()
        }

    def restore(self, plain: Any) -> None:
        """Become what ``plain`` was made of."""
        for policy, each in plain.items():
            last = [deque[float](ratios, self._tuning.declared_kept) for ratios in each["last"]]
            self._worth[policy] = _Worth(last, each["told"], each["runs"])

    def _corrected(self, policy: str, declared: ResourceRequest) -> Estimate:
        worth = self._worth.get(policy)
        told = worth.told if worth else ((), (), ())
        cpu, memory, duration = map(self._spread, _amounts(declared), told)
        return Estimate(duration, cpu, memory, float(len(told[2])), Source.DECLARED)

    def _spread(self, said: float, ratios: Sequence[float]) -> Spread:
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


def _amounts(request: ResourceRequest) -> tuple[float, float, float]:
    return request.cpu, float(request.memory), request.duration
