"""What was learned of kinds of work, from all runs that ended."""

import math
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import count
from typing import Any, Final

from adaptive_assets.learning.ended_run import EndedRun
from adaptive_assets.learning.family import Family
from adaptive_assets.learning.kind import Kind
from adaptive_assets.learning.record import Record
from adaptive_assets.learning.similar_work import SimilarWork
from adaptive_assets.learning.tuning import LearningTuning
from adaptive_assets.planning.estimates import Estimate
from adaptive_assets.planning.resource_request import PRIOR, ResourceRequest
from adaptive_assets.planning.snapshot import Work
from adaptive_assets.planning.tuning import TUNING

Assumed = Callable[[Work, str], ResourceRequest]
"""What to take for a quantity of a kind in a mode that no run has shown: usually what its policy declares."""

_Key = tuple[str, str, tuple[str, ...], str]

_FLEET: Final = ""
"""Where a policy's name stands, for the family of all kinds of the deployment: no policy has that name."""


class Kinds:
    """Estimates by kind of work and mode.

    A kind is known by its name, its code location, its assets and its mode, so that it keeps what it learned
    when it moves to another policy or reads something more.  Without ``assumed``, there is an estimate only
    where all three quantities are known.
    """

    def __init__(self, assumed: Assumed | None, tuning: LearningTuning) -> None:
        self._assumed = assumed
        self._tuning = tuning
        self._kinds: OrderedDict[_Key, Kind] = OrderedDict()
        self._families: OrderedDict[tuple[str, str], Family] = OrderedDict()
        self._no_kin = SimilarWork.among({}, 0, tuning)
        self._runs = 0

    def observe(self, ended: EndedRun) -> None:
        """Learn from one run that ended; runs come in the order in which they did."""
        self._runs += 1
        work, mode = ended.run.work, ended.mode
        key = _key(work, mode)
        family = self._family(work.policy, mode)
        kind = self._kind(key, work.policy, mode)
        kind.learn(ended)
        if ended.succeeded:
            family.saw(key, kind.records, self._runs)
            self._family(_FLEET, mode).saw(key, kind.records, self._runs)
        kind.stand_with(family.similar)

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
            similar = self._no_kin if family is None else family.similar
            return kind.estimate(similar, assumed, input_size, most_memory)
        return self._of_newcomer(family, mode, assumed)

    def _of_newcomer(
        self, family: Family | None, mode: str, assumed: ResourceRequest | None
    ) -> Estimate | None:
        """What a kind takes of which no run is known: as kinds of its policy do, and no more than the fleet.

        Kinds of one policy are few, so what is said of one more reaches far out. Those of all policies are
        more, and are asked alone where the policy has too few and declares nothing itself.
        """
        similar = None if family is None else family.newcomer(assumed)
        fleet = self._families.get((_FLEET, mode))
        of_all = None if fleet is None else fleet.newcomer(assumed)
        if of_all is None or not self._tuning.fleet:
            return similar
        if similar is None:
            return of_all if assumed in (None, PRIOR) else None
        asked, bound = (each.memory.at(TUNING.similar_quantile) for each in (similar, of_all))
        return similar if asked <= bound else self._bounded(similar, of_all)

    @staticmethod
    @lru_cache(maxsize=1_024)
    def _bounded(similar: Estimate, of_all: Estimate) -> Estimate:
        """The same object for the same: a plan is made anew where an estimate is another one."""
        return replace(similar, memory=of_all.memory)

    def snapshot(self) -> Any:
        """All that was learned, plain: of the kinds seen last, up to so many runs."""
        kept: list[_Key] = []
        runs = 0
        for key, kind in reversed(self._kinds.items()):
            runs += max(kind.runs, 1)
            if runs > self._tuning.snapshot_runs:
                break
            kept.append(key)
        kept.reverse()
        places: dict[Hashable, int] = {key: place for place, key in enumerate(kept)}
        others = count(-1, -1)

        def place(key: Hashable) -> int:
            return places[key] if key in places else places.setdefault(key, next(others))

        return {
            "runs": self._runs,
            "kinds": [{"key": key, **self._kinds[key].snapshot()} for key in kept],
            "families": [[*key, family.snapshot(place)] for key, family in self._families.items()],
        }

    def restore(self, plain: Any) -> None:
        """Become what ``plain`` was made of."""
        self._runs = plain["runs"]
        for each in plain["kinds"]:
            name, location, assets, mode = each["key"]
            key = (name, location, tuple(assets), mode)
            kind = self._kinds[key] = Kind(key, each["policy"], self._tuning)
            kind.restore(each)
        keys = [*self._kinds]
        records: dict[Hashable, Sequence[Record]] = {key: kind.records for key, kind in self._kinds.items()}
        for policy, mode, family in plain["families"]:
            self._family(policy, mode).restore(family, keys, records)

    def _kind(self, key: _Key, policy: str, mode: str) -> Kind:
        """The kind of ``key``, now the one seen last; the one seen longest ago makes room for a new one."""
        kind = self._kinds.get(key)
        if kind is None:
            kind = self._kinds[key] = Kind(key, policy, self._tuning)
            if len(self._kinds) > self._tuning.kinds_kept:
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
            family = self._families[policy, mode] = Family(self._tuning)
            if len(self._families) > self._tuning.policies_kept:
                self._families.popitem(last=False)
        self._families.move_to_end((policy, mode))
        return family


def _key(work: Work, mode: str) -> _Key:
    return work.name, work.location, work.assets, mode
