"""What the kinds of work under one policy have in common: the ground that a new kind starts from."""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from adaptive_assets.learning.level import Scatter
from adaptive_assets.learning.quantity import QUANTITIES, Quantity
from adaptive_assets.learning.record import Record

__all__ = ["Resemblance", "SimilarWork"]

_FEWEST: Final = 3
"""Other kinds that must be known: what fewer do says little of what one more will do."""

_APART: Final = 1.0
"""Assumed standard deviation between kinds, on the logarithmic scale; it counts as much as one kind."""

_MODERATE: Final = 4.0
"""Runs that the scatter of one kind counts for among its kin, and theirs for it, at the most."""


@dataclass(frozen=True, slots=True)
class Resemblance:
    """One quantity among kin, on its scale: how kinds differ, and how the runs of one kind do."""

    kinds: int
    level: float
    """The mean of their levels."""
    between: float
    """The variance of their levels."""
    within: Scatter
    """The scatter of the runs of one kind."""
    highest: float
    """Where even the highest kind seldom gets."""


@dataclass(frozen=True, slots=True)
class _Share:
    """One kind among its kin."""

    level: float
    variance: float
    runs: float


class _Sums:
    """Sums over kinds, from which a single one is easily left out; each counts once, however often it ran."""

    __slots__ = ("highest", "levels", "origin", "quantity", "runs", "shares", "squares", "variances")

    def __init__(self, quantity: Quantity, records: Mapping[Hashable, Record]) -> None:
        self.quantity = quantity
        self.shares = {kind: _share(record) for kind, record in records.items() if record.values}
        known = self.shares.values()
        # Levels count from one of them, so that the difference of two sums of squares stays exact.
        self.origin = next((share.level for share in known), 0.0)
        self.levels = math.fsum(share.level - self.origin for share in known)
        self.squares = math.fsum((share.level - self.origin) ** 2 for share in known)
        self.variances = math.fsum(share.variance * share.runs for share in known)
        self.runs = math.fsum(share.runs for share in known)
        self.highest = max((share.level + 2 * math.sqrt(share.variance) for share in known), default=0.0)

    def without(self, kind: Hashable) -> Resemblance | None:
        """What all but ``kind`` have in common; ``None`` where they are too few."""
        own = self.shares.get(kind)
        out = (
            _Share(0.0, 0.0, 0.0) if own is None else _Share(own.level - self.origin, own.variance, own.runs)
        )
        kinds = len(self.shares) - (own is not None)
        if kinds < _FEWEST:
            return None
        levels = self.levels - out.level
        spread = max(self.squares - out.level**2 - levels * levels / kinds, 0.0)
        runs = max(self.runs - out.runs, 0.0)
        variances = max(self.variances - out.variance * out.runs, 0.0)
        assumed = self.quantity.scatter
        return Resemblance(
            kinds,
            level=self.origin + levels / kinds,
            between=(_APART**2 + spread) / kinds,
            within=Scatter(
                (assumed.variance * assumed.runs + variances) / (assumed.runs + runs),
                assumed.runs + min(runs, _MODERATE),
            ),
            highest=self.highest,
        )


class SimilarWork:
    """The kinds of one policy in one mode, as they stood when this was made."""

    __slots__ = ("_sums", "number")

    def __init__(self, kinds: Mapping[Hashable, Sequence[Record]], number: int) -> None:
        self.number = number
        """Tells this from any other, without holding on to it."""
        self._sums = [
            _Sums(quantity, {kind: records[place] for kind, records in kinds.items()})
            for place, quantity in enumerate(QUANTITIES)
        ]

    def of(self, kind: Hashable) -> Sequence[Resemblance | None]:
        """What the others say of ``kind``, which is left out itself: in the order of ``QUANTITIES``."""
        return [sums.without(kind) for sums in self._sums]


def _share(record: Record) -> _Share:
    level = record.level
    return _Share(level.mean, level.scatter(record.prior).variance, min(level.weight - 1, _MODERATE))
