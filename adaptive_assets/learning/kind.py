"""One kind of work in one mode: all that is known of it."""

import math
from collections.abc import Hashable, Sequence
from typing import Final

from adaptive_assets.learning.estimating import estimated
from adaptive_assets.learning.memory_margin import MemoryMargin
from adaptive_assets.learning.observation import Observation
from adaptive_assets.learning.quantity import CPU, DURATION, MEMORY
from adaptive_assets.learning.record import Record
from adaptive_assets.learning.similar_work import Resemblance, SimilarWork
from adaptive_assets.learning.trend import logarithm, rounded
from adaptive_assets.planning.estimates import Estimate
from adaptive_assets.planning.resource_request import ResourceRequest

__all__ = ["Kind"]

_MATURE: Final = 8.0
_SETTLED: Final = 8
"""With as many runs as the first, a kind looks at its kin again only with each eighth run of its own."""

_TELLING: Final = 3.0
"""Runs from which on it is worth saying that the next one took longer than expected."""

_SIZES: Final = 64
"""Estimates that are kept for different sizes of input."""


class Kind:
    """The records of its runs, the headroom that its failures ask for, and the estimates made of both.

    An estimate depends on what was observed, and not on when it was asked for.
    """

    __slots__ = (
        "_cpu",
        "_duration",
        "_estimates",
        "_headroom",
        "_key",
        "_kin",
        "_memory",
        "_runs",
        "_seen",
        "policy",
    )

    def __init__(self, key: Hashable, policy: str) -> None:
        self.policy = policy
        self._key = key
        self._duration, self._cpu, self._memory = Record(DURATION), Record(CPU), Record(MEMORY)
        self._headroom = MemoryMargin()
        self._kin: Sequence[Resemblance | None] | None = None
        self._seen = -1
        self._runs = 0
        self._estimates: dict[tuple[float | None, ResourceRequest | None, float], Estimate | None] = {}

    @property
    def records(self) -> Sequence[Record]:
        """In the order of ``QUANTITIES``."""
        return self._duration, self._cpu, self._memory

    def learn(self, observed: Observation) -> float | None:
        """Take in one run; how far off its duration was (a logarithm), if that says anything."""
        self._estimates.clear()
        if not observed.succeeded:
            self._learn_failure(observed)
            return None
        size = logarithm(observed.input_size)
        at = math.nan if size is None else size
        telling = self._duration.level.weight > _TELLING - 0.5
        off = None
        if observed.duration_s is not None:
            off = self._duration.add(DURATION.to_scale(observed.duration_s), at)
        if observed.cpu is not None:
            self._cpu.add(CPU.to_scale(observed.cpu), at)
        if observed.memory is not None:
            self._memory.add(MEMORY.to_scale(observed.memory), at)
        self._headroom.succeeded(observed.memory)
        return off if telling else None

    def stand_with(self, similar: SimilarWork) -> None:
        """Note how kin stand when it has run: with enough runs of its own it keeps to that for a while."""
        self._runs += 1
        if self._duration.level.weight < _MATURE:
            self._kin = None
        elif self._kin is None or self._runs % _SETTLED == 0:
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
            at = rounded(at) if any(record.trend for record in self.records) else None
        floor = min(self._headroom.floor, most_memory)
        median = min(self._headroom.median, most_memory)
        asked = (at, assumed, floor)
        if asked not in self._estimates:
            if len(self._estimates) >= _SIZES:
                self._estimates.clear()
            self._estimates[asked] = estimated(
                self.records, self._kin or similar.of(self._key), assumed, (floor, median), at
            )
        return self._estimates[asked]

    def _learn_failure(self, observed: Observation) -> None:
        """A run that failed says nothing of how long success takes; it says what it held at the least."""
        peak = observed.memory
        if peak is None and observed.out_of_memory and self._memory.values:
            peak = int(MEMORY.from_scale(max(self._memory.values)))
        if peak is not None:
            self._headroom.failed(peak, out_of_memory=observed.out_of_memory)
