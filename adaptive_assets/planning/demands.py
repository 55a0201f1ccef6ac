"""The demand of every run of one snapshot: what was learned, else what was declared, else a prior."""

from dataclasses import replace

from adaptive_assets.planning.demand import FULL, Demand, demand_of, estimate_key, learned_demand
from adaptive_assets.planning.estimates import Estimate
from adaptive_assets.planning.evictable import is_evictable
from adaptive_assets.planning.snapshot import ActiveRun, QueuedRun, Snapshot, Work
from adaptive_assets.policy import Policy, PolicyBook

__all__ = ["Demands"]


class Demands:
    """Looks demands up, each once. Kinds are told apart by identity, which a snapshot keeps."""

    def __init__(self, snapshot: Snapshot, book: PolicyBook) -> None:
        self._learned = snapshot.estimates
        self._book = book
        self._actions = snapshot.actions
        self._known: dict[tuple[int, int, str, bool], Demand] = {}
        self._same: dict[Demand, Demand] = {}

    def of_run(self, run: QueuedRun | ActiveRun, mode: str = FULL) -> Demand:
        """The demand of this very run, of which more may be known than of its kind."""
        evictable = is_evictable(run, self._book, self._actions)
        key = (id(run.work), id(run.estimate), mode, evictable)
        known = self._known.get(key)
        if known is None:
            found = self._look_up(run.work, mode, run.estimate)
            known = self._known[key] = self._one(replace(found, evictable=True) if evictable else found)
        return known

    def _one(self, demand: Demand) -> Demand:
        """One object for equal demands, so that they can be told apart without comparing them."""
        return self._same.setdefault(demand, demand)

    def _look_up(self, work: Work, mode: str, own: Estimate | None) -> Demand:
        policy = self._book.policy(work.policy)
        declared = demand_of(policy, mode)
        if own is None and not self._learned:
            return declared
        confidence = _confidence(policy)
        if mode != FULL and all(rung.mode != mode for rung in policy.degrade):
            mode = FULL  # the ladder has been edited since
        learned = own if own and mode == FULL else self._learned.get(estimate_key(work, mode))
        full = own or self._learned.get(estimate_key(work, FULL))
        if learned:
            found = learned_demand(learned, confidence)
        elif full:
            found = learned_demand(full, confidence).lessened(declared, demand_of(policy, FULL))
        else:
            return declared
        # declared to need no CPU here: its work is done elsewhere, and it is never to wait for ours
        return found if declared.cpu else replace(found, cpu=0.0)


def _confidence(policy: Policy) -> float:
    return policy.objective.confidence if policy.objective else 0.9
