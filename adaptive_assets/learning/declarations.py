"""What declarations are worth: by how much people ask for more, or less, than their runs then take."""

import math
from collections import deque
from typing import Final

from adaptive_assets.planning.estimates import Estimate, Source, Spread
from adaptive_assets.planning.resource_request import ResourceRequest

__all__ = ["Declarations"]

_KEPT: Final = 256
"""Runs of a policy that are remembered."""

_FEWEST: Final = 10
"""Runs below which a declaration is taken at its word."""

_AFRESH: Final = 16
"""Runs after which quantiles are made anew."""

_QUANTILES: Final = (0.5, 0.9, 0.99)
_LEAST: Final = 1e-9


class Declarations:
    """The ratio of taken to declared among the runs of a policy, by which a new declaration is corrected.

    People who declare what a run will take are mostly cautious, and mostly alike: where a new kind of work
    has nothing but a declaration, that tells more than what other kinds take.
    """

    def __init__(self) -> None:
        self._ratios: dict[str, tuple[deque[float], ...]] = {}
        self._seen: dict[str, int] = {}
        self._known: dict[tuple[str, ResourceRequest], Estimate] = {}

    def observe(self, policy: str, declared: ResourceRequest, took: ResourceRequest) -> None:
        """Learn from a run that ended well, of which ``declared`` was said and that took ``took``."""
        ratios = self._ratios.setdefault(policy, tuple(deque(maxlen=_KEPT) for _ in range(3)))
        for kept, said, was in zip(ratios, _amounts(declared), _amounts(took), strict=True):
            if said > 0:
                kept.append(math.log(max(was, _LEAST) / said))
        seen = self._seen[policy] = self._seen.get(policy, 0) + 1
        if seen % _AFRESH == 0:
            self._known = {key: known for key, known in self._known.items() if key[0] != policy}

    def estimate(self, policy: str, declared: ResourceRequest) -> Estimate:
        """What a run will take of which no more than ``declared`` is known; the same object for a while."""
        key = (policy, declared)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._corrected(policy, declared)
        return known

    def _corrected(self, policy: str, declared: ResourceRequest) -> Estimate:
        ratios = self._ratios.get(policy, ((), (), ()))
        cpu, memory, duration = (
            _spread(said, sorted(kept)) for said, kept in zip(_amounts(declared), ratios, strict=True)
        )
        return Estimate(duration, cpu, memory, float(len(ratios[0])), Source.DECLARED)


def _amounts(request: ResourceRequest) -> tuple[float, float, float]:
    return request.cpu, float(request.memory), request.duration


def _spread(said: float, ratios: list[float]) -> Spread:
    """``said``, times the quantiles of ``ratios``, each between two of the order statistics."""
    if len(ratios) < _FEWEST:
        return Spread.exactly(said)
    found = []
    for quantile in _QUANTILES:
        place = min(quantile * (len(ratios) + 1), len(ratios)) - 1
        below = int(place)
        above = min(below + 1, len(ratios) - 1)
        found.append(said * math.exp(ratios[below] + (place - below) * (ratios[above] - ratios[below])))
    return Spread(*found)
