"""What the kinds of work under one policy have in common: the ground that a new kind starts from."""

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Any

from adaptive_assets.learning.level import Scatter
from adaptive_assets.learning.quantity import Quantity, quantities
from adaptive_assets.learning.record import Record
from adaptive_assets.learning.tuning import LearningTuning

__all__ = ["Resemblance", "SimilarWork"]


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

    def __init__(self, quantity: Quantity, shares: Mapping[Hashable, _Share], tuning: LearningTuning) -> None:
        self.quantity = quantity
        self.shares = shares
        self.tuning = tuning
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
        if kinds < self.tuning.kin_kinds:
            return None
        levels = self.levels - out.level
        spread = max(self.squares - out.level**2 - levels * levels / kinds, 0.0)
        runs = max(self.runs - out.runs, 0.0)
        variances = max(self.variances - out.variance * out.runs, 0.0)
        assumed = self.quantity.scatter
        return Resemblance(
            kinds,
            level=self.origin + levels / kinds,
            between=(self.tuning.kin_apart**2 + spread) / kinds,
            within=Scatter(
                (assumed.variance * assumed.runs + variances) / (assumed.runs + runs),
                assumed.runs + min(runs, self.tuning.kin_runs),
            ),
            highest=self.highest,
        )


class SimilarWork:
    """The kinds of one policy in one mode, as they stood when this was made."""

    __slots__ = ("_sums", "number")

    def __init__(
        self,
        shares: Sequence[Mapping[Hashable, _Share]],
        number: int,
        tuning: LearningTuning,
    ) -> None:
        self.number = number
        """Tells this from any other, without holding on to it."""
        self._sums = [
            _Sums(quantity, of_kinds, tuning)
            for quantity, of_kinds in zip(quantities(tuning), shares, strict=True)
        ]

    @classmethod
    def among(
        cls, kinds: Mapping[Hashable, Sequence[Record]], number: int, tuning: LearningTuning
    ) -> "SimilarWork":
        """As ``kinds`` stand now, by their records in the order of the quantities."""
        shares = [
            {kind: _share(records[place]) for kind, records in kinds.items() if records[place].values}
            for place in range(len(quantities(tuning)))
        ]
        return cls(shares, number, tuning)

    def of(self, kind: Hashable) -> Sequence[Resemblance | None]:
        """What the others say of ``kind``, which is left out itself: in the order of the quantities."""
        return [sums.without(kind) for sums in self._sums]

    def snapshot(self, name: Callable[[Hashable], Any]) -> Any:
        """All that it is, plain; ``name`` gives what a kind is called there."""
        shares = [
            [[name(kind), *astuple(share)] for kind, share in sums.shares.items()] for sums in self._sums
        ]
        return {"number": self.number, "shares": shares}

    @classmethod
    def restored(cls, plain: Any, kind: Callable[[Any], Hashable], tuning: LearningTuning) -> "SimilarWork":
        """What ``plain`` was made of; ``kind`` is the inverse of ``name``."""
        shares = [{kind(name): _Share(*share) for name, *share in each} for each in plain["shares"]]
        return cls(shares, plain["number"], tuning)


def _share(record: Record) -> _Share:
    level = record.level
    runs = min(level.weight - 1, record.tuning.kin_runs)
    return _Share(level.mean, level.scatter(record.prior).variance, runs)
