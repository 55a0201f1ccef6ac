"""``plan()``: from what is true now and what people want, one decision for every run.

A pure function: no clock, no I/O, no randomness. The same snapshot and policy book give the same plan.
"""

from collections import defaultdict
from collections.abc import Sequence
from heapq import heapify, heappop, heapreplace
from math import inf

from adaptive_assets.planning import explanation
from adaptive_assets.planning.composition import in_sequence
from adaptive_assets.planning.continuation import Continuation
from adaptive_assets.planning.degradation import Ladder, Squeeze, Step
from adaptive_assets.planning.demand import FULL, Demand
from adaptive_assets.planning.demands import Demands
from adaptive_assets.planning.eviction import evict
from adaptive_assets.planning.host import Host, shareable
from adaptive_assets.planning.openings import TRICKLE_S, Openings
from adaptive_assets.planning.pacing import next_pace
from adaptive_assets.planning.patience import DOORS, promote
from adaptive_assets.planning.preemption import Blocked, Preemption
from adaptive_assets.planning.releases import releases
from adaptive_assets.planning.reservations import MOST, Reservation, Reservations
from adaptive_assets.planning.room import Room
from adaptive_assets.planning.running import on_active
from adaptive_assets.planning.shares import Shares
from adaptive_assets.planning.slots import Slots
from adaptive_assets.planning.snapshot import QueuedRun, Snapshot
from adaptive_assets.planning.triage import Band, Position, after_use, triage
from adaptive_assets.planning.turn import Turn
from adaptive_assets.planning.verdicts import Decision, Plan, Reason, ReasonCode, Verdict
from adaptive_assets.policy import PolicyBook
from adaptive_assets.policy.compositions import Composition

__all__ = ["plan"]

Lane = list[tuple[Position, Band]]
"""The bands of one policy, as a heap."""

ORDER = {code: place for place, code in enumerate(ReasonCode)}


def plan(snapshot: Snapshot, book: PolicyBook) -> Plan:
    """Decide every run of ``snapshot`` under the policies of ``book``.

    Gates, hours and prices come first (``triage``). What remains forms one line: tier, least slack to the
    deadline, the owner's use of late, the user's ``dagster/priority``, bulk if there is no deadline,
    submission; a run beyond its tier's patience stands before it. A run that finds no room gets a reserved
    start, and those behind it may pass as long as they do not delay that. Active runs give way where a
    blocked run's tier preempts theirs.
    """
    return _Planner(snapshot, book).plan()


