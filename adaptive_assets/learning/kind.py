"""One kind of work in one mode: all that is known of it."""

import math
from collections.abc import Hashable, Sequence
from dataclasses import astuple
from typing import Any

from adaptive_assets.learning.ended_run import EndedRun, Ending
from adaptive_assets.learning.estimating import estimated
from adaptive_assets.learning.level import Scatter
from adaptive_assets.learning.memory_margin import MemoryMargin
from adaptive_assets.learning.quantity import quantities
from adaptive_assets.learning.record import Record
from adaptive_assets.learning.similar_work import Resemblance, SimilarWork
from adaptive_assets.learning.trend import logarithm, rounded
from adaptive_assets.learning.tuning import LearningTuning
from adaptive_assets.planning.estimates import Estimate
from adaptive_assets.planning.resource_request import ResourceRequest


class Kind:
    """The records of its runs, the headroom that its failures ask for, and the estimates made of both.

    An estimate depends on what was observed, and not on when it was asked for.
    """

    __slots__ = (
        "_estimates",
        "_headroom",
        "_key",
        "_kin",
        "_runs",
        "_seen",
        "_tuning",
        "policy",
        "records",
    )

    def __init__(self, key: Hashable, policy: str, tuning: LearningTuning) -> None:
        self.policy = policy
        self._key = key
        self._tuning = tuning
        self.records: Sequence[Record] = [Record(quantity, tuning) for quantity in quantities(tuning)]
        """Of duration, CPU and memory."""
        self._headroom = MemoryMargin(tuning)
        self._kin: Sequence[Resemblance | None] | None = None
        self._seen = -1
        self._runs = 0
        self._estimates: dict[tuple[float | None, ResourceRequest | None, float], Estimate | None] = {}

    @property
    def runs(self) -> int:
        """How many are remembered one by one."""
        return max(len(record.values) for record in self.records)

    def learn(self, ended: EndedRun) -> None:
        """Take in one run."""
        self._estimates.clear()
        if not ended.succeeded:
            self._learn_failure(ended)
            return
        size = logarithm(ended.run.input_size)
        at = math.nan if size is None else size
        taken = (ended.duration_s, self._cpu(ended, at), ended.memory)
        for record, value in zip(self.records, taken, strict=True):
            if value is not None:
                record.add(record.quantity.to_scale(value), at)
        self._headroom.succeeded(ended.memory)

    def _cpu(self, ended: EndedRun, size: float) -> float | None:
        """The cores that the run has shown it takes.

        A mean that was measured while all cores were busy is a lower bound. Were it taken for the mean, more
        runs would be admitted the shorter of CPU they are, and each of them would get less.
        """
        cpu, known = ended.cpu, self.records[1]
        if cpu is None or ended.cores_busy < self._tuning.short_of_cpu:
            return cpu
        return cpu if known.is_above(known.quantity.to_scale(cpu), size) else None

    def stand_with(self, similar: SimilarWork) -> None:
        """Note how kin stand when it has run: with enough runs of its own it keeps to that for a while."""
        self._runs += 1
        if self.records[0].level.weight < self._tuning.kin_settled:
            self._kin = None
        elif self._kin is None or self._runs % self._tuning.kin_settled == 0:
            self._kin = similar.of(self._key)

    def estimate(
        self,
        similar: SimilarWork,
        assumed: ResourceRequest | None,
        size: float | None,
        most_memory: float = math.inf,
    ) -> Estimate | None:
        """What its next run will take, for an input of ``size``; the same object while nothing changed.

        Its failures ask for no more than ``most_memory`` bytes.
        """
        if self._kin is None and similar.number != self._seen:
            self._seen = similar.number
            self._estimates.clear()
        at = logarithm(size)
        if at is not None:
            at = rounded(at, self._tuning.size_step) if any(record.trend for record in self.records) else None
        floor = min(self._headroom.floor, most_memory)
        median = min(self._headroom.median, most_memory)
        asked = (at, assumed, floor)
        if asked not in self._estimates:
            if len(self._estimates) >= self._tuning.sizes_kept:
                self._estimates.clear()
            self._estimates[asked] = estimated(
                self.records, self._kin or similar.of(self._key), assumed, (floor, median), at
            )
        return self._estimates[asked]

    def snapshot(self) -> Any:
        """All that it is, plain; estimates are made anew."""
        return {
            "policy": self.policy,
            "runs": self._runs,
            "records": [record.snapshot() for record in self.records],
            "headroom": self._headroom.snapshot(),
            "kin": self._kin and [relation and astuple(relation) for relation in self._kin],
        }

    def restore(self, plain: Any) -> None:
        """Become what ``plain`` was made of."""
        self._runs = plain["runs"]
        for record, numbers in zip(self.records, plain["records"], strict=True):
            record.restore(numbers)
        self._headroom.restore(plain["headroom"])
        self._kin = plain["kin"] and [each and _resemblance(*each) for each in plain["kin"]]

    def _learn_failure(self, ended: EndedRun) -> None:
        """A run that failed says nothing of how long success takes; it says what it held at the least.

        One that was canceled says so of its own next attempt alone: people cancel what runs away.
        """
        peak, memory = ended.memory, self.records[2]
        killed = ended.ending is Ending.OUT_OF_MEMORY
        if peak is None and killed and memory.values:
            peak = int(memory.quantity.from_scale(max(memory.values)))
        if peak is not None and ended.ending is not Ending.CANCELED:
            self._headroom.failed(peak, out_of_memory=killed)


def _resemblance(
    kinds: int, level: float, between: float, within: Sequence[float], highest: float
) -> Resemblance:
    return Resemblance(kinds, level, between, Scatter(*within), highest)
