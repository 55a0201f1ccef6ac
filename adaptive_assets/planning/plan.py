"""``plan()``: from what is true now and what people want, one decision for every queued run.

A pure function: no clock, no I/O, no randomness. The same snapshot and policy book give the same plan.
"""

from heapq import heapify, heappop, heapreplace

from adaptive_assets.planning.degradation import SHARED, Step, step_down
from adaptive_assets.planning.demand import FULL, Demand, demand_of
from adaptive_assets.planning.promise import Promise
from adaptive_assets.planning.room import Room
from adaptive_assets.planning.snapshot import QueuedRun, Snapshot
from adaptive_assets.planning.triage import Band, triage
from adaptive_assets.planning.verdicts import Decision, Plan, Reason, ReasonCode, Verdict
from adaptive_assets.planning.wording import cores, seconds, size
from adaptive_assets.policy import PolicyBook

__all__ = ["plan"]

HELD_BACK_PASSES = 2
"""After so many dequeue passes an admitted run is held back by something of Dagster's own (a pool, a tag
limit, a code location that is down): room is no longer kept for it, or a full pool would idle the machine."""

TRICKLE_S = 120.0
"""After so long, the head of the line goes while none of our runs is active, if it lacks only CPU or calm:
a stranger who keeps the machine busy slows our work down to one run at a time, and never to none."""


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
        self._triage = triage(snapshot, book)
        self._blocked: Band | None = None
        self._decisions: list[Decision] = []

    def plan(self) -> Plan:
        for band in self._triage.expired:
            for run in band.runs:
                self._decide(Verdict.FAIL, band, (run,), (self._waited(band, run), *band.closed))
        line = [(band.position(band.runs[0]), band) for band in self._triage.ready]
        heapify(line)
        while line:
            _, band = line[0]
            if self._admit_first(band) and band.next < len(band.runs):
                heapreplace(line, (band.position(band.runs[band.next]), band))
            else:
                heappop(line)
        for band in self._triage.waiting:
            lacks = self._room.lacks(demand_of(band.policy, FULL))
            self._decide(Verdict.DEFER, band, band.rest, (*band.closed, *lacks))
        return Plan(self._at, self._book.revision, tuple(self._decisions))

    def _admit_first(self, band: Band) -> bool:
        """Let the first run of ``band`` go in the best mode there is room for.

        Says False when it cannot: then no run behind it in the band can either, and all are deferred.
        """
        run = band.runs[band.next]
        promise = Promise.of(band.policy, run)
        full = demand_of(band.policy, FULL)
        ladder = band.policy.degrade if band.work.degradable else ()
        never = self._room.never_fits(full)
        blocked = (*((never,) if never else self._lacks(run, full)), *self._behind())
        full_is_open = not blocked and not band.only_rungs
        endangered = promise.endangered(full, self._at)

        if full_is_open and (promise.met_by(full, self._at) or not ladder):
            self._launch(band, run, full)
        elif (
            ladder
            and (band.only_rungs or never or endangered)
            and not self._outranked(band)
            and (step := step_down(band.policy, promise, self._room, self._at))
        ):
            causes = self._causes(band, run, promise.reason(full, self._at) if endangered else None)
            self._degrade(band, run, step, (*causes, *blocked))
        elif full_is_open:
            self._launch(band, run, full)  # late whatever it does, so at least complete
        else:
            causes = self._causes(band, run, promise.reason(full, self._at) if endangered else None)
            self._defer(band, run, causes, blocked, blocks_line=never is None)
            return False
        return True

    def _launch(self, band: Band, run: QueuedRun, demand: Demand) -> None:
        waived = (self._waited(band, run), *band.closed) if band.closed else ()
        if lacks := self._room.lacks(demand):
            waived = (*waived, self._trickled(run, lacks[0]))
        self._decide(Verdict.LAUNCH, band, (run,), (*waived, self._fits(demand)))
        self._take(run, demand)
        band.next += 1

    def _degrade(self, band: Band, run: QueuedRun, step: Step, reasons: tuple[Reason, ...]) -> None:
        self._decide(Verdict.DEGRADE, band, (run,), (*reasons, self._fits(step.demand)), step)
        self._take(run, step.demand)
        band.next += 1

    def _defer(
        self,
        band: Band,
        first: QueuedRun,
        causes: tuple[Reason, ...],
        blocked: tuple[Reason, ...],
        *,
        blocks_line: bool,
    ) -> None:
        """Defer the rest of the band; the causes are those of its first run, the blocks are everyone's."""
        if blocks_line and self._blocked is None:
            self._blocked = band
        if causes and blocked:
            self._decide(Verdict.DEFER, band, (first,), (*causes, *blocked))
            band.next += 1
        self._decide(Verdict.DEFER, band, band.rest, blocked or causes)

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

    def _lacks(self, run: QueuedRun, demand: Demand) -> tuple[Reason, ...]:
        lacks = self._room.lacks(demand)
        only_shared = all(reason.code in SHARED for reason in lacks)
        if only_shared and not self._room.runs and self._at - run.submitted_at >= TRICKLE_S:
            return ()
        return lacks

    def _take(self, run: QueuedRun, demand: Demand) -> None:
        if run.passes < HELD_BACK_PASSES:
            self._room.take(demand)

    def _outranked(self, band: Band) -> bool:
        """Whether a higher tier waits for room: nothing below may take any."""
        return self._blocked is not None and self._blocked.rank < band.rank

    def _behind(self) -> tuple[Reason, ...]:
        if self._blocked is None:
            return ()
        head = self._blocked
        return (
            Reason(
                ReasonCode.BEHIND,
                f"stands in line behind `{head.work.name}` ({head.policy.tier}), for which there is no room",
                {"behind": head.work.name, "tier": head.policy.tier},
            ),
        )

    def _causes(self, band: Band, run: QueuedRun, late: Reason | None) -> tuple[Reason, ...]:
        """Why full mode is out of the question, apart from what blocks it right now."""
        if band.only_rungs:
            return (self._waited(band, run), *band.closed)
        return (late,) if late else ()

    def _waited(self, band: Band, run: QueuedRun) -> Reason:
        waited, limit = self._at - run.submitted_at, band.policy.gates.wait_at_most
        first = band.closed[0].sentence
        if limit is not None and waited >= limit:
            sentence = f"waited {seconds(waited)} for its data, the policy allows {seconds(limit)}: {first}"
        else:
            sentence = f"its deadline leaves no time to wait any longer for its data: {first}"
        return Reason(ReasonCode.WAITED, sentence, {"waited_s": waited, "wait_at_most_s": limit})

    def _trickled(self, run: QueuedRun, lack: Reason) -> Reason:
        waited = self._at - run.submitted_at
        return Reason(
            ReasonCode.WAITED,
            f"waited {seconds(waited)} while others kept the machine busy, so one run goes: {lack.sentence}",
            {"waited_s": waited, "limit_s": TRICKLE_S},
        )

    def _fits(self, demand: Demand) -> Reason:
        return Reason(
            ReasonCode.FITS,
            f"takes {cores(demand.cpu)} and {size(demand.memory)} for about {seconds(demand.duration)}",
            {"cpu": demand.cpu, "memory": demand.memory, "duration_s": demand.duration},
        )
