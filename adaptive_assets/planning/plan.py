"""``plan()``: from what is true now and what people want, one decision for every run.

A pure function: no clock, no I/O, no randomness. The same snapshot and policy book give the same plan.
"""

from collections import defaultdict
from collections.abc import Sequence
from heapq import heapify, heappop, heapreplace
from math import inf

from adaptive_assets.planning import explanation
from adaptive_assets.planning.capacity import Capacity
from adaptive_assets.planning.composition import in_sequence
from adaptive_assets.planning.concurrency_limit import next_limit
from adaptive_assets.planning.decisions import Decision, Plan, Reason, ReasonCode, Verdict
from adaptive_assets.planning.degradation import Ladder, Squeeze, Step
from adaptive_assets.planning.expected_completions import expected_completions
from adaptive_assets.planning.fair_share import FairShare
from adaptive_assets.planning.memory_pressure import evict
from adaptive_assets.planning.node_capacity import NodeCapacity, shareable
from adaptive_assets.planning.openings import TRICKLE_S, Openings
from adaptive_assets.planning.preemption import Blocked, Preemption
from adaptive_assets.planning.requests import ResourceRequests
from adaptive_assets.planning.reservations import MOST, Reservation, Reservations
from adaptive_assets.planning.resource_request import FULL, ResourceRequest
from adaptive_assets.planning.resumption import Resumption
from adaptive_assets.planning.running import on_active
from adaptive_assets.planning.slots import Slots
from adaptive_assets.planning.snapshot import QueuedRun, Snapshot
from adaptive_assets.planning.starvation import DOORS, promote
from adaptive_assets.planning.triage import Position, RunGroup, after_use, triage
from adaptive_assets.planning.turn import Turn
from adaptive_assets.policy import PolicyBook
from adaptive_assets.policy.compositions import Composition

__all__ = ["plan"]

