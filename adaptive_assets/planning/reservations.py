"""Reserved starts: when blocked runs will start, so that none is starved by work that is let past it.

This is EASY backfilling (Lifka, "The ANL/IBM SP scheduling system", 1995) with several reservations instead
of one: work behind a blocked run may go if it ends before the reserved start, or if it takes only what will
be left over then.
"""

from dataclasses import dataclass
from math import inf, isinf

from adaptive_assets.planning.capacity import Capacity
from adaptive_assets.planning.expected_completions import ExpectedCompletion, expected_completions
from adaptive_assets.planning.node_capacity import SLIVER, NodeCapacity
from adaptive_assets.planning.reasons import Reason, ReasonCode
from adaptive_assets.planning.requests import ResourceRequests
from adaptive_assets.planning.resource_request import ResourceRequest
from adaptive_assets.planning.snapshot import Snapshot, Work
from adaptive_assets.planning.tuning import Tuning
from adaptive_assets.policy import PolicyBook


@dataclass(slots=True)
class Reservation:
    """A blocked run is expected to start on ``node`` at ``start`` (infinite: nothing of ours is in its way).

    It takes ``takes_cpu`` and ``takes_memory``; ``cpu``, ``memory`` and ``slots`` are what will be left over
    then.  ``rank`` is the place of its tier, which says who yields the CPU to it.  One that goes ``first``
    goes before all tiers.  A ``strict`` one lets nobody past.
    """

    work: Work
    tier: str
    rank: int
    node: str
    start: float
    takes_cpu: float
    takes_memory: float
    cpu: float
    memory: float
    slots: float
    first: bool = False
    strict: bool = False

    def delayed_by(self, request: ResourceRequest, cpu: float, end: float) -> bool:
        """Whether a run that counts with ``cpu`` cores and ends at ``end`` is in its way."""
        if self.strict:
            return True
        if end <= self.start:
            return False
        return cpu > self.cpu + SLIVER or request.memory > self.memory or self.slots < 1

    def reason(self, at: float) -> Reason:
        """Why a run that would fit waits behind this one."""
        starts_in_s = None if isinf(self.start) else self.start - at
        numbers = {"behind": self.work.name, "tier": self.tier, "starts_in_s": starts_in_s}
        return Reason(ReasonCode.BEHIND, numbers)


class Reservations:
    """The reserved starts of one plan, and what active and admitted runs are expected to give back."""

    def __init__(
        self,
        snapshot: Snapshot,
        book: PolicyBook,
        requests: ResourceRequests,
        capacity: Capacity,
        tuning: Tuning,
    ) -> None:
        self._snapshot = snapshot
        self._book = book
        self._requests = requests
        self._capacity = capacity
        self._tuning = tuning
        self._at = snapshot.at
        self._active: list[ExpectedCompletion] | None = None
        self._admitted: list[ExpectedCompletion] = []
        self._completions: list[ExpectedCompletion] | None = None
        """All of them, the soonest first, since a run was last admitted."""
        self.held: list[Reservation] = []

    def admitted(self, request: ResourceRequest, rank: int, node: NodeCapacity | None) -> None:
        """Count a run that goes now: it takes from what reservations leave over, or ends before them."""
        name = node.name if node else ""
        end = self.end(request)
        cpu = node.expects_of(request.cpu) if node else request.cpu
        self._admitted.append(ExpectedCompletion(end, name, rank, request.cpu, request.memory))
        self._completions = None
        for reservation in self.held:
            if end > reservation.start:
                reservation.slots -= 1
                if reservation.node == name:
                    if node is None or not node.is_yielding(rank, reservation.rank):
                        reservation.cpu -= cpu
                    reservation.memory -= request.memory

    def end(self, request: ResourceRequest) -> float:
        """When a run that is launched now has surely ended."""
        return self._at + self._tuning.launch_s + request.duration

    def delayed(
        self, request: ResourceRequest, rank: int, node: NodeCapacity, above: int | None = None
    ) -> Reservation | None:
        """The first reservation, of a tier before ``above``, that a run of the tier at ``rank`` delays.

        It would be on ``node``, and takes no CPU from whom it yields to.
        """
        end, cpu = self.end(request), node.expects_of(request.cpu)
        for reservation in self.held:
            if above is not None and reservation.rank >= above and not reservation.first:
                continue
            elsewhere = reservation.node != node.name and reservation.slots >= 1 and not reservation.strict
            takes = 0.0 if node.is_yielding(rank, reservation.rank) else cpu
            if not elsewhere and reservation.delayed_by(request, takes, end):
                return reservation
        return None

    def reserve(
        self,
        work: Work,
        tier: str,
        rank: int,
        request: ResourceRequest,
        most: float,
        *,
        first: bool,
        strict: bool,
    ) -> Reservation:
        """Keep the soonest start of a blocked run, if not too many are kept already.

        ``first`` says that it goes before all tiers.  ``strict`` says what to do where nothing of ours is in
        its way: then nobody may pass.
        """
        found = self.soonest(work, tier, rank, request, most)
        found.first, found.strict = first, strict and isinf(found.start)
        if len(self.held) < self._tuning.reserved_starts:
            self.held.append(found)
        return found

    def soonest(self, work: Work, tier: str, rank: int, request: ResourceRequest, most: float) -> Reservation:
        """The soonest start of a blocked run, on a machine for which it pays no more than ``most``."""
        return min(
            (self._soonest(work, tier, rank, request, node) for node in self._capacity.affordable(most)),
            key=lambda reservation: reservation.start,
            default=Reservation(work, tier, rank, "", inf, 0.0, 0.0, inf, inf, inf),
        )

    def _soonest(
        self, work: Work, tier: str, rank: int, request: ResourceRequest, node: NodeCapacity
    ) -> Reservation:
        """On ``node``, and not before the reservations made already: those are of runs before it."""
        before = [each for each in self.held if not isinf(each.start)]
        here = [each for each in before if each.node == node.name]
        needs_cpu, needs_memory = node.insists_on(request), node.more_memory(request)
        cpu = node.free_cpu(rank) - needs_cpu
        cpu -= sum(each.takes_cpu for each in here if not node.is_yielding(each.rank, rank))
        slots = self._free_slots() - 1 - len(before)
        start = max((each.start for each in here), default=self._at)
        memory = node.free_memory() - needs_memory - sum(each.takes_memory for each in here)
        if node.strained:
            return Reservation(work, tier, rank, node.name, inf, needs_cpu, needs_memory, inf, inf, inf)
        for completion in (*self._all(), None):
            if completion is None or completion.at > start:
                if cpu >= -SLIVER and memory >= 0 and slots >= 0:
                    return Reservation(
                        work, tier, rank, node.name, start, needs_cpu, needs_memory, cpu, memory, slots
                    )
                if completion is None:
                    break
                start = completion.at
            slots += 1
            if self._capacity.node_of(completion.node) is node:
                if not node.is_yielding(completion.rank, rank):
                    cpu += node.expects_of(completion.cpu)
                memory += completion.memory
        return Reservation(work, tier, rank, node.name, inf, needs_cpu, needs_memory, inf, inf, inf)

    def _free_slots(self) -> float:
        limit = self._capacity.run_limit
        return inf if limit is None else limit - self._capacity.runs

    def _all(self) -> list[ExpectedCompletion]:
        if self._completions is None:
            if self._active is None:
                self._active = expected_completions(self._snapshot, self._book, self._requests, self._tuning)
            self._completions = sorted([*self._active, *self._admitted], key=lambda each: each.at)
        return self._completions
