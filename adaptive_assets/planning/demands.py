"""The demand of every run of one snapshot: what was learned, else what was declared, else a prior."""

from dataclasses import replace
from typing import Final

from adaptive_assets.planning.composition import is_composed, modes_of
from adaptive_assets.planning.demand import FULL, Demand, demand_of, estimate_key, learned_demand
from adaptive_assets.planning.estimates import Estimate, Source
from adaptive_assets.planning.evictable import can_be_requeued, puts_up_with_requeue
from adaptive_assets.planning.snapshot import ActiveRun, QueuedRun, Snapshot, Work
from adaptive_assets.policy import Policy, PolicyBook

__all__ = ["TELLING", "Demands"]

TELLING: Final = 4.0
"""Runs in another composition of the same stages tell more than those in a mode itself if there are more than
so many times as many."""

_KEPT: Final = 16_384
_RECENT: Final[dict[tuple[int, float, bool], tuple[Estimate, Demand]]] = {}
"""What was looked up of late; the estimates are held on to, so that no other takes their identity."""


class Demands:
    """Looks demands up, each once. Kinds are told apart by identity, which a snapshot keeps."""

    def __init__(self, snapshot: Snapshot, book: PolicyBook) -> None:
        self._learned = snapshot.estimates
        self._book = book
        self._actions = snapshot.actions
        self._known: dict[tuple[int, int, str, bool], Demand] = {}
        self._declared: dict[tuple[str, str, bool], Demand] = {}

    def of_run(self, run: QueuedRun | ActiveRun, mode: str = FULL) -> Demand:
        """The demand of this very run, of which more may be known than of its kind."""
        able = can_be_requeued(run, self._actions)
        key = (id(run.work), id(run.estimate), mode, able)
        known = self._known.get(key)
        if known is None:
            policy = self._book.policy(run.work.policy)
            evictable = able and puts_up_with_requeue(policy, self._book)
            known = self._known[key] = self._look_up(policy, run.work, mode, run.estimate, evictable)
        return known

    def _declared_of(self, policy: Policy, mode: str, evictable: bool = False) -> Demand:
        key = (policy.name, mode, evictable)
        declared = self._declared.get(key)
        if declared is None:
            declared = replace(demand_of(policy, mode), evictable=evictable)
            self._declared[key] = declared
        return declared

    def _look_up(
        self, policy: Policy, work: Work, mode: str, own: Estimate | None, evictable: bool
    ) -> Demand:
        declared = self._declared_of(policy, mode, evictable)
        if own is None and not self._learned:
            return declared
        if mode != FULL and mode not in modes_of(policy):
            mode = FULL  # the policy has been edited since
        basis, learned = self._basis(policy, work, mode, own)
        if learned is None:
            return declared
        found = _demand(learned, _confidence(policy), evictable)
        if basis != mode:
            # of its stages, a run may take longer than of others; of a rung, never more than in full
            composed = is_composed(policy, mode) or is_composed(policy, basis)
            part = (found.in_proportion if composed else found.lessened)(
                declared, self._declared_of(policy, basis)
            )
            found = replace(part, evictable=evictable)
        # declared to need no CPU here: its work is done elsewhere, and it is never to wait for ours
        return found if declared.cpu else replace(found, cpu=0.0)

    def _basis(
        self, policy: Policy, work: Work, mode: str, own: Estimate | None
    ) -> tuple[str, Estimate | None]:
        """The mode by whose runs to tell what a run takes in ``mode``, and what was learned of them.

        That is its own mode, else full mode. Where far more is known of another composition of the same
        stages, it is that: or a run that was late once by a wide estimate would never be tried in full again.
        """
        if own and mode == FULL:
            return mode, own
        learned = self._learned.get(estimate_key(work, mode))
        full = own or self._learned.get(estimate_key(work, FULL))
        found = (mode, learned) if learned else (FULL, full)
        if own or not policy.stages or not (mode == FULL or is_composed(policy, mode)):
            return found
        compositions = [FULL, *(other for other in modes_of(policy) if is_composed(policy, other))]
        told = [(other, self._learned.get(estimate_key(work, other))) for other in compositions]
        most = max(told, key=lambda each: _evidence(each[1]))
        return most if _evidence(most[1]) > TELLING * _evidence(found[1]) else found


def _demand(estimate: Estimate, confidence: float, evictable: bool) -> Demand:
    """As :func:`learned_demand`, looked up by identity: most estimates come again in the next snapshot."""
    key = (id(estimate), confidence, evictable)
    known = _RECENT.get(key)
    if known is None or known[0] is not estimate:
        if len(_RECENT) >= _KEPT:
            _RECENT.clear()
        demand = replace(learned_demand(estimate, confidence), evictable=evictable)
        known = _RECENT[key] = (estimate, demand)
    return known[1]


def _confidence(policy: Policy) -> float:
    return policy.objective.confidence if policy.objective else 0.9


def _evidence(learned: Estimate | None) -> float:
    """How many runs of the kind itself are behind what was learned."""
    return learned.runs if learned and learned.source is Source.OWN else 0.0
