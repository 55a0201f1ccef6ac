"""Runs that gave way: when they go on."""

from collections.abc import Iterable
from dataclasses import replace
from math import isfinite
from typing import Final

from adaptive_assets.planning.capacity import Capacity
from adaptive_assets.planning.decisions import Reason, ReasonCode, Verdict
from adaptive_assets.planning.expected_completions import ends_at
from adaptive_assets.planning.preemption import HOLD_S, Move
from adaptive_assets.planning.ranks import rank_of
from adaptive_assets.planning.requests import ResourceRequests
from adaptive_assets.planning.reservations import Reservation, Reservations
from adaptive_assets.planning.snapshot import Action, ActiveRun, RunState, Snapshot
from adaptive_assets.planning.wording import cores, number, seconds
from adaptive_assets.policy import PolicyBook

__all__ = ["SUSPENDED_AT_MOST_S", "Resumption"]

SUSPENDED_AT_MOST_S: Final = 900.0
"""After so long what gave way goes on, whether there is room or not: it holds its memory anyway. Work ahead
has no such claim: it leaves, where it can be requeued, and else goes on when nobody waits any more."""


class Resumption:
    """The suspended and slowed runs of one snapshot, each of which goes on as soon as there is CPU for it."""

    def __init__(
        self,
        snapshot: Snapshot,
        book: PolicyBook,
        requests: ResourceRequests,
        capacity: Capacity,
        reservations: Reservations,
    ) -> None:
        self._at = snapshot.at
        self._book = book
        self._requests = requests
        self._capacity = capacity
        self._reservations = reservations
        gave_way = [run for run in snapshot.active if _may_go_on(run)]
        self._waiting = sorted(gave_way, key=lambda run: (self.rank(run), run.acted_at or 0.0, run.run_id))
        self.moves: dict[str, Move] = {}

    def rank(self, run: ActiveRun) -> int:
        """The place of the run's tier."""
        return rank_of(self._book.policy(run.work.policy), self._book)

    def go_on(self, before: float) -> None:
        """Let runs of tiers up to ``before`` go on that delay no reservation, the highest tier first."""
        if self._reservations.held:
            self._leave_stopped(self._reservations.held[0])
        for run in self._ready(before):
            node = self._capacity.node_of(run.node)
            if node is None:
                continue  # its machine is silent: it cannot be told
            overdue = self._at - (run.acted_at or self._at) >= SUSPENDED_AT_MOST_S
            request = self._requests.of_run(run, run.mode)
            suspended = run.state is RunState.SUSPENDED
            wants = node.insists_on(request) if suspended else min(request.cpu, node.cpu_ceiling)
            needs = max(0.0, wants - (run.cpu_used or 0.0))  # one that was slowed down uses what is left over
            free = node.free_cpu(len(self._book.tiers))
            left = replace(request, memory=0, duration=ends_at(run, request, self._at) - self._at)
            in_the_way = self._reservations.delayed(left, self.rank(run), node)
            if not overdue and (needs > free or node.strained or in_the_way):
                continue
            node.let_go_on(min(request.cpu, node.cpu_ceiling) if suspended else needs)
            self.moves[run.run_id] = Move(Verdict.RESUME, self._reason(run, needs, free, overdue=overdue))

    def _leave_stopped(self, first: Reservation) -> None:
        """Somebody waits for room: work ahead stays as it is, and leaves if it was suspended too long ago."""
        ahead = [run for run in self._waiting if self.rank(run) >= len(self._book.tiers)]
        self._waiting = self._waiting[: len(self._waiting) - len(ahead)]
        for run in ahead:
            waited = self._at - (run.acted_at or self._at)
            able = run.state is RunState.SUSPENDED and Action.REQUEUE in run.actions
            if able and waited >= SUSPENDED_AT_MOST_S and self._capacity.node_of(run.node):
                reason = Reason(
                    ReasonCode.GIVES_WAY,
                    f"leaves: it is work ahead, was suspended {seconds(waited)} ago,"
                    f" and `{first.work.name}` ({first.tier}) waits for room",
                    {"to": first.work.name, "tier": first.tier, "waited_s": waited},
                )
                self.moves[run.run_id] = Move(Verdict.REQUEUE, reason)

    def _ready(self, before: float) -> Iterable[ActiveRun]:
        while self._waiting and self.rank(self._waiting[0]) <= before:
            run = self._waiting.pop(0)
            if run.acted_at is None or not 0 <= self._at - run.acted_at < HOLD_S:
                yield run

    def _reason(self, run: ActiveRun, needs: float, free: float, *, overdue: bool) -> Reason:
        waited = self._at - (run.acted_at or self._at)
        why = (
            f"it gave way {seconds(waited)} ago, and nothing gives way for longer than"
            f" {seconds(SUSPENDED_AT_MOST_S)}"
            if overdue
            else f"it needs {cores(needs)}, and {number(max(0.0, free), at_most=True)} is free again"
            if isfinite(free)
            else "nothing is known of the machine that would be against it"
        )
        known = {"free": free} if isfinite(free) else {}
        return Reason(
            ReasonCode.CAPACITY_AGAIN, f"goes on: {why}", {"needs": needs, **known, "waited_s": waited}
        )


def _may_go_on(run: ActiveRun) -> bool:
    if run.state is RunState.SUSPENDED:
        return Action.SUSPEND in run.actions
    return run.slowed and run.state is RunState.RUNNING and Action.RENICE in run.actions
