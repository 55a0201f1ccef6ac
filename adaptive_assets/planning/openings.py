"""What is open to the run whose turn it is: which mode there is room for, and whom it would delay."""

from collections.abc import Sequence
from math import inf
from typing import Final

from adaptive_assets.planning import explanation
from adaptive_assets.planning.composition import in_sequence
from adaptive_assets.planning.degradation import Ladder, Squeeze, Step, ways_to_do_less
from adaptive_assets.planning.demand import FULL, Demand
from adaptive_assets.planning.demands import Demands
from adaptive_assets.planning.host import Host
from adaptive_assets.planning.patience import is_overdue
from adaptive_assets.planning.preemption import Blocked
from adaptive_assets.planning.promise import Promise
from adaptive_assets.planning.reservations import MOST, Reservations
from adaptive_assets.planning.room import Room
from adaptive_assets.planning.triage import Band
from adaptive_assets.planning.turn import Turn
from adaptive_assets.planning.verdicts import Reason, ReasonCode
from adaptive_assets.policy import PolicyBook

__all__ = ["IDLE", "TRICKLE_S", "Openings"]

TRICKLE_S: Final = 120.0
"""After so long, the head of the line no longer waits for strangers who keep the machine busy while our own
work uses no more of it than a single run may insist on. It goes if it lacks only CPU or calm: strangers slow
our work down, and never to none."""

FORCEABLE: Final = frozenset((ReasonCode.CPU, ReasonCode.MEMORY, ReasonCode.PACE))
"""What may be lacking where a run goes because it would be late if it waited."""

IDLE: Final = 0.25
"""The share of the guarded machine that work ahead leaves free for real work."""


class Openings:
    """Answers for one plan; room, reservations and ``blocked`` change between the turns of runs."""

    def __init__(
        self,
        at: float,
        book: PolicyBook,
        demands: Demands,
        room: Room,
        squeeze: Squeeze,
        reservations: Reservations,
        blocked: Sequence[Blocked],
    ) -> None:
        self._at = at
        self._book = book
        self._demands = demands
        self._room = room
        self._squeeze = squeeze
        self._reservations = reservations
        self._blocked = blocked

    def turn(self, band: Band) -> Turn:
        """The first run of ``band``, and what is in its way."""
        run = band.runs[band.next]
        lacks = self.lacks(band)
        behind = () if lacks else self._behind(band, band.full)
        strangers = not self._blocked and self._room.trickles(band.full)
        return Turn(
            band,
            run,
            Promise.of(band.policy, run),
            self._at,
            lacks=lacks,
            behind=behind,
            trickles=strangers and self._at - run.submitted_at >= TRICKLE_S,
        )

    def lacks(self, band: Band) -> tuple[Reason, ...]:
        """What is missing for full mode; where the whole machine is too small, that alone."""
        never = self._room.never_fits(band.full, band.mode)
        return (never,) if never else self._room.lacks(band.full, band.rank, band.mode, band.most)

    def in_turn(self, turn: Turn) -> Step | None:
        """The stages one after another, with what is in the way of that, where full mode cannot go now."""
        band = turn.band
        if not band.work.composable or band.only_rungs or band.mode != FULL or turn.full_is_open:
            return None
        way = in_sequence(band.policy, band.work)
        if way is None or turn.never_fits:
            return None
        demand = self._demands.of_run(turn.run, way.mode)
        lacks = self._room.lacks(demand, band.rank, way.mode, band.most)
        return Step(way, demand, lacks or self._behind(band, demand))

    def ladder(self, turn: Turn) -> Ladder | None:
        """The ways to do less, if the run would now take one."""
        band = turn.band
        if not band.rungs and not band.essentials:
            return None
        ways = ways_to_do_less(turn, impatient=self._is_impatient(turn))
        if not ways:
            return None
        return Ladder(
            [(way, self._demands.of_run(turn.run, way.mode)) for way in ways],
            band.rank,
            self._room,
            lambda demand: next(iter(self._delays(demand, band.rank, above=band.rank)), None),
        )

    def step(self, turn: Turn, ladder: Ladder) -> Step | None:
        """The way to do less that it takes; none where that would be late too, and there is room for all."""
        step = ladder.step(
            turn.promise,
            self._at,
            patient=not (turn.trickles and turn.pressed),
            may_force=lambda demand: self._squeeze.allows(turn.band.rank, demand),
        )
        if step and turn.full_is_open and not turn.promise.met_by(step.demand, self._at):
            return None
        return step

    def must_share(self, turn: Turn) -> bool:
        """Whether it goes although there is no room for it, because it would be late if it waited for that.

        To share the CPU slows everyone down a little, and a tier's promises come before that; memory must
        suffice on average. A policy that has rungs has said what it would rather do.
        """
        band, promise = turn.band, turn.promise
        lacking = {reason.code for reason in turn.lacks}
        if promise.deadline_at is None or band.rungs or band.essentials or band.only_rungs:
            return False
        if band.policy.opportunity:
            return False
        if not lacking or not lacking <= FORCEABLE:
            return False
        if len(self._blocked) >= MOST or not promise.met_by(band.typical, self._at):
            return False
        if not self._shared(band):
            return False
        waits = self._reservations.soonest(band.work, band.policy.tier, band.rank, band.full, band.most)
        return not promise.met_by(band.full, waits.start)

    def good(self, turn: Turn, demand: Demand) -> list[Host]:
        """Of several machines those to place it on: where it may share, or has memory and delays nobody."""
        band, hosts = turn.band, self._room.hosts
        if turn.lacks and demand is band.full:
            if shared := self._shared(band):
                return shared
        elif band.policy.opportunity:
            hosts = self._idle(band, demand) or hosts
        roomy = [host for host in hosts if host.more_memory(demand) <= host.free_memory()]
        return [host for host in roomy if not self._reservations.delayed(demand, band.rank, host)] or roomy

    def _behind(self, band: Band, demand: Demand) -> tuple[Reason, ...]:
        """Why it may not go although there is room for ``demand``, if so."""
        if band.policy.opportunity and (self._blocked or not self._idle(band, demand)):
            return (explanation.not_idle(demand, IDLE),)
        if not self._reservations.held:
            return ()
        return self._delays(demand, band.rank, band.most)

    def _idle(self, band: Band, demand: Demand) -> list[Host]:
        """The machines that stay idle enough for others if work ahead takes what it needs."""
        return [
            host
            for host in self._room.affordable(band.most)
            if host.machine is not None
            and host.free_cpu(band.rank) - host.insists_on(demand) >= IDLE * host.cpu_ceiling
            and host.free_memory() - host.more_memory(demand) >= IDLE * host.memory_ceiling
        ]

    def _shared(self, band: Band) -> list[Host]:
        """The machines on which it may share, and delays nobody of a higher tier."""
        hosts = self._room.shared_by(band.full, band.rank, band.most)
        rank = band.rank
        return [host for host in hosts if not self._reservations.delayed(band.full, rank, host, rank)]

    def _delays(
        self, demand: Demand, rank: int, most: float = inf, above: int | None = None
    ) -> tuple[Reason, ...]:
        """The reservation that a run would delay, on whichever machine it were placed."""
        delayed = None
        for host in self._room.open_to(demand, rank, most):
            delayed = self._reservations.delayed(demand, rank, host, above)
            if delayed is None:
                return ()
        return (delayed.reason(self._at),) if delayed else ()

    def _is_impatient(self, turn: Turn) -> bool:
        """Whether it has waited for room for so long that it would rather leave something out."""
        able = turn.band.work.composable and not turn.full_is_open
        return able and is_overdue(turn.band, turn.run, self._at, self._book)
