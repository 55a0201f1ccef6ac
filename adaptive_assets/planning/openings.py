"""What is open to the run whose turn it is: which mode there is room for, and whom it would delay."""

from collections.abc import Sequence
from math import inf
from typing import Final

from adaptive_assets.planning import explanation
from adaptive_assets.planning.capacity import Capacity
from adaptive_assets.planning.composition import in_sequence
from adaptive_assets.planning.deadline import Deadline
from adaptive_assets.planning.decisions import Reason, ReasonCode
from adaptive_assets.planning.degradation import Ladder, Squeeze, Step, ways_to_do_less
from adaptive_assets.planning.node_capacity import NodeCapacity
from adaptive_assets.planning.preemption import Blocked
from adaptive_assets.planning.requests import ResourceRequests
from adaptive_assets.planning.reservations import MOST, Reservations
from adaptive_assets.planning.resource_request import FULL, ResourceRequest
from adaptive_assets.planning.starvation import is_overdue
from adaptive_assets.planning.triage import RunGroup
from adaptive_assets.planning.turn import Turn
from adaptive_assets.policy import PolicyBook

__all__ = ["IDLE", "TRICKLE_S", "Openings"]

TRICKLE_S: Final = 120.0
"""After so long, the head of the line no longer waits for strangers who keep the machine busy while our own
work uses no more of it than a single run may insist on. It goes if it lacks only CPU or calm: strangers slow
our work down, and never to none."""

FORCEABLE: Final = frozenset((ReasonCode.CPU, ReasonCode.MEMORY, ReasonCode.ADAPTIVE_CONCURRENCY))
"""What may be lacking where a run goes because it would be late if it waited."""

IDLE: Final = 0.25
"""The share of the guarded machine that work ahead leaves free for real work."""


