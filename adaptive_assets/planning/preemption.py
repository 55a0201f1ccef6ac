"""Preemption: which active runs give way to a blocked one, and how."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import floor
from typing import Final

from adaptive_assets.planning.demand import Demand
from adaptive_assets.planning.demands import Demands
from adaptive_assets.planning.evictable import MOST_TIMES
from adaptive_assets.planning.host import SETTLING_S, SLIVER, Host
from adaptive_assets.planning.promise import Promise
from adaptive_assets.planning.ranks import rank_of
from adaptive_assets.planning.releases import LEAVING_S, ends_at
from adaptive_assets.planning.reservations import Reservation
from adaptive_assets.planning.room import Room
from adaptive_assets.planning.snapshot import Action, ActiveRun, RunState, Snapshot, Work
from adaptive_assets.planning.verdicts import Reason, ReasonCode, Verdict
from adaptive_assets.planning.victims import core_seconds_lost, enough, price_of_leaving
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
    demand: Demand
    promise: Promise
    reservation: Reservation
    most: float
    """The price that it pays for a core."""

    @property
    def typical(self) -> Demand:
        """Its demand, if it takes its median."""
        return replace(self.demand, duration=self.demand.median)


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

    def __init__(self, snapshot: Snapshot, book: PolicyBook, demands: Demands, room: Room) -> None:
        self._at = snapshot.at
        self._book = book
        self._demands = demands
        self._room = room
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
        balances = {host.name: self._balance(host) for host in self._room.hosts}
        for each in blocked:
            reserved = self._room.host_of(each.reservation.host)
            for host in sorted(self._room.affordable(each.most), key=lambda host: host is not reserved):
                short = self._short(each, host, balances[host.name])
                if short.nothing:
                    reserved = host  # what is on its way to be free will do
                    break
                if victims := self._victims(each, host, short):
                    self._move(each, victims, short, balances[host.name])
                    reserved = host
                    break
            if reserved is not None:
                balance = balances[reserved.name]
                balance.cpu -= reserved.insists_on(each.demand)
                balance.memory -= reserved.more_memory(each.demand)
                balance.slots -= 1

    def _calm(self, forced: Sequence[Blocked]) -> None:
        """Slow down; the machine of each is the one that is reserved."""
        for each in forced:
            host = self._room.host_of(each.reservation.host)
            if host is None:
                continue
            lacking = -host.free_cpu(each.rank)
            for victim in sorted(self._candidates(each, host, Action.RENICE), key=lambda victim: victim.cost):
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
            host = self._room.host_of(run.node)
            if host is not None and (known := self._describe(run, policy)) is not None:
                self._on[host.name].append(known)

    def _short(self, blocked: Blocked, host: Host, balance: _Balance) -> _Balance:
        """What a blocked run lacks on ``host`` beside what is on its way to be free."""
        yielding = host.free_cpu(blocked.rank) - host.free_cpu(len(self._book.tiers))
        return _Balance(
            host.insists_on(blocked.demand) - balance.cpu - yielding,
            host.more_memory(blocked.demand) - balance.memory,
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

    def _balance(self, host: Host) -> _Balance:
        limits = [limit for limit in (self._room.run_limit, self._room.pace) if limit is not None]
        leaving = [run for run in self._leaving if self._room.host_of(run.node) is host]
        stopped = [run for run in self._stopped if self._room.host_of(run.node) is host]
        return _Balance(
            host.free_cpu(len(self._book.tiers)) + sum(self._cpu(run) for run in (*leaving, *stopped)),
            host.free_memory() + sum(self._memory(run) for run in leaving),
            floor(min(limits)) - self._room.runs + len(leaving) if limits else float("inf"),
        )

    def _victims(self, blocked: Blocked, host: Host, short: _Balance) -> list[_Victim]:
        """The cheapest runs that make up for what is short; nobody where even all would not."""
        only_cpu = short.memory <= 0 and short.slots <= 0
        actions = (Action.RENICE, Action.SUSPEND, Action.REQUEUE) if only_cpu else (Action.REQUEUE,)
        for hardest in actions:
            candidates = sorted(self._candidates(blocked, host, hardest), key=lambda victim: victim.cost)
            if chosen := enough(candidates, _frees, (short.cpu, short.memory, short.slots)):
                return chosen
        return []

    def _candidates(self, blocked: Blocked, host: Host, hardest: Action) -> Iterator[_Victim]:
        preempts = self._tier(blocked.policy).preempts
        for known in self._on.get(host.name, ()):
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
        demand = self._demands.of_run(run, run.mode)
        if run.state is RunState.RUNNING and ends_at(run, demand, self._at) - self._at <= LEAVING_S:
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
            lost=core_seconds_lost(run, demand, self._at),
            promised=bool(run.deadline_at or (policy.objective and policy.objective.deadline)),
        )

    def _worth(self, blocked: Blocked, policy: Policy, action: Action, lost: float) -> bool:
        """Whether to wait instead would cost more."""
        waits = blocked.reservation.start - self._at
        if policy.opportunity or action is not Action.REQUEUE:
            return waits > LEAVING_S
        if lost > LOSS_AT_LEAST + blocked.demand.cpu * blocked.demand.median:
            return False
        if blocked.promise.deadline_at is None or not blocked.promise.met_by(blocked.typical, self._at):
            return waits > WORTH_S
        kept_now = blocked.promise.met_by(blocked.typical, self._at + LEAVING_S)
        return kept_now and not blocked.promise.met_by(blocked.demand, blocked.reservation.start)

    def _tier(self, policy: Policy) -> Tier:
        return self._book.tiers[self._book.rank(policy.tier)]

    def _memory(self, run: ActiveRun) -> float:
        return max(self._demands.of_run(run, run.mode).memory, run.memory_used or 0)

    def _cpu(self, run: ActiveRun) -> float:
        return self._demands.of_run(run, run.mode).cpu if run.cpu_used is None else run.cpu_used

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
        deadline = blocked.promise.deadline_at
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
