"""Reservations: when blocked runs will start, so that none is starved by work that is let past it.

This is EASY backfill (Lifka, "The ANL/IBM SP scheduling system", 1995) with several reservations instead of
one: work behind a blocked run may go if it ends before the reserved start, or if it takes only what will be
left over then.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import floor, inf, isinf
from typing import Final

from adaptive_assets.planning.demand import Demand
from adaptive_assets.planning.host import SLIVER, Host
from adaptive_assets.planning.promise import LAUNCH_S
from adaptive_assets.planning.releases import Release
from adaptive_assets.planning.room import Room
from adaptive_assets.planning.snapshot import Work
from adaptive_assets.planning.verdicts import Reason, ReasonCode
from adaptive_assets.planning.wording import seconds

__all__ = ["MOST", "Reservation", "Reservations"]

MOST: Final = 8
"""Reservations at a time: enough for the heads of all tiers, and few enough to ask each run about all."""


@dataclass(slots=True)
class Reservation:
    """A blocked run is expected to start on ``host`` at ``start`` (infinite: nothing of ours is in its way).

    It takes ``takes_cpu`` and ``takes_memory``; ``cpu``, ``memory`` and ``slots`` are what will be left over
    then.  A ``strict`` one lets nobody past, an ``impatient`` one nobody of lower tiers.
    """

    work: Work
    tier: str
    rank: int
    host: str
    start: float
    takes_cpu: float
    takes_memory: float
    cpu: float
    memory: float
    slots: float
    strict: bool = False
    impatient: bool = False

    def delayed_by(self, demand: Demand, rank: int, cpu: float, end: float) -> bool:
        """Whether a run of a tier's ``rank`` that insists on ``cpu`` and ends at ``end`` is in its way."""
        if self.strict or (self.impatient and rank > self.rank):
            return True
        if end <= self.start:
            return False
        return cpu > self.cpu + SLIVER or demand.memory > self.memory or self.slots < 1

    def reason(self, at: float) -> Reason:
        """Why a run that would fit waits behind this one."""
        if isinf(self.start):
            when = "for which there is no room"
        else:
            when = f"which is to start in {seconds(self.start - at)} and would have to wait longer"
        return Reason(
            ReasonCode.BEHIND,
            f"stands in line behind `{self.work.name}` ({self.tier}), {when}",
            {
                "behind": self.work.name,
                "tier": self.tier,
                "starts_in_s": None if isinf(self.start) else self.start - at,
            },
        )


class Reservations:
    """The reservations of one plan; ``expected`` gives what active runs will release, the soonest first."""

    def __init__(self, room: Room, expected: Callable[[], Iterable[Release]], at: float) -> None:
        self._room = room
        self._expected = expected
        self._at = at
        self._admitted: list[Release] = []
        self._releases: list[Release] | None = None
        self.held: list[Reservation] = []

    def admitted(self, demand: Demand, host: Host | None) -> None:
        """Count a run that goes now: it takes from what reservations leave over, or ends before them."""
        name = host.name if host else ""
        end = self.end(demand)
        cpu = host.insists_on(demand) if host else demand.cpu
        self._admitted.append(Release(end, name, cpu, demand.memory))
        self._releases = None
        for reservation in self.held:
            if end > reservation.start:
                reservation.slots -= 1
                if reservation.host == name:
                    reservation.cpu -= cpu
                    reservation.memory -= demand.memory

    def end(self, demand: Demand) -> float:
        """When a run that is launched now has surely ended."""
        return self._at + LAUNCH_S + demand.duration

    def delayed(self, demand: Demand, rank: int, host: Host, above: int | None = None) -> Reservation | None:
        """The first reservation, of a tier before ``above``, that a run of ``rank`` on ``host`` delays."""
        end, cpu = self.end(demand), host.insists_on(demand)
        for reservation in self.held:
            if above is not None and reservation.rank >= above:
                continue
            elsewhere = reservation.host != host.name and reservation.slots >= 1 and not reservation.strict
            if not elsewhere and reservation.delayed_by(demand, rank, cpu, end):
                return reservation
        return None

    def reserve(
        self,
        work: Work,
        tier: str,
        rank: int,
        demand: Demand,
        most: float,
        *,
        strict: bool,
        impatient: bool = False,
    ) -> Reservation:
        """Keep the soonest start of a blocked run, if not too many are kept already.

        ``strict`` says what to do where nothing of ours is in its way: then nobody may pass. Nobody of lower
        tiers passes an ``impatient`` one.
        """
        found = self.soonest(work, tier, rank, demand, most)
        found.strict = strict and isinf(found.start)
        found.impatient = impatient
        if len(self.held) < MOST:
            self.held.append(found)
        return found

    def now(self, work: Work, tier: str, rank: int, host: Host) -> Reservation:
        """What a run has on ``host`` that goes although there is no room: nothing is left over."""
        return Reservation(work, tier, rank, host.name, inf, 0.0, 0.0, inf, inf, inf)

    def soonest(self, work: Work, tier: str, rank: int, demand: Demand, most: float) -> Reservation:
        """The soonest start of a blocked run, on a machine for which it pays no more than ``most``."""
        return min(
            (self._soonest(work, tier, rank, demand, host) for host in self._room.affordable(most)),
            key=lambda reservation: reservation.start,
            default=Reservation(work, tier, rank, "", inf, 0.0, 0.0, inf, inf, inf),
        )

    def _soonest(self, work: Work, tier: str, rank: int, demand: Demand, host: Host) -> Reservation:
        """On ``host``, and not before the reservations made already: those are of runs before it."""
        before = [each for each in self.held if not isinf(each.start)]
        here = [each for each in before if each.host == host.name]
        needs_cpu, needs_memory = host.insists_on(demand), host.more_memory(demand)
        cpu = host.free_cpu(rank) - needs_cpu - sum(each.takes_cpu for each in here)
        slots = self._free_slots() - 1 - len(before)
        start = max((each.start for each in here), default=self._at)
        memory = host.free_memory() - needs_memory - sum(each.takes_memory for each in here)
        if host.strained:
            return Reservation(work, tier, rank, host.name, inf, needs_cpu, needs_memory, inf, inf, inf)
        for release in (*self._all(), None):
            if release is None or release.at > start:
                if cpu >= -SLIVER and memory >= 0 and slots >= 0:
                    return Reservation(
                        work, tier, rank, host.name, start, needs_cpu, needs_memory, cpu, memory, slots
                    )
                if release is None:
                    break
                start = release.at
            slots += 1
            if self._room.host_of(release.node) is host:
                cpu += release.cpu
                memory += release.memory
        return Reservation(work, tier, rank, host.name, inf, needs_cpu, needs_memory, inf, inf, inf)

    def _free_slots(self) -> float:
        room = self._room
        limits = [limit for limit in (room.run_limit, room.pace and max(1, floor(room.pace))) if limit]
        return min(limits) - room.runs if limits else inf

    def _all(self) -> list[Release]:
        if self._releases is None:
            self._releases = sorted([*self._expected(), *self._admitted], key=lambda release: release.at)
        return self._releases
