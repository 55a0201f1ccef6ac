"""The kinds of work under one policy in one mode."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

from adaptive_assets.learning.estimating import estimated
from adaptive_assets.learning.quantity import quantities
from adaptive_assets.learning.record import Record
from adaptive_assets.learning.similar_work import SimilarWork
from adaptive_assets.learning.tuning import LearningTuning
from adaptive_assets.planning.estimates import Estimate
from adaptive_assets.planning.resource_request import ResourceRequest

__all__ = ["Family"]


class Family:
    """The kinds that were seen last, and what they have in common.

    ``similar`` is not made anew for each run: it is once its evidence has grown by a tenth, and at the latest
    after 128 runs.
    """

    __slots__ = ("_kinds", "_newcomers", "_runs", "_runs_then", "_tuning", "similar")

    def __init__(self, tuning: LearningTuning) -> None:
        self._tuning = tuning
        self._kinds: OrderedDict[Hashable, Sequence[Record]] = OrderedDict()
        self._runs = self._runs_then = 0
        self._newcomers: dict[ResourceRequest | None, Estimate | None] = {}
        self.similar = SimilarWork.among({}, 0, tuning)

    def saw(self, kind: Hashable, records: Sequence[Record], number: int) -> None:
        """Take note of one run of ``kind``, which ``records`` know already; the ``number``-th of all."""
        tuning = self._tuning
        self._kinds[kind] = records
        self._kinds.move_to_end(kind)
        if len(self._kinds) > tuning.kin_kept:
            self._kinds.popitem(last=False)
        self._runs += 1
        if self._runs - self._runs_then >= min(tuning.kin_growth * self._runs_then, tuning.kin_patience):
            self._runs_then = self._runs
            self.similar = SimilarWork.among(self._kinds, number, tuning)
            self._newcomers.clear()

    def forget(self, kind: Hashable) -> None:
        """Leave ``kind`` out from the next time on: it is of another family now."""
        self._kinds.pop(kind, None)

    def newcomer(self, assumed: ResourceRequest | None) -> Estimate | None:
        """What a kind will take of which no run is known; the same object while nothing has changed."""
        if assumed not in self._newcomers:
            unseen = [Record(quantity, self._tuning) for quantity in quantities(self._tuning)]
            self._newcomers[assumed] = estimated(unseen, self.similar.of(None), assumed)
        return self._newcomers[assumed]

    def snapshot(self, place: Callable[[Hashable], int]) -> Any:
        """All that it is, plain; ``place`` gives the number of a kind there, below 0 if it is left out."""
        return {
            "kinds": [number for number in map(place, self._kinds) if number >= 0],
            "runs": [self._runs, self._runs_then],
            "similar": self.similar.snapshot(place),
        }

    def restore(
        self, plain: Any, kinds: Sequence[Hashable], records: Mapping[Hashable, Sequence[Record]]
    ) -> None:
        """Become what ``plain`` was made of; ``kinds`` are by their numbers there."""
        for number in plain["kinds"]:
            self._kinds[kinds[number]] = records[kinds[number]]
        self._runs, self._runs_then = plain["runs"]
        self.similar = SimilarWork.restored(
            plain["similar"], lambda n: kinds[n] if n >= 0 else n, self._tuning
        )
