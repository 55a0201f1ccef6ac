"""``plan()``: from what is true now and what people want, one decision for every queued run.

A pure function: no clock, no I/O, no randomness. The same snapshot and policy book give the same plan.
"""

from heapq import heapify, heappop, heapreplace

from adaptive_assets.planning import explanation
from adaptive_assets.planning.degradation import Ladder, Squeeze, Step
from adaptive_assets.planning.demand import FULL
from adaptive_assets.planning.promise import Promise
from adaptive_assets.planning.room import Room
from adaptive_assets.planning.snapshot import QueuedRun, Snapshot
from adaptive_assets.planning.triage import Band, triage
from adaptive_assets.planning.turn import Turn
from adaptive_assets.planning.verdicts import Decision, Plan, Reason, ReasonCode, Verdict
from adaptive_assets.policy import PolicyBook

__all__ = ["plan"]

HELD_BACK_PASSES = 2
"""After so many dequeue passes an admitted run is held back by something of Dagster's own (a pool, a tag
limit, a code location that is down): room is no longer kept for it, or a full pool would idle the machine."""

TRICKLE_S = 120.0
"""After so long, the head of the line no longer waits for strangers while none of our runs is active. If it
lacks only CPU or calm, it goes; if it lacks memory, it lets others pass: a stranger who keeps the machine
busy slows our work down, and never to none."""

ORDER = {code: place for place, code in enumerate(ReasonCode)}


def plan(snapshot: Snapshot, book: PolicyBook) -> Plan:
    """Decide every queued run of ``snapshot`` under the policies of ``book``.

    Gates and windows come first (``triage``). What remains forms one line: tier, least slack to the
    deadline, the user's ``dagster/priority``, submission. The line is strict: behind the first run that
    finds no room the others wait, even where they would fit, so that large work is not starved by small;
    only a run of the same tier whose deadline is in danger may still take a cheaper rung.
    """
    return _Planner(snapshot, book).plan()