PolicyQueue = list[tuple[Position, RunGroup]]
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
        self._requests = ResourceRequests(snapshot, book)
        self._capacity = Capacity.of(snapshot, book, self._requests)
        self._slots = Slots(snapshot)
        self._squeeze = Squeeze.of(snapshot, book, self._requests, self._capacity.cpu_ceiling)
        self._shares = FairShare(snapshot, book, self._requests)
        self._reservations = Reservations(
            self._capacity, lambda: expected_completions(snapshot, self._requests), self._at
        )
        self._continuation = Resumption(snapshot, book, self._requests, self._capacity, self._reservations)
        self._preemption = Preemption(snapshot, book, self._requests, self._capacity)
        self._blocked: list[Blocked] = []
        self._forced: list[Blocked] = []
        self._openings = Openings(
            self._at, book, self._requests, self._capacity, self._squeeze, self._reservations, self._blocked
        )
        self._triage = triage(snapshot, book, self._requests, self._settle)
        self._decisions: list[Decision] = []
        self._promoted = False

    def plan(self) -> Plan:
        for group in self._triage.expired:
            for run in group.runs:
                self._decide(Verdict.FAIL, group, (run,), self._patience_over(group, run))
        self._admit(promote(self._triage.ready, self._snapshot, self._book, self._slots))
        self._continuation.go_on(inf)
        for group in self._triage.waiting:
            group.most = inf  # what it waits for first, a price among it, is said already
            in_the_way = (*self._held_back(group), *group.never, *self._openings.lacks(group))
            self._defer(group, group.rest, (*group.shut, *in_the_way))
        self._preemption.make_way(self._blocked, self._forced)
        moves = {**self._continuation.moves, **self._preemption.moves}
        moves |= evict(self._snapshot, self._book, self._requests, self._capacity, moves)
        return Plan(
            self._at,
            self._book.revision,
            tuple(self._decisions),
            on_active(self._snapshot, self._book, moves),
            next_limit(self._snapshot, self._capacity.runs, self._requests, promoted=self._promoted),
        )

    def _admit(self, ready: list[RunGroup]) -> None:
        """Go down the line; where an owner stands is looked at again when its turn comes, as use grows.

        All runs of a policy have one owner: their order among themselves does not change with its use.
        """
        by_policy: defaultdict[str, PolicyQueue] = defaultdict(list)
        for group in ready:
            by_policy[group.policy.name].append((group.position(group.runs[group.next]), group))
        lanes = list(by_policy.values())
        for lane in lanes:
            heapify(lane)
        line = [(self._stands(lane), lane) for lane in lanes]
        heapify(line)
        while line:
            stood, lane = line[0]
            group = lane[0][1]
            stands = self._stands(lane)
            if stands != stood:
                heapreplace(line, (stands, lane))
                continue
            if not group.promoted:
                self._continuation.go_on(group.rank)
            if self._admit_first(group) and group.next < len(group.runs):
                heapreplace(lane, (group.position(group.runs[group.next]), group))
            else:
                heappop(lane)
            if lane:
                heapreplace(line, (self._stands(lane), lane))
            else:
                heappop(line)

    def _stands(self, lane: PolicyQueue) -> Position:
        """Where the first of a lane stands in line, now that its owner has used what it has."""
        position, group = lane[0]
        return after_use(position, self._shares.level(group.policy))

    def _admit_first(self, group: RunGroup) -> bool:
        """Let the first run of ``group`` go in the best mode there is room for.

        Says False when it cannot: then no run behind it in the band can either, and all are deferred.
        """
        if held_back := self._held_back(group):
            in_the_way = (*self._shut(group), *group.never, *self._openings.lacks(group))
            self._defer(group, group.rest, (*held_back, *in_the_way))
            return False
        turn = self._openings.turn(group)
        in_turn = self._openings.in_turn(turn)
        complete = in_turn if in_turn and not in_turn.lacks else None
        ladder = None
        if turn.full_is_open and turn.in_time:
            self._launch(turn)
        elif complete and turn.deadline.met_by(complete.request, self._at):
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
        group.next += 1
        return True

    def _settle(self, group: RunGroup) -> None:
        """Where full mode never fits and its stages one after another do, that is how all of it is done."""
        if not group.work.composable:
            return
        way = in_sequence(group.policy, group.work)
        never = self._capacity.never_fits(group.full) if way else None
        if way and never:
            request = self._requests.of_run(group.runs[0], way.mode)
            if not self._capacity.never_fits(request, way.mode):
                group.mode, group.full, group.never = way.mode, request, (never,)

    def _launch(self, turn: Turn, *, forced: bool = False) -> None:
        group, run = turn.group, turn.run
        late = () if turn.in_time else turn.late
        if forced:
            how = explanation.forced(group.full, group.mode, turn.lacks[0])
        else:
            how = (
                self._trickle(run, turn.lacks[0]) if turn.lacks else explanation.fits(group.full, group.mode)
            )
        node = self._take(turn, group.full)
        if forced and node:
            here = self._reservations.now(group.work, group.policy.tier, group.rank, node)
            self._forced.append(self._waits(turn, group.full, here))
        self._promoted |= group.promoted or run.run_id == group.favoured
        way = in_sequence(group.policy, group.work) if group.never else None
        composed = (explanation.composed(way, group.never[0]), *group.never) if way else ()
        reasons = (*composed, *self._patience_over(group, run), *self._overdue(group, run), how, *late)
        step = Step(way, group.full) if way else None
        self._decide(Verdict.LAUNCH, group, (run,), reasons, step, node)

    def _run_in_turn(self, turn: Turn, step: Step) -> None:
        """It goes with all that it does, one stage after another."""
        group, run = turn.group, turn.run
        why = (*turn.lacks, *turn.behind)
        how = explanation.fits(step.request, step.mode)
        waited = (*self._patience_over(group, run), *self._overdue(group, run))
        reasons = (*_composed(step, why), *waited, *why, how, *turn.late)
        node = self._take(turn, step.request)
        self._promoted |= group.promoted or run.run_id == group.favoured
        self._decide(Verdict.LAUNCH, group, (run,), reasons, step, node)

    def _degrade(self, turn: Turn, step: Step) -> None:
        group, run, mode = turn.group, turn.run, step.mode
        if not step.lacks:
            how = explanation.fits(step.request, mode)
        elif turn.deadline.endangered(step.request, self._at):
            how = explanation.forced(step.request, mode, step.lacks[0])
        else:
            how = self._trickle(run, step.lacks[0])
        why = (*turn.lacks, *turn.late) if turn.never_fits else (*turn.late, *turn.lacks)
        why = (*self._patience_over(group, run), *why, *group.never, *turn.behind)
        if not turn.pressed:
            why = (self._impatient(group, run), *why)
        reasons = (*_composed(step, why), *why, how)
        node = self._take(turn, step.request)
        self._promoted |= group.promoted or run.run_id == group.favoured
        self._decide(Verdict.DEGRADE, group, (run,), reasons, step, node)
        self._squeeze.take(group.rank, step.request)

    def _held_back(self, group: RunGroup) -> tuple[Reason, ...]:
        """Why Dagster would pass by what is left of ``group`` if it were admitted now, if so.

        It gets no place and no reserved start then: what it waits for is not room.
        """
        return self._slots.lacks(group.work, group.claims)

    def _shut(self, group: RunGroup) -> list[Reason]:
        """The gates that a run still waits for, if it may go on its rungs alone."""
        shut = group.shut if group.only_rungs else ()
        return [reason for reason in shut if reason.code is not ReasonCode.OUTSIDE_WINDOW]

    def _take(self, turn: Turn, request: ResourceRequest) -> NodeCapacity | None:
        """Promise room to a run that goes."""
        group = turn.group
        nodes = self._capacity.nodes
        good = self._openings.good(turn, request) if len(nodes) > 1 else nodes
        avoid = {node.name for node in nodes if node not in good}
        node = self._capacity.take(request, group.rank, group.most, avoid)
        self._reservations.admitted(request, node)
        self._shares.admitted(group.policy, request)
        self._slots.take(group.claims)
        return node

    def _hold(self, turn: Turn, ladder: Ladder | None, in_turn: Step | None) -> None:
        """Defer what is left of the band, and reserve a start for the first if room is what it waits for.

        How late it is and how long it has waited is the first run's own; what is in its way is everyone's.
        """
        group, run = turn.group, turn.run
        in_the_way = [*group.never, *turn.lacks]
        if group.rungs or group.essentials or not turn.never_fits:
            in_the_way += turn.behind
        for others in (in_turn.lacks if in_turn else (), ladder.obstacles if ladder else ()):
            in_the_way += [reason for reason in others if reason not in in_the_way]
        in_the_way += self._shut(group)
        own = (
            *turn.late,
            *self._overdue(group, run),
            *(self._patience_over(group, run) if group.only_rungs else ())[:1],
        )
        if own:
            self._defer(group, (run,), (*in_the_way, *own))
            group.next += 1
        self._defer(group, group.rest, tuple(in_the_way))

        could_fit = (ladder and ladder.could_fit) or not (turn.never_fits or group.only_rungs)
        if could_fit and turn.lacks and not group.policy.opportunity:
            self._reserve(turn, ladder)

    def _reserve(self, turn: Turn, ladder: Ladder | None) -> None:
        """Keep a start for a blocked run, in the least demanding mode that it would take if it must."""
        group = turn.group
        request = ladder.least if ladder and (turn.never_fits or group.only_rungs) else group.full
        if request is None or len(self._blocked) >= MOST:
            return
        waited = self._at - turn.run.submitted_at
        reservation = self._reservations.reserve(
            group.work,
            group.policy.tier,
            0 if group.promoted else group.rank,
            request,
            group.most,
            strict=shareable(turn.lacks) and waited >= TRICKLE_S,
            impatient=group.rank == 0 and waited >= self._book.tiers[0].patience,
        )
        self._blocked.append(self._waits(turn, request, reservation))

    def _waits(self, turn: Turn, request: ResourceRequest, reservation: Reservation) -> Blocked:
        group = turn.group
        return Blocked(group.work, group.policy, group.rank, request, turn.deadline, reservation, group.most)

    def _patience_over(self, group: RunGroup, run: QueuedRun) -> tuple[Reason, ...]:
        """Why the run goes, or fails, although gates or hours are shut, if they are."""
        if not group.shut:
            return ()
        return (explanation.patience_over(group.policy, group.gates, run, group.shut, self._at), *group.shut)

    def _overdue(self, group: RunGroup, run: QueuedRun) -> tuple[Reason, ...]:
        """Why the run stands before the line, or first in its tier, if it does."""
        tier = self._book.tiers[self._book.rank(group.policy.tier)]
        if group.promoted:
            return (explanation.overdue(run, tier, self._at, "it goes before all others"),)
        if run.run_id == group.favoured:
            return (explanation.favoured(run, tier, tier.patience / DOORS, self._at),)
        return ()

    def _impatient(self, group: RunGroup, run: QueuedRun) -> Reason:
        tier = self._book.tiers[self._book.rank(group.policy.tier)]
        return explanation.overdue(run, tier, self._at, "it rather does less than wait for room")

    def _trickle(self, run: QueuedRun, lack: Reason) -> Reason:
        return explanation.trickles(run, TRICKLE_S, lack, self._at)

    def _defer(self, group: RunGroup, runs: tuple[QueuedRun, ...], reasons: tuple[Reason, ...]) -> None:
        if len(reasons) > 1:
            reasons = tuple(sorted(reasons, key=_place))
        self._decide(Verdict.DEFER, group, runs, reasons)

    def _decide(
        self,
        verdict: Verdict,
        group: RunGroup,
        runs: tuple[QueuedRun, ...],
        reasons: tuple[Reason, ...],
        step: Step | None = None,
        node: NodeCapacity | None = None,
    ) -> None:
        if runs:
            mode, parameters = (step.mode, step.parameters) if step else (FULL, {})
            name = node.name if node else ""
            self._decisions.append(
                Decision(verdict, group.work, group.policy.tier, mode, reasons, runs, parameters, name)
            )


def _composed(step: Step, causes: Sequence[Reason]) -> tuple[Reason, ...]:
    """That a run's stages go another way than all together, if they do, and the first of the causes."""
    if not isinstance(step.way, Composition) or not causes:
        return ()
    return (explanation.composed(step.way, causes[0]),)


def _place(reason: Reason) -> int:
    return ORDER[reason.code]
