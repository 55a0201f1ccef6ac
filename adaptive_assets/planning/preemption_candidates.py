"""Which active runs may give way to a blocked one, by which action, and whether that is worth it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from adaptive_assets.planning.decisions import Verdict
from adaptive_assets.planning.expected_completions import ends_at
from adaptive_assets.planning.node_capacity import NodeCapacity, expected_cpu
from adaptive_assets.planning.plan_state import Blocked, PlanState
from adaptive_assets.planning.preemption_cost import core_seconds_lost, price_of_leaving
from adaptive_assets.planning.ranks import rank_of
from adaptive_assets.planning.snapshot import Action, ActiveRun, RunState
from adaptive_assets.policy import Policy

ACTIONS: Final = {
    Action.SUSPEND: Verdict.SUSPEND,
    Action.REQUEUE: Verdict.REQUEUE,
}
"""What a run is told for each action, the mildest first."""

_HARSHNESS: Final = {action: place for place, action in enumerate(ACTIONS)}


@dataclass(frozen=True, slots=True)
class PreemptionCandidate:
    """A run that may give way; ``lost`` is the progress, in core-seconds, that a requeue would waste."""

    run: ActiveRun
    action: Action
    cpu: float
    memory: float
    lost: float
    cost: tuple[bool, int, float]
    """The least first: no deadline, the lowest tier, and little lost for what is freed."""

    @property
    def frees(self) -> tuple[float, float, float]:
        """Cores, bytes and places among the runs at once."""
        gone = self.action is Action.REQUEUE
        return (self.cpu, self.memory if gone else 0.0, float(gone))


@dataclass(frozen=True, slots=True)
class _Preemptible:
    """What matters of an active run, whoever it would give way to.

    ``allowed`` is the harshest action that its tier puts up with; one that is ``held`` was changed a moment
    ago.
    """

    run: ActiveRun
    policy: Policy
    rank: int
    allowed: int
    held: bool
    cpu: float
    memory: float
    lost: float
    has_deadline: bool


class Candidates:
    """The active runs of one plan that one of ``blocked`` may preempt, by node."""

    def __init__(self, blocked: Iterable[Blocked], state: PlanState) -> None:
        self._state = state
        self._on: defaultdict[str, list[_Preemptible]] = defaultdict(list)
        preempted = {tier for each in blocked for tier in state.tier(each.policy).preempts}
        for run in state.snapshot.active:
            policy = state.book.policy(run.work.policy)
            able = run.actions and run.state is not RunState.LEAVING
            if not able or (policy.tier not in preempted and not policy.opportunity):
                continue
            node = state.capacity.node_of(run.node)
            if node is not None and (found := _preemptible(run, policy, state)) is not None:
                self._on[node.name].append(found)

    def __bool__(self) -> bool:
        return bool(self._on)

    def for_run(self, blocked: Blocked, node: NodeCapacity, harshest: Action) -> list[PreemptionCandidate]:
        """Those on ``node`` that ``blocked`` may preempt by an action up to ``harshest``, the cheapest
        first.
        """
        return sorted(self._worth_it(blocked, node, harshest), key=lambda candidate: candidate.cost)

    def _worth_it(
        self, blocked: Blocked, node: NodeCapacity, harshest: Action
    ) -> Iterator[PreemptionCandidate]:
        state = self._state
        preempts = state.tier(blocked.policy).preempts
        for known in self._on.get(node.name, ()):
            run, policy = known.run, known.policy
            if policy.opportunity and not blocked.policy.opportunity:
                allowed = _HARSHNESS[Action.REQUEUE]
            elif (
                policy.tier in preempts and run.preempted < state.tuning.preempted_at_most and not known.held
            ):
                allowed = known.allowed
            else:
                continue
            action = None if run.run_id in state.moves else _mildest(run, allowed, harshest)
            if action is None:
                continue
            lost = known.lost if action is Action.REQUEUE else 0.0
            if _is_worth_it(blocked, policy, action, lost, state):
                price = price_of_leaving(run, lost, known.memory, state.tuning)
                cost = (known.has_deadline, -known.rank, price)
                # what yields to the blocked run already leaves it no more CPU by going
                cpu = 0.0 if node.is_yielding(known.rank, blocked.rank) else known.cpu
                yield PreemptionCandidate(run, action, cpu, known.memory, lost, cost)


def cpu_of(run: ActiveRun, state: PlanState) -> float:
    """Cores that an active run is expected to use."""
    return expected_cpu(run, state.requests.of_run(run, run.mode))


def memory_of(run: ActiveRun, state: PlanState) -> float:
    """Bytes that an active run holds, or is expected to."""
    return max(state.requests.of_run(run, run.mode).memory, run.memory_used or 0)


def _preemptible(run: ActiveRun, policy: Policy, state: PlanState) -> _Preemptible | None:
    """What matters of an active run; ``None`` if it is sooner done than gone."""
    request, tuning, at = state.requests.of_run(run, run.mode), state.tuning, state.at
    if run.state is RunState.RUNNING and ends_at(run, request, at, tuning) - at <= tuning.leaving_s:
        return None
    changed = run.acted_at if run.acted_at is not None or not run.preempted else run.launched_at
    return _Preemptible(
        run,
        policy,
        rank_of(policy, state.book),
        _allowed(policy, state),
        held=changed is not None and 0 <= at - changed < tuning.hold_s,
        cpu=0.0 if run.state is RunState.SUSPENDED else cpu_of(run, state),
        memory=memory_of(run, state),
        lost=core_seconds_lost(run, request, at),
        has_deadline=bool(run.deadline_at or (policy.objective and policy.objective.deadline)),
    )


def _allowed(policy: Policy, state: PlanState) -> int:
    """The harshest action that its tier puts up with; -1: none."""
    preemption = state.tier(policy).preemption
    return -1 if preemption in (None, "renice") else _HARSHNESS[Action(preemption)]


def _is_worth_it(blocked: Blocked, policy: Policy, action: Action, lost: float, state: PlanState) -> bool:
    """Whether to wait instead would cost more."""
    tuning, at, deadline = state.tuning, state.at, blocked.deadline
    waits = blocked.reservation.start - at
    if policy.opportunity or action is not Action.REQUEUE:
        return waits > tuning.leaving_s
    if lost > tuning.loss_at_least + blocked.request.cpu * blocked.request.median:
        return False
    if deadline.at is None or not deadline.met_by(blocked.typical, at):
        return waits > tuning.worth_s
    kept_now = deadline.met_by(blocked.typical, at + tuning.leaving_s)
    return kept_now and not deadline.met_by(blocked.request, blocked.reservation.start)


def _mildest(run: ActiveRun, allowed: int, harshest: Action) -> Action | None:
    """The mildest action that helps and is allowed, if one is."""
    for action in run.actions:
        usable = _HARSHNESS[action] <= min(allowed, _HARSHNESS[harshest])
        done = run.state is RunState.SUSPENDED and action is not Action.REQUEUE
        if usable and not done and (harshest is not Action.REQUEUE or action is Action.REQUEUE):
            return action
    return None