class _Planner:
    """The state of one call of :func:`plan`: the room that is left, and the head of the blocked line."""

    def __init__(self, snapshot: Snapshot, book: PolicyBook) -> None:
        self._at = snapshot.at
        self._book = book
        self._room = Room.of(snapshot, book)
        self._squeeze = Squeeze.of(snapshot, book, self._room.cpu_ceiling)
        self._triage = triage(snapshot, book)
        self._blocked: Band | None = None
        self._behind: tuple[Reason, ...] = ()
        self._decisions: list[Decision] = []

    def plan(self) -> Plan:
        for band in self._triage.expired:
            for run in band.runs:
                self._decide(Verdict.FAIL, band, (run,), self._patience_over(band, run))
        line = [(band.position(band.runs[0]), band) for band in self._triage.ready]
        heapify(line)
        while line:
            _, band = line[0]
            if self._admit_first(band) and band.next < len(band.runs):
                heapreplace(line, (band.position(band.runs[band.next]), band))
            else:
                heappop(line)
        for band in self._triage.waiting:
            self._defer(band, band.rest, (*band.shut, *self._lacks(band)))
        return Plan(self._at, self._book.revision, tuple(self._decisions))

    def _admit_first(self, band: Band) -> bool:
        """Let the first run of ``band`` go in the best mode there is room for.

        Says False when it cannot: then no run behind it in the band can either, and all are deferred.
        """
        turn = self._turn(band)
        ladder = None
        if turn.full_is_open and turn.in_time:
            self._launch(turn)
        elif (ladder := self._ladder(turn)) and (step := self._step(turn, ladder)):
            self._degrade(turn, step)
        elif turn.full_is_open:
            self._launch(turn)  # late whatever it does, so at least complete
        else:
            self._hold(turn, ladder)
            return False
        band.next += 1
        return True

    def _turn(self, band: Band) -> Turn:
        run = band.runs[band.next]
        return Turn(
            band,
            run,
            Promise.of(band.policy, run),
            self._at,
            lacks=self._lacks(band),
            behind=self._behind,
            trickles=not (self._blocked or self._room.runs) and self._at - run.submitted_at >= TRICKLE_S,
        )

    def _ladder(self, turn: Turn) -> Ladder | None:
        """The rungs, if the run would now take one; never while a higher tier waits for room."""
        band = turn.band
        outranked = self._blocked is not None and self._blocked.rank < band.rank
        if not band.rungs or outranked or not (band.only_rungs or turn.never_fits or turn.late):
            return None
        return Ladder(band.policy, self._room)

    def _step(self, turn: Turn, ladder: Ladder) -> Step | None:
        step = ladder.step(
            turn.promise,
            self._at,
            patient=not turn.trickles,
            may_force=lambda demand: self._squeeze.allows(turn.band.rank, demand),
        )
        if step and turn.full_is_open and not turn.promise.met_by(step.demand, self._at):
            return None
        return step

    def _launch(self, turn: Turn) -> None:
        band, run = turn.band, turn.run
        late = () if turn.in_time else turn.late
        how = self._trickle(run, turn.lacks[0]) if turn.lacks else explanation.fits(band.full)
        self._decide(Verdict.LAUNCH, band, (run,), (*self._patience_over(band, run), how, *late))
        if run.passes < HELD_BACK_PASSES:
            self._room.take(band.full)

    def _degrade(self, turn: Turn, step: Step) -> None:
        band, run, mode = turn.band, turn.run, step.rung.mode
        if not step.lacks:
            how = explanation.fits(step.demand, mode)
        elif turn.promise.endangered(step.demand, self._at):
            how = explanation.forced(step.demand, mode, step.lacks[0])
        else:
            how = self._trickle(run, step.lacks[0])
        why = (*turn.lacks, *turn.late) if turn.never_fits else (*turn.late, *turn.lacks)
        reasons = (*self._patience_over(band, run), *why, *turn.behind, how)
        self._decide(Verdict.DEGRADE, band, (run,), reasons, step)
        if run.passes < HELD_BACK_PASSES:
            self._room.take(step.demand)
            self._squeeze.take(band.rank, step.demand)

    def _hold(self, turn: Turn, ladder: Ladder | None) -> None:
        """Defer what is left of the band, and let it hold up the line if room is what it waits for.

        How late it is and how long it has waited is the first run's own; what is in its way is everyone's.
        """
        band, run = turn.band, turn.run
        in_the_way = list(turn.lacks)
        if band.rungs or not turn.never_fits:
            in_the_way += turn.behind
        if ladder:
            in_the_way += [reason for reason in ladder.obstacles if reason not in turn.lacks]
        if band.only_rungs:
            in_the_way += [reason for reason in band.shut if reason.code is not ReasonCode.OUTSIDE_WINDOW]
        own = (*turn.late, *(self._patience_over(band, run) if band.only_rungs else ())[:1])
        if own:
            self._defer(band, (run,), (*in_the_way, *own))
            band.next += 1
        self._defer(band, band.rest, tuple(in_the_way))

        could_fit = (ladder and ladder.could_fit) or not (turn.never_fits or band.only_rungs)
        if could_fit and not turn.trickles and self._blocked is None:
            self._blocked = band
            self._behind = (explanation.behind(band.work, band.policy.tier),)

    def _lacks(self, band: Band) -> tuple[Reason, ...]:
        """What is missing for full mode; where the whole machine is too small, that alone."""
        never = self._room.never_fits(band.full)
        return (never,) if never else self._room.lacks(band.full)

    def _patience_over(self, band: Band, run: QueuedRun) -> tuple[Reason, ...]:
        """Why the run goes, or fails, although gates or hours are shut, if they are."""
        if not band.shut:
            return ()
        return (explanation.patience_over(band.policy, run, band.shut, self._at), *band.shut)

    def _trickle(self, run: QueuedRun, lack: Reason) -> Reason:
        return explanation.trickles(run, TRICKLE_S, lack, self._at)

    def _defer(self, band: Band, runs: tuple[QueuedRun, ...], reasons: tuple[Reason, ...]) -> None:
        self._decide(Verdict.DEFER, band, runs, tuple(sorted(reasons, key=_place)))

    def _decide(
        self,
        verdict: Verdict,
        band: Band,
        runs: tuple[QueuedRun, ...],
        reasons: tuple[Reason, ...],
        step: Step | None = None,
    ) -> None:
        if runs:
            mode, parameters = (step.rung.mode, step.rung.parameters) if step else (FULL, {})
            self._decisions.append(
                Decision(verdict, band.work, band.policy.tier, mode, reasons, runs, parameters)
            )


def _place(reason: Reason) -> int:
    return ORDER[reason.code]
