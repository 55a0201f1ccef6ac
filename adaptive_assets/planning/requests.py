"""The resource request of every run of one snapshot: what was learned, else what was declared, else a
prior.
"""

from collections.abc import Container
from dataclasses import dataclass, field, replace

from adaptive_assets.planning.composition import is_composed, modes_of
from adaptive_assets.planning.estimates import Estimate, Source
from adaptive_assets.planning.resource_request import (
    FULL,
    ResourceRequest,
    estimate_key,
    learned_request,
    request_of,
)
from adaptive_assets.planning.snapshot import Action, ActiveRun, QueuedRun, Snapshot, Work
from adaptive_assets.planning.tuning import TUNING, Tuning
from adaptive_assets.planning.work_key import work_key
from adaptive_assets.policy import Policy, PolicyBook


@dataclass(slots=True)
class KnownRequests:
    """Requests that were looked up, with what they are of; by identity."""

    found: dict[tuple[int, int, str, bool], tuple[ResourceRequest, Work, Estimate | None]] = field(
        default_factory=dict
    )
    declared: dict[tuple[str, str], ResourceRequest] = field(default_factory=dict)
    same: dict[ResourceRequest, ResourceRequest] = field(default_factory=dict)
    """One object for equal requests, so that they can be told apart without comparing them."""

    def __len__(self) -> int:
        return max(len(self.found), len(self.same))

    def forget(self, works: Container[str]) -> None:
        """Drop the requests of kinds of work, by their keys."""
        self.found = {key: kept for key, kept in self.found.items() if work_key(kept[1]) not in works}


class ResourceRequests:
    """Looks requests up, each once. Runs and kinds are told apart by identity, which a snapshot keeps."""

    def __init__(
        self,
        snapshot: Snapshot,
        book: PolicyBook,
        tuning: Tuning = TUNING,
        known: KnownRequests | None = None,
    ) -> None:
        self._tuning = tuning
        self._quantiles = (tuning.summed_quantile, tuning.similar_quantile)
        self._learned = snapshot.estimates
        self._book = book
        self._actions = snapshot.actions
        self._of_runs: dict[tuple[int, str], ResourceRequest] = {}
        self._known = KnownRequests() if known is None else known

    def of_run(self, run: QueuedRun | ActiveRun, mode: str = FULL) -> ResourceRequest:
        """The request of this very run, of which more may be known than of its kind."""
        known = self._of_runs.get((id(run), mode))
        if known is None:
            known = self._of_runs[id(run), mode] = self._of_kind(run, mode)
        return known

    def _of_kind(self, run: QueuedRun | ActiveRun, mode: str) -> ResourceRequest:
        evictable = is_evictable(run, self._book, self._actions, self._tuning)
        key = (id(run.work), id(run.estimate), mode, evictable)
        known = self._known.found.get(key)
        if known is None:
            found = self._look_up(run.work, mode, run.estimate, evictable).bounded()
            known = self._known.same.setdefault(found, found), run.work, run.estimate
            self._known.found[key] = known
        return known[0]

    def _declared_of(self, policy: Policy, mode: str) -> ResourceRequest:
        known = self._known.declared.get((policy.name, mode))
        if known is None:
            known = self._known.declared[policy.name, mode] = request_of(policy, mode, self._tuning)
        return known

    def _look_up(self, work: Work, mode: str, own: Estimate | None, evictable: bool) -> ResourceRequest:
        policy = self._book.policy(work.policy)
        declared = self._declared_of(policy, mode)
        if mode != FULL and mode not in modes_of(policy):
            mode = FULL  # the policy has been edited since
        basis, learned = self._basis(policy, work, mode, own) if own or self._learned else (mode, None)
        if learned is None:
            return replace(declared, evictable=True) if evictable else declared
        found = learned_request(learned, _confidence(policy), *self._quantiles, evictable=evictable)
        if basis != mode:
            # of its stages, a run may take longer than of others; of a rung, never more than in full
            composed = is_composed(policy, mode) or is_composed(policy, basis)
            reduced = found.in_proportion if composed else found.lessened
            found = replace(reduced(declared, self._declared_of(policy, basis)), evictable=evictable)
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
        full = learned if mode == FULL else own or self._learned.get(estimate_key(work, FULL))
        found = (mode, learned) if learned else (FULL, full)
        if own or not policy.stages or not (mode == FULL or is_composed(policy, mode)):
            return found
        compositions = [FULL, *(other for other in modes_of(policy) if is_composed(policy, other))]
        told = [(other, self._learned.get(estimate_key(work, other))) for other in compositions]
        most = max(told, key=lambda each: _evidence(each[1]))
        return most if _evidence(most[1]) > self._tuning.composition_evidence * _evidence(found[1]) else found


def is_evictable(
    run: QueuedRun | ActiveRun, book: PolicyBook, actions: Container[Action], tuning: Tuning
) -> bool:
    """Whether the run may be requeued while it runs: its memory need not be predicted with caution.

    ``actions`` are what the launcher of a queued run supports; an active one says so itself.
    """
    able = Action.REQUEUE in (run.actions if isinstance(run, ActiveRun) else actions)
    if not able or run.preempted >= tuning.preempted_at_most:
        return False
    policy = book.policy(run.work.policy)
    return policy.opportunity or book.tiers[book.rank(policy.tier)].preemption == "requeue"


def _confidence(policy: Policy) -> float:
    return policy.objective.confidence if policy.objective else 0.9


def _evidence(learned: Estimate | None) -> float:
    """How many runs of the kind itself are behind what was learned."""
    return learned.runs if learned and learned.source is Source.OWN else 0.0