class _Planner:
    """The state of one call of :func:`plan`: the room that is left, and the starts that are reserved."""

    def __init__(self, snapshot: Snapshot, book: PolicyBook) -> None:
        self._snapshot = snapshot
        self._at = snapshot.at
        self._book = book
        self._demands = Demands(snapshot, book)
        self._room = Room.of(snapshot, book, self._demands)
        self._slots = Slots(snapshot)
        self._squeeze = Squeeze.of(snapshot, book, self._demands, self._room.cpu_ceiling)
        self._shares = Shares(snapshot, book, self._demands)
        self._reservations = Reservations(self._room, lambda: releases(snapshot, self._demands), self._at)
        self._continuation = Continuation(snapshot, book, self._demands, self._room, self._reservations)
        self._preemption = Preemption(snapshot, book, self._demands, self._room)
        self._blocked: list[Blocked] = []
        self._forced: list[Blocked] = []
        self._openings = Openings(
            self._at, book, self._demands, self._room, self._squeeze, self._reservations, self._blocked
        )
        self._triage = triage(snapshot, book, self._demands, self._settle)
        self._decisions: list[Decision] = []
        self._promoted = False

    def plan(self) -> Plan:
        for band in self._triage.expired:
            for run in band.runs:
                self._decide(Verdict.FAIL, band, (run,), self._patience_over(band, run))
        self._admit(promote(self._triage.ready, self._snapshot, self._book, self._slots))
        self._continuation.go_on(inf)
        for band in self._triage.waiting:
            band.most = inf  # what it waits for first, a price among it, is said already
            in_the_way = (*self._held_back(band), *band.never, *self._openings.lacks(band))
            self._defer(band, band.rest, (*band.shut, *in_the_way))
        self._preemption.make_way(self._blocked, self._forced)
        moves = {**self._continuation.moves, **self._preemption.moves}
        moves |= evict(self._snapshot, self._book, self._demands, self._room, moves)
        return Plan(
            self._at,
            self._book.revision,
            tuple(self._decisions),
            on_active(self._snapshot, self._book, moves),
            next_pace(self._snapshot, self._room.runs, self._demands, promoted=self._promoted),
        )

    def _admit(self, ready: list[Band]) -> None:
        """Go down the line; where an owner stands is looked at again when its turn comes, as use grows.

        All runs of a policy have one owner: their order among themselves does not change with its use.
        """
        by_policy: defaultdict[str, Lane] = defaultdict(list)
        for band in ready:
            by_policy[band.policy.name].append((band.position(band.runs[band.next]), band))
        lanes = list(by_policy.values())
        for lane in lanes:
            heapify(lane)
        line = [(self._stands(lane), lane) for lane in lanes]
        heapify(line)
        while line:
            stood, lane = line[0]
            band = lane[0][1]
            stands = self._stands(lane)
            if stands != stood:
                heapreplace(line, (stands, lane))
                continue
            if not band.promoted:
                self._continuation.go_on(band.rank)
            if self._admit_first(band) and band.next < len(band.runs):
                heapreplace(lane, (band.position(band.runs[band.next]), band))
            else:
                heappop(lane)
            if lane:
                heapreplace(line, (self._stands(lane), lane))
            else:
                heappop(line)

    def _stands(self, lane: Lane) -> Position:
        """Where the first of a lane stands in line, now that its owner has used what it has."""
        position, band = lane[0]
        return after_use(position, self._shares.level(band.policy))

    def _admit_first(self, band: Band) -> bool:
        """Let the first run of ``band`` go in the best mode there is room for.

        Says False when it cannot: then no run behind it in the band can either, and all are deferred.
        """
        if held_back := self._held_back(band):
            in_the_way = (*self._shut(band), *band.never, *self._openings.lacks(band))
            self._defer(band, band.rest, (*held_back, *in_the_way))
            return False
        turn = self._openings.turn(band)
        in_turn = self._openings.in_turn(turn)
        complete = in_turn if in_turn and not in_turn.lacks else None
        ladder = None
        if turn.full_is_open and turn.in_time:
            self._launch(turn)
        elif complete and turn.promise.met_by(complete.demand, self._at):
            self._run_in_turn(turn, complete)
        elif (ladder := self._openings.ladder(turn)) and (step := self._openings.step(turn, ladder)):
            self._degrade(turn, step)
        elif turn.full_is_open:
            self._launch(turn)  # late whatever it does, so at least complete
        elif complete and not turn.in_time:
            self._run_in_turn(turn, complete)
        elif self._openings.must_share(turn):
            self._launch(turn, forced=True)
        else:
            self._hold(turn, ladder, in_turn)
            return False
        band.next += 1
        return True

    def _settle(self, band: Band) -> None:
        """Where full mode never fits and its stages one after another do, that is how all of it is done."""
        if not band.work.composable:
            return
        way = in_sequence(band.policy, band.work)
        never = self._room.never_fits(band.full) if way else None
        if way and never:
            demand = self._demands.of_run(band.runs[0], way.mode)
            if not self._room.never_fits(demand, way.mode):
                band.mode, band.full, band.never = way.mode, demand, (never,)

    def _launch(self, turn: Turn, *, forced: bool = False) -> None:
        band, run = turn.band, turn.run
        late = () if turn.in_time else turn.late
        if forced:
            how = explanation.forced(band.full, band.mode, turn.lacks[0])
        else:
            how = self._trickle(run, turn.lacks[0]) if turn.lacks else explanation.fits(band.full, band.mode)
        host = self._take(turn, band.full)
        if forced and host:
            here = self._reservations.now(band.work, band.policy.tier, band.rank, host)
            self._forced.append(self._waits(turn, band.full, here))
        self._promoted |= band.promoted or run.run_id == band.favoured
        way = in_sequence(band.policy, band.work) if band.never else None
        composed = (explanation.composed(way, band.never[0]), *band.never) if way else ()
        reasons = (*composed, *self._patience_over(band, run), *self._overdue(band, run), how, *late)
        step = Step(way, band.full) if way else None
        self._decide(Verdict.LAUNCH, band, (run,), reasons, step, host)

    def _run_in_turn(self, turn: Turn, step: Step) -> None:
        """It goes with all that it does, one stage after another."""
        band, run = turn.band, turn.run
        why = (*turn.lacks, *turn.behind)
        how = explanation.fits(step.demand, step.mode)
        waited = (*self._patience_over(band, run), *self._overdue(band, run))
        reasons = (*_composed(step, why), *waited, *why, how, *turn.late)
        host = self._take(turn, step.demand)
        self._promoted |= band.promoted or run.run_id == band.favoured
        self._decide(Verdict.LAUNCH, band, (run,), reasons, step, host)

    def _degrade(self, turn: Turn, step: Step) -> None:
        band, run, mode = turn.band, turn.run, step.mode
        if not step.lacks:
            how = explanation.fits(step.demand, mode)
        elif turn.promise.endangered(step.demand, self._at):
            how = explanation.forced(step.demand, mode, step.lacks[0])
        else:
            how = self._trickle(run, step.lacks[0])
        why = (*turn.lacks, *turn.late) if turn.never_fits else (*turn.late, *turn.lacks)
        why = (*self._patience_over(band, run), *why, *band.never, *turn.behind)
        if not turn.pressed:
            why = (self._impatient(band, run), *why)
        reasons = (*_composed(step, why), *why, how)
        host = self._take(turn, step.demand)
        self._promoted |= band.promoted or run.run_id == band.favoured
        self._decide(Verdict.DEGRADE, band, (run,), reasons, step, host)
        self._squeeze.take(band.rank, step.demand)

    def _held_back(self, band: Band) -> tuple[Reason, ...]:
        """Why Dagster would pass by what is left of ``band`` if it were admitted now, if so.

        It gets no place and no reserved start then: what it waits for is not room.
        """
        return self._slots.lacks(band.work, band.claims)

    def _shut(self, band: Band) -> list[Reason]:
        """The gates that a run still waits for, if it may go on its rungs alone."""
        shut = band.shut if band.only_rungs else ()
        return [reason for reason in shut if reason.code is not ReasonCode.OUTSIDE_WINDOW]

    def _take(self, turn: Turn, demand: Demand) -> Host | None:
        """Promise room to a run that goes."""
        band = turn.band
        hosts = self._room.hosts
        good = self._openings.good(turn, demand) if len(hosts) > 1 else hosts
        avoid = {host.name for host in hosts if host not in good}
        host = self._room.take(demand, band.rank, band.most, avoid)
        self._reservations.admitted(demand, host)
        self._shares.admitted(band.policy, demand)
        self._slots.take(band.claims)
        return host

    def _hold(self, turn: Turn, ladder: Ladder | None, in_turn: Step | None) -> None:
        """Defer what is left of the band, and reserve a start for the first if room is what it waits for.

        How late it is and how long it has waited is the first run's own; what is in its way is everyone's.
        """
        band, run = turn.band, turn.run
        in_the_way = [*band.never, *turn.lacks]
        if band.rungs or band.essentials or not turn.never_fits:
            in_the_way += turn.behind
        for others in (in_turn.lacks if in_turn else (), ladder.obstacles if ladder else ()):
            in_the_way += [reason for reason in others if reason not in in_the_way]
        in_the_way += self._shut(band)
        own = (
            *turn.late,
            *self._overdue(band, run),
            *(self._patience_over(band, run) if band.only_rungs else ())[:1],
        )
        if own:
            self._defer(band, (run,), (*in_the_way, *own))
            band.next += 1
        self._defer(band, band.rest, tuple(in_the_way))

        could_fit = (ladder and ladder.could_fit) or not (turn.never_fits or band.only_rungs)
        if could_fit and turn.lacks and not band.policy.opportunity:
            self._reserve(turn, ladder)

    def _reserve(self, turn: Turn, ladder: Ladder | None) -> None:
        """Keep a start for a blocked run, in the least demanding mode that it would take if it must."""
        band = turn.band
        demand = ladder.least if ladder and (turn.never_fits or band.only_rungs) else band.full
        if demand is None or len(self._blocked) >= MOST:
            return
        waited = self._at - turn.run.submitted_at
        reservation = self._reservations.reserve(
            band.work,
            band.policy.tier,
            0 if band.promoted else band.rank,
            demand,
            band.most,
            strict=shareable(turn.lacks) and waited >= TRICKLE_S,
            impatient=band.rank == 0 and waited >= self._book.tiers[0].patience,
        )
        self._blocked.append(self._waits(turn, demand, reservation))

    def _waits(self, turn: Turn, demand: Demand, reservation: Reservation) -> Blocked:
        band = turn.band
        return Blocked(band.work, band.policy, band.rank, demand, turn.promise, reservation, band.most)

    def _patience_over(self, band: Band, run: QueuedRun) -> tuple[Reason, ...]:
        """Why the run goes, or fails, although gates or hours are shut, if they are."""
        if not band.shut:
            return ()
        return (explanation.patience_over(band.policy, band.gates, run, band.shut, self._at), *band.shut)

    def _overdue(self, band: Band, run: QueuedRun) -> tuple[Reason, ...]:
        """Why the run stands before the line, or first in its tier, if it does."""
        tier = self._book.tiers[self._book.rank(band.policy.tier)]
        if band.promoted:
            return (explanation.overdue(run, tier, self._at, "it goes before all others"),)
        if run.run_id == band.favoured:
            return (explanation.favoured(run, tier, tier.patience / DOORS, self._at),)
        return ()

    def _impatient(self, band: Band, run: QueuedRun) -> Reason:
        tier = self._book.tiers[self._book.rank(band.policy.tier)]
        return explanation.overdue(run, tier, self._at, "it rather does less than wait for room")

    def _trickle(self, run: QueuedRun, lack: Reason) -> Reason:
        return explanation.trickles(run, TRICKLE_S, lack, self._at)

    def _defer(self, band: Band, runs: tuple[QueuedRun, ...], reasons: tuple[Reason, ...]) -> None:
        if len(reasons) > 1:
            reasons = tuple(sorted(reasons, key=_place))
        self._decide(Verdict.DEFER, band, runs, reasons)

    def _decide(
        self,
        verdict: Verdict,
        band: Band,
        runs: tuple[QueuedRun, ...],
        reasons: tuple[Reason, ...],
        step: Step | None = None,
        host: Host | None = None,
    ) -> None:
        if runs:
            mode, parameters = (step.mode, step.parameters) if step else (FULL, {})
            node = host.name if host else ""
            self._decisions.append(
                Decision(verdict, band.work, band.policy.tier, mode, reasons, runs, parameters, node)
            )


def _composed(step: Step, causes: Sequence[Reason]) -> tuple[Reason, ...]:
    """That a run's stages go another way than all together, if they do, and the first of the causes."""
    if not isinstance(step.way, Composition) or not causes:
        return ()
    return (explanation.composed(step.way, causes[0]),)


def _place(reason: Reason) -> int:
    return ORDER[reason.code]
