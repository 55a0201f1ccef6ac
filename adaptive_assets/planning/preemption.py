"""Preemption: which active runs give way to a blocked one, and how."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import floor
from typing import Final

from adaptive_assets.planning.capacity import Capacity
from adaptive_assets.planning.deadline import Deadline
from adaptive_assets.planning.decisions import Reason, ReasonCode, Verdict
from adaptive_assets.planning.expected_completions import LEAVING_S, ends_at
from adaptive_assets.planning.node_capacity import SETTLING_S, SLIVER, NodeCapacity
from adaptive_assets.planning.preemption_candidates import MOST_TIMES
from adaptive_assets.planning.preemption_cost import core_seconds_lost, enough, price_of_leaving
from adaptive_assets.planning.ranks import rank_of
from adaptive_assets.planning.requests import ResourceRequests
from adaptive_assets.planning.reservations import Reservation
from adaptive_assets.planning.resource_request import ResourceRequest
from adaptive_assets.planning.snapshot import Action, ActiveRun, RunState, Snapshot, Work
from adaptive_assets.planning.wording import cores, seconds, size
from adaptive_assets.policy import Policy, PolicyBook, Tier

__all__ = ["HEADS", "HOLD_S", "WORTH_S", "Blocked", "Move", "Preemption"]

HOLD_S: Final = 60.0
"""A run whose state was changed stays as it is for so long: room that comes and goes must not shake it."""

WORTH_S: Final = 60.0
"""Without a deadline that it can keep, it must expect to wait longer than this before another run loses its
progress for it."""

LOSS_AT_LEAST: Final = 1000.0
"""Core-seconds of progress that a requeue may waste, beside as much as the run takes that it is for."""

HEADS: Final = 8
"""For so many blocked runs at once."""

HARSHNESS: Final = {"renice": 0, "suspend": 1, "requeue": 2}
ACTIONS: Final = {Action.RENICE: 0, Action.SUSPEND: 1, Action.REQUEUE: 2}
VERDICTS: Final = {
    Action.RENICE: Verdict.SLOW,
    Action.SUSPEND: Verdict.SUSPEND,
    Action.REQUEUE: Verdict.REQUEUE,
}


@dataclass(frozen=True, slots=True)
class Blocked:
    """A run that waits for room, with the reservation it was given."""

    work: Work
    policy: Policy
    rank: int
    request: ResourceRequest
    deadline: Deadline
    reservation: Reservation
    most: float
    """The price that it pays for a core."""

    @property
    def typical(self) -> ResourceRequest:
        """Its demand, if it takes its median."""
        return replace(self.request, duration=self.request.median)


@dataclass(frozen=True, slots=True)
class Move:
    """What an active run is told to do, and why."""

    verdict: Verdict
    reason: Reason


@dataclass(frozen=True, slots=True)
class _Victim:
    """A run that may be acted upon; ``lost`` is the progress, in core-seconds, that a requeue would waste."""

    run: ActiveRun
    rank: int
    action: Action
    cpu: float
    memory: float
    lost: float
    promised: bool

    @property
    def cost(self) -> tuple[bool, int, float]:
        """The least first: no deadline, the lowest tier, and little lost for what is freed."""
        return (self.promised, -self.rank, price_of_leaving(self.run, self.lost, self.memory))


@dataclass(frozen=True, slots=True)
class _Known:
    """What matters of a run that may be acted upon, whoever it is for.

    ``allowed`` is the hardest action that its tier puts up with; ``lost`` is what a requeue would waste.
    """

    run: ActiveRun
    policy: Policy
    rank: int
    allowed: int
    held: bool
    cpu: float
    memory: float
    lost: float
    promised: bool


@dataclass(slots=True)
class _Balance:
    """What a machine has free, and what is on its way to be, less what blocked runs before need of it."""

    cpu: float
    memory: float
    slots: float

    @property
    def nothing(self) -> bool:
        """As what is short: whether nothing is."""
        return self.cpu <= SLIVER and self.memory <= 0 and self.slots <= 0


class Preemption:
    """The moves of one plan. What is freed is counted by the next plan, when it is free."""

    def __init__(
        self, snapshot: Snapshot, book: PolicyBook, requests: ResourceRequests, capacity: Capacity
    ) -> None:
        self._at = snapshot.at
        self._book = book
        self._requests = requests
        self._capacity = capacity
        self._able = [run for run in snapshot.active if run.actions and run.state is not RunState.LEAVING]
        self._leaving = [run for run in snapshot.active if run.state is RunState.LEAVING]
        # suspended a moment ago: the readings still show what they used
        self._stopped = [
            run
            for run in snapshot.active
            if run.state is RunState.SUSPENDED and 0 <= self._at - (run.acted_at or 0.0) < SETTLING_S
        ]
        self._on: defaultdict[str, list[_Known]] = defaultdict(list)
        self.moves: dict[str, Move] = {}

    def make_way(self, blocked: Sequence[Blocked], forced: Sequence[Blocked]) -> None:
        """Find moves for the first of ``blocked``; mild ones where CPU is short, requeues where memory is.

        For those that are ``forced``, and go although CPU is short, others are slowed down.
        """
        blocked = blocked[:HEADS]
        if blocked or forced:
            self._describe_those_below([*blocked, *forced])
        if not self._on:
            return
        self._free_room(blocked)
        self._calm(forced)

    def _free_room(self, blocked: Sequence[Blocked]) -> None:
        balances = {node.name: self._balance(node) for node in self._capacity.nodes}
        for each in blocked:
            reserved = self._capacity.node_of(each.reservation.node)
            for node in sorted(self._capacity.affordable(each.most), key=lambda node: node is not reserved):
                short = self._short(each, node, balances[node.name])
                if short.nothing:
                    reserved = node  # what is on its way to be free will do
                    break
                if victims := self._victims(each, node, short):
                    self._move(each, victims, short, balances[node.name])
                    reserved = node
                    break
            if reserved is not None:
                balance = balances[reserved.name]
                balance.cpu -= reserved.insists_on(each.request)
                balance.memory -= reserved.more_memory(each.request)
                balance.slots -= 1

    def _calm(self, forced: Sequence[Blocked]) -> None:
        """Slow down; the machine of each is the one that is reserved."""
        for each in forced:
            node = self._capacity.node_of(each.reservation.node)
            if node is None:
                continue
            lacking = -node.free_cpu(each.rank)
            for victim in sorted(self._candidates(each, node, Action.RENICE), key=lambda victim: victim.cost):
                if lacking <= SLIVER:
                    break
                reason = self._reason(each, victim, _Balance(lacking, 0.0, 0.0))
                self.moves[victim.run.run_id] = Move(Verdict.SLOW, reason)
                lacking -= victim.cpu

    def _describe_those_below(self, blocked: Sequence[Blocked]) -> None:
        """Look at the active runs that one of ``blocked`` may preempt; where there are none, at nothing."""
        preempted = {tier for each in blocked for tier in self._tier(each.policy).preempts}
        for run in self._able:
            policy = self._book.policy(run.work.policy)
            if policy.tier not in preempted and not policy.opportunity:
                continue
            node = self._capacity.node_of(run.node)
            if node is not None and (known := self._describe(run, policy)) is not None:
                self._on[node.name].append(known)

    def _short(self, blocked: Blocked, node: NodeCapacity, balance: _Balance) -> _Balance:
        """What a blocked run lacks on ``node`` beside what is on its way to be free."""
        yielding = node.free_cpu(blocked.rank) - node.free_cpu(len(self._book.tiers))
        return _Balance(
            node.insists_on(blocked.request) - balance.cpu - yielding,
            node.more_memory(blocked.request) - balance.memory,
            1 - balance.slots,
        )

    def _move(self, blocked: Blocked, victims: Sequence[_Victim], short: _Balance, balance: _Balance) -> None:
        for victim in victims:
            reason = self._reason(blocked, victim, short)
            self.moves[victim.run.run_id] = Move(VERDICTS[victim.action], reason)
            balance.cpu += victim.cpu
            if victim.action is Action.REQUEUE:
                balance.memory += victim.memory
                balance.slots += 1

    def _balance(self, node: NodeCapacity) -> _Balance:
        limits = [limit for limit in (self._capacity.run_limit, self._capacity.pace) if limit is not None]
        leaving = [run for run in self._leaving if self._capacity.node_of(run.node) is node]
        stopped = [run for run in self._stopped if self._capacity.node_of(run.node) is node]
        return _Balance(
            node.free_cpu(len(self._book.tiers)) + sum(self._cpu(run) for run in (*leaving, *stopped)),
            node.free_memory() + sum(self._memory(run) for run in leaving),
            floor(min(limits)) - self._capacity.runs + len(leaving) if limits else float("inf"),
        )

    def _victims(self, blocked: Blocked, node: NodeCapacity, short: _Balance) -> list[_Victim]:
        """The cheapest runs that make up for what is short; nobody where even all would not."""
        only_cpu = short.memory <= 0 and short.slots <= 0
        actions = (Action.RENICE, Action.SUSPEND, Action.REQUEUE) if only_cpu else (Action.REQUEUE,)
        for hardest in actions:
            candidates = sorted(self._candidates(blocked, node, hardest), key=lambda victim: victim.cost)
            if chosen := enough(candidates, _frees, (short.cpu, short.memory, short.slots)):
                return chosen
        return []

    def _candidates(self, blocked: Blocked, node: NodeCapacity, hardest: Action) -> Iterator[_Victim]:
        preempts = self._tier(blocked.policy).preempts
        for known in self._on.get(node.name, ()):
            run, policy = known.run, known.policy
            if policy.opportunity and not blocked.policy.opportunity:
                allowed = HARSHNESS["requeue"]
            elif policy.tier in preempts and run.preempted < MOST_TIMES and not known.held:
                allowed = known.allowed
            else:
                continue
            action = None if run.run_id in self.moves else _action(run, allowed, hardest)
            if action is None:
                continue
            lost = known.lost if action is Action.REQUEUE else 0.0
            if self._worth(blocked, policy, action, lost):
                yield _Victim(run, known.rank, action, known.cpu, known.memory, lost, known.promised)

    def _describe(self, run: ActiveRun, policy: Policy) -> _Known | None:
        """What matters of an active run, whoever is blocked; ``None`` if it is sooner done than gone."""
        request = self._requests.of_run(run, run.mode)
        if run.state is RunState.RUNNING and ends_at(run, request, self._at) - self._at <= LEAVING_S:
            return None
        changed = run.acted_at if run.acted_at is not None or not run.preempted else run.launched_at
        return _Known(
            run,
            policy,
            rank_of(policy, self._book),
            HARSHNESS[self._tier(policy).preemption or "renice"],
            held=changed is not None and 0 <= self._at - changed < HOLD_S,
            cpu=0.0 if run.state is RunState.SUSPENDED else self._cpu(run),
            memory=self._memory(run),
            lost=core_seconds_lost(run, request, self._at),
            promised=bool(run.deadline_at or (policy.objective and policy.objective.deadline)),
        )

    def _worth(self, blocked: Blocked, policy: Policy, action: Action, lost: float) -> bool:
        """Whether to wait instead would cost more."""
        waits = blocked.reservation.start - self._at
        if policy.opportunity or action is not Action.REQUEUE:
            return waits > LEAVING_S
        if lost > LOSS_AT_LEAST + blocked.request.cpu * blocked.request.median:
            return False
        if blocked.deadline.deadline_at is None or not blocked.deadline.met_by(blocked.typical, self._at):
            return waits > WORTH_S
        kept_now = blocked.deadline.met_by(blocked.typical, self._at + LEAVING_S)
        return kept_now and not blocked.deadline.met_by(blocked.request, blocked.reservation.start)

    def _tier(self, policy: Policy) -> Tier:
        return self._book.tiers[self._book.rank(policy.tier)]

    def _memory(self, run: ActiveRun) -> float:
        return max(self._requests.of_run(run, run.mode).memory, run.memory_used or 0)

    def _cpu(self, run: ActiveRun) -> float:
        return self._requests.of_run(run, run.mode).cpu if run.cpu_used is None else run.cpu_used

    def _reason(self, blocked: Blocked, victim: _Victim, short: _Balance) -> Reason:
        missing = [
            words
            for lacking, words in (
                (short.cpu > 0, cores(short.cpu)),
                (short.memory > 0, size(short.memory)),
                (short.slots > 0, "a place among the runs at once"),
            )
            if lacking
        ]
        deadline = blocked.deadline.deadline_at
        due = "" if deadline is None else f" and is due in {seconds(deadline - self._at)}"
        lost = f"; {seconds(victim.lost)} of CPU time are lost" if victim.action is Action.REQUEUE else ""
        return Reason(
            ReasonCode.GIVES_WAY,
            f"gives way to `{blocked.work.name}` ({blocked.policy.tier}), which lacks"
            f" {' and '.join(missing)}{due}{lost}",
            {
                "to": blocked.work.name,
                "tier": blocked.policy.tier,
                "cpu": victim.cpu,
                "memory": victim.memory,
                "lost_core_s": victim.lost,
                "preempted": victim.run.preempted,
            },
        )


def _action(run: ActiveRun, allowed: int, hardest: Action) -> Action | None:
    """The mildest action that helps and is allowed, if one is; ``hardest`` is the worst that is tried."""
    for action in run.actions:
        usable = ACTIONS[action] <= min(allowed, ACTIONS[hardest])
        done = (run.slowed and action is Action.RENICE) or (
            run.state is RunState.SUSPENDED and action is not Action.REQUEUE
        )
        if usable and not done and (hardest is not Action.REQUEUE or action is Action.REQUEUE):
            return action
    return None


def _frees(victim: _Victim) -> tuple[float, float, float]:
    """Cores, bytes and places among the runs at once."""
    gone = victim.action is Action.REQUEUE
    return (victim.cpu, victim.memory if gone else 0.0, float(gone))
