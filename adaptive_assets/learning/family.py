"""The kinds of work under one policy in one mode."""

from collections import OrderedDict
from collections.abc import Hashable, Sequence
from typing import Final

from adaptive_assets.learning.estimating import estimated
from adaptive_assets.learning.quantity import QUANTITIES
from adaptive_assets.learning.record import Record
from adaptive_assets.learning.similar_work import SimilarWork
from adaptive_assets.planning.estimates import Estimate
from adaptive_assets.planning.resource_request import ResourceRequest

__all__ = ["Family"]

_KEPT: Final = 256
"""Kinds that are asked about their kin: those seen last."""

_GROWTH: Final = 0.1
_PATIENCE: Final = 128

_UNSEEN: Final = tuple(Record(quantity) for quantity in QUANTITIES)
"""The records of a kind that never ran."""


class Family:
    """The kinds that were seen last, and what they have in common.

    ``similar`` is not made anew for each run: it is once its evidence has grown by a tenth, and at the latest
    after 128 runs.
    """

    __slots__ = ("_kinds", "_newcomers", "_runs", "_runs_then", "similar")

    def __init__(self) -> None:
        self._kinds: OrderedDict[Hashable, Sequence[Record]] = OrderedDict()
        self._runs = self._runs_then = 0
        self._newcomers: dict[ResourceRequest | None, Estimate | None] = {}
        self.similar = SimilarWork({}, 0)

    def saw(self, kind: Hashable, records: Sequence[Record], number: int) -> None:
        """Take note of one run of ``kind``, which ``records`` know already; the ``number``-th of all."""
        self._kinds[kind] = records
        self._kinds.move_to_end(kind)
        if len(self._kinds) > _KEPT:
            self._kinds.popitem(last=False)
        self._runs += 1
        if self._runs - self._runs_then >= min(_GROWTH * self._runs_then, _PATIENCE):
            self._runs_then = self._runs
            self.similar = SimilarWork(self._kinds, number)
            self._newcomers.clear()

    def forget(self, kind: Hashable) -> None:
        """Leave ``kind`` out from the next time on: it is of another family now."""
        self._kinds.pop(kind, None)

    def newcomer(self, assumed: ResourceRequest | None) -> Estimate | None:
        """What a kind will take of which no run is known; the same object while nothing has changed."""
        if assumed not in self._newcomers:
            self._newcomers[assumed] = estimated(_UNSEEN, self.similar.of(None), assumed)
        return self._newcomers[assumed]
