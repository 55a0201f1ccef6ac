"""What was learned of all kinds of work."""

import math
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from adaptive_assets.learning.family import Family
from adaptive_assets.learning.kind import Kind
from adaptive_assets.learning.lateness import Lateness
from adaptive_assets.learning.observation import Observation
from adaptive_assets.learning.similar_work import SimilarWork
from adaptive_assets.planning.estimates import Estimate
from adaptive_assets.planning.resource_request import ResourceRequest, estimate_key
from adaptive_assets.planning.snapshot import Work

__all__ = ["Learner"]

_KINDS: Final = 10_000
_POLICIES: Final = 1_000

_NO_KIN: Final = SimilarWork({}, 0)

_Key = tuple[str, str, tuple[str, ...], str]


class Learner:
    """Estimates by kind of work and mode, from runs that ended.

    What was learned is a function of the observations and their order alone: no clock, no chance, and asking
    changes nothing.  A kind is known by its name, its code location, its assets and its mode, so that it
    keeps what it learned when it moves to another policy or reads something more.

    ``assumed`` says what to take for a quantity that no run has shown while the others are known (memory
    where processes cannot be seen): usually what the policy declares.  Without it, there is an estimate only
    where all three are known.  At most ``kinds`` kinds are remembered, those seen last; a kind takes about
    4 KB at the most.
    """

    def __init__(
        self, *, assumed: Callable[[Work, str], ResourceRequest] | None = None, kinds: int = _KINDS
    ) -> None:
        if kinds < 1:
            raise ValueError(f"kinds is {kinds}; it must be at least 1")
        self._assumed = assumed
        self._most = kinds
        self._kinds: OrderedDict[_Key, Kind] = OrderedDict()
        self._families: OrderedDict[tuple[str, str], Family] = OrderedDict()
        self._runs = 0
        self._lateness = Lateness()

    def observe(self, observed: Observation) -> None:
        """Learn from one run that ended; runs come in the order in which they did."""
        self._runs += 1
        work, mode = observed.work, observed.mode
        key = _key(work, mode)
        family = self._family(work.policy, mode)
        kind = self._kind(key, work.policy, mode)
        off = kind.learn(observed)
        if observed.succeeded:
            family.saw(key, kind.records, self._runs)
        kind.stand_with(family.similar)
        if off is not None:
            self._lateness.add(observed.ended_at, off)

    def estimate(
        self, work: Work, mode: str, input_size: float | None = None, *, most_memory: float = math.inf
    ) -> Estimate | None:
        """What the next run of ``work`` in ``mode`` will take; ``None`` where nothing is known of it.

        The same object is returned while nothing has changed.  Sizes within half an octave share an
        estimate, and all do where the size was not seen to matter.  ``most_memory`` (bytes) is what any run
        can be given: runs that were killed teach to ask for more, but not for more than that.
        """
        kind = self._kinds.get(_key(work, mode))
        family = self._families.get((work.policy if kind is None else kind.policy, mode))
        assumed = self._assumed(work, mode) if self._assumed else None
        if kind is not None:
            return kind.estimate(
                _NO_KIN if family is None else family.similar, assumed, input_size, most_memory
            )
        return None if family is None else family.newcomer(assumed)

    def estimates(
        self, wanted: Iterable[tuple[Work, str]], *, most_memory: float = math.inf
    ) -> Mapping[str, Estimate]:
        """The estimates of those that are known, by :func:`estimate_key`."""
        found = (
            (estimate_key(work, mode), self.estimate(work, mode, most_memory=most_memory))
            for work, mode in wanted
        )
        return {key: estimate for key, estimate in found if estimate is not None}

    def slowdown(self, now: float) -> float | None:
        """How many times as long as was expected of them the runs took that succeeded before ``now``.

        The median over ten minutes, among kinds that had run three times before; ``None`` with fewer than
        five such runs.
        """
        return self._lateness.factor(now)

    def _kind(self, key: _Key, policy: str, mode: str) -> Kind:
        """The kind of ``key``, now the one seen last; the one seen longest ago makes room for a new one."""
        kind = self._kinds.get(key)
        if kind is None:
            kind = self._kinds[key] = Kind(key, policy)
            if len(self._kinds) > self._most:
                self._kinds.popitem(last=False)
            return kind
        self._kinds.move_to_end(key)
        if kind.policy != policy:
            if (before := self._families.get((kind.policy, mode))) is not None:
                before.forget(key)
            kind.policy = policy
        return kind

    def _family(self, policy: str, mode: str) -> Family:
        family = self._families.get((policy, mode))
        if family is None:
            family = self._families[policy, mode] = Family()
            if len(self._families) > _POLICIES:
                self._families.popitem(last=False)
        self._families.move_to_end((policy, mode))
        return family


def _key(work: Work, mode: str) -> _Key:
    return work.name, work.location, work.assets, mode