class Openings:
    """Answers for one plan; room, reservations and ``blocked`` change between the turns of runs."""

    def __init__(
        self,
        at: float,
        book: PolicyBook,
        requests: ResourceRequests,
        capacity: Capacity,
        squeeze: Squeeze,
        reservations: Reservations,
        blocked: Sequence[Blocked],
    ) -> None:
        self._at = at
        self._book = book
        self._requests = requests
        self._capacity = capacity
        self._squeeze = squeeze
        self._reservations = reservations
        self._blocked = blocked

    def turn(self, group: RunGroup) -> Turn:
        """The first run of ``group``, and what is in its way."""
        run = group.runs[group.next]
        lacks = self.lacks(group)
        behind = () if lacks else self._behind(group, group.full)
        strangers = not self._blocked and self._capacity.trickles(group.full)
        return Turn(
            group,
            run,
            Deadline.of(group.policy, run),
            self._at,
            lacks=lacks,
            behind=behind,
            trickles=strangers and self._at - run.submitted_at >= TRICKLE_S,
        )

    def lacks(self, group: RunGroup) -> tuple[Reason, ...]:
        """What is missing for full mode; where the whole machine is too small, that alone."""
        never = self._capacity.never_fits(group.full, group.mode)
        return (never,) if never else self._capacity.lacks(group.full, group.rank, group.mode, group.most)

    def in_turn(self, turn: Turn) -> Step | None:
        """The stages one after another, with what is in the way of that, where full mode cannot go now."""
        group = turn.group
        if not group.work.composable or group.only_rungs or group.mode != FULL or turn.full_is_open:
            return None
        way = in_sequence(group.policy, group.work)
        if way is None or turn.never_fits:
            return None
        request = self._requests.of_run(turn.run, way.mode)
        lacks = self._capacity.lacks(request, group.rank, way.mode, group.most)
        return Step(way, request, lacks or self._behind(group, request))

    def ladder(self, turn: Turn) -> Ladder | None:
        """The ways to do less, if the run would now take one."""
        group = turn.group
        if not group.rungs and not group.essentials:
            return None
        ways = ways_to_do_less(turn, impatient=self._is_impatient(turn))
        if not ways:
            return None
        return Ladder(
            [(way, self._requests.of_run(turn.run, way.mode)) for way in ways],
            group.rank,
            self._capacity,
            lambda request: next(iter(self._delays(request, group.rank, above=group.rank)), None),
        )

    def step(self, turn: Turn, ladder: Ladder) -> Step | None:
        """The way to do less that it takes; none where that would be late too, and there is room for all."""
        step = ladder.step(
            turn.deadline,
            self._at,
            patient=not (turn.trickles and turn.pressed),
            may_force=lambda request: self._squeeze.allows(turn.group.rank, request),
        )
        if step and turn.full_is_open and not turn.deadline.met_by(step.request, self._at):
            return None
        return step

    def must_share(self, turn: Turn) -> bool:
        """Whether it goes although there is no room for it, because it would be late if it waited for that.

        To share the CPU slows everyone down a little, and a tier's promises come before that; memory must
        suffice on average. A policy that has rungs has said what it would rather do.
        """
        group, deadline = turn.group, turn.deadline
        lacking = {reason.code for reason in turn.lacks}
        if deadline.deadline_at is None or group.rungs or group.essentials or group.only_rungs:
            return False
        if group.policy.opportunity:
            return False
        if not lacking or not lacking <= FORCEABLE:
            return False
        if len(self._blocked) >= MOST or not deadline.met_by(group.typical, self._at):
            return False
        if not self._shared(group):
            return False
        waits = self._reservations.soonest(group.work, group.policy.tier, group.rank, group.full, group.most)
        return not deadline.met_by(group.full, waits.start)

    def good(self, turn: Turn, request: ResourceRequest) -> list[NodeCapacity]:
        """Of several machines those to place it on: where it may share, or has memory and delays nobody."""
        group, nodes = turn.group, self._capacity.nodes
        if turn.lacks and request is group.full:
            if shared := self._shared(group):
                return shared
        elif group.policy.opportunity:
            nodes = self._idle(group, request) or nodes
        roomy = [node for node in nodes if node.more_memory(request) <= node.free_memory()]
        return [node for node in roomy if not self._reservations.delayed(request, group.rank, node)] or roomy

    def _behind(self, group: RunGroup, request: ResourceRequest) -> tuple[Reason, ...]:
        """Why it may not go although there is room for ``request``, if so."""
        if group.policy.opportunity and (self._blocked or not self._idle(group, request)):
            return (explanation.not_idle(request, IDLE),)
        if not self._reservations.held:
            return ()
        return self._delays(request, group.rank, group.most)

    def _idle(self, group: RunGroup, request: ResourceRequest) -> list[NodeCapacity]:
        """The machines that stay idle enough for others if work ahead takes what it needs."""
        return [
            node
            for node in self._capacity.affordable(group.most)
            if node.machine is not None
            and node.free_cpu(group.rank) - node.insists_on(request) >= IDLE * node.cpu_ceiling
            and node.free_memory() - node.more_memory(request) >= IDLE * node.memory_ceiling
        ]

    def _shared(self, group: RunGroup) -> list[NodeCapacity]:
        """The machines on which it may share, and delays nobody of a higher tier."""
        nodes = self._capacity.shared_by(group.full, group.rank, group.most)
        rank = group.rank
        return [node for node in nodes if not self._reservations.delayed(group.full, rank, node, rank)]

    def _delays(
        self, request: ResourceRequest, rank: int, most: float = inf, above: int | None = None
    ) -> tuple[Reason, ...]:
        """The reservation that a run would delay, on whichever machine it were placed."""
        delayed = None
        for node in self._capacity.open_to(request, rank, most):
            delayed = self._reservations.delayed(request, rank, node, above)
            if delayed is None:
                return ()
        return (delayed.reason(self._at),) if delayed else ()

    def _is_impatient(self, turn: Turn) -> bool:
        """Whether it has waited for room for so long that it would rather leave something out."""
        able = turn.group.work.composable and not turn.full_is_open
        return able and is_overdue(turn.group, turn.run, self._at, self._book)
