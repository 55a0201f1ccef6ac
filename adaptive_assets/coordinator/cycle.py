"""One cycle: observe, plan, record, enact."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import dagster as dg

from adaptive_assets.assets.input_states import InputStates
from adaptive_assets.assets.policy_assignment import DEFAULT, facts_of
from adaptive_assets.coordinator.active_watch import ActiveWatch
from adaptive_assets.coordinator.book_watch import BookWatch
from adaptive_assets.coordinator.catalogue_store import CatalogueStore
from adaptive_assets.coordinator.clock import ClockWatch
from adaptive_assets.coordinator.coordinator_mode import CoordinatorMode, ModeLog
from adaptive_assets.coordinator.data_readiness import readable_states
from adaptive_assets.coordinator.enactment import Enactment, line
from adaptive_assets.coordinator.experience import Experience
from adaptive_assets.coordinator.faults import Fault
from adaptive_assets.coordinator.launch_follow import LaunchFollow
from adaptive_assets.coordinator.launch_watch import LaunchWatch
from adaptive_assets.coordinator.next_pass import NextPass
from adaptive_assets.coordinator.observation import Observation
from adaptive_assets.coordinator.parts import Parts
from adaptive_assets.coordinator.policy_in_force import PolicyInForce
from adaptive_assets.coordinator.queue_watch import QueueWatch
from adaptive_assets.coordinator.recording import Recorder
from adaptive_assets.coordinator.requesting import Requesting
from adaptive_assets.coordinator.run_inputs import RunInputs
from adaptive_assets.coordinator.slot_watch import SlotWatch
from adaptive_assets.coordinator.start_watch import StartWatch
from adaptive_assets.coordinator.weight_watch import WeightWatch
from adaptive_assets.ledger import Ledger
from adaptive_assets.planning.decisions import Plan
from adaptive_assets.planning.isolation import LeftOut, plan_the_rest
from adaptive_assets.planning.planner import Planner
from adaptive_assets.planning.snapshot import ActiveRun, MachineReading, Snapshot, Work
from adaptive_assets.signals import MachineSampler, RunProcesses

T = TypeVar("T")

logger = logging.getLogger("dagster.adaptive_assets")


@dataclass(frozen=True, slots=True)
class CycleOutcome:
    """What a cycle leaves to the dequeue pass: how many runs are free to launch, and how many are active.

    ``lost`` are in progress for Dagster although nothing of them is left.
    """

    free: int
    active: int
    lost: int = 0
    faults: tuple[Fault, ...] = ()


class Cycle:
    """The cycle of one dequeue daemon. It keeps no state that a restart would lose: what it knows of runs

    is read from their tags, and what it remembers between cycles only saves reads and writes. Its parts fail
    one by one: see :class:`~adaptive_assets.coordinator.parts.Parts`.
    """

    def __init__(
        self,
        instance: dg.DagsterInstance,
        *,
        books: BookWatch,
        ledger: Ledger,
        catalogues: CatalogueStore,
        machine: MachineSampler,
        processes: RunProcesses,
        run_limit: int | None = None,
        retention_s: float | None = None,
        outbox: Path | None = None,
        node: str,
        observes: bool = False,
    ) -> None:
        self._instance = instance
        self._ledger = ledger
        self._machine = machine
        self._run_limit = run_limit
        self._node = node
        self._now = 0.0
        self.next_pass = NextPass(instance)
        """Whether the next cycle is due before its time."""
        self._clock = ClockWatch()
        self._parts = Parts(self._record_fault)
        self._policy = PolicyInForce(books, catalogues, self._parts)
        self._active = ActiveWatch(instance, self._told_work_of, processes, node, kept=ledger)
        self._slots = SlotWatch(instance)
        self._launches = LaunchWatch(instance)
        self._states = InputStates(instance)
        self._follow = LaunchFollow(instance, processes)
        self._weights = WeightWatch(instance.run_launcher, processes, observes=observes)
        self._inputs = RunInputs(instance)
        self._queue = QueueWatch(instance, self._work_of, self._slots.claims_of, self._inputs_of)
        self._enactment = (Observation if observes else Enactment)(instance, self._queue, self._parts)
        self._mode_log = ModeLog(CoordinatorMode.OBSERVE if observes else CoordinatorMode.ACT)
        self._would = "Only observed: " if observes else ""
        self._experience = Experience()
        self._planner = Planner()
        self._starts = StartWatch(observes=observes)
        self._requesting = Requesting(instance, ledger, self._parts, self._experience, observes=observes)
        self._recorder = Recorder(
            ledger,
            node=node,
            source=str(books.path) if books.path else "no file",
            retention_s=retention_s,
            outbox=outbox,
            every_queue=observes,
        )

    def run(
        self,
        now: float,
        elapsed: float,
        workspace: Any | None = None,
        paused: Mapping[str, float] = MappingProxyType({}),
    ) -> CycleOutcome:
        """Observe, plan, record and enact, as of ``now`` (POSIX seconds).

        ``elapsed`` are the seconds of a clock that nobody sets, from any fixed time on. ``workspace`` is the
        dequeue daemon's. ``paused`` are the code locations of which Dagster launches nothing, with the time
        until which.

        Raises:
            Exception: Dagster's own storage cannot be read, or refuses one write after another.
        """
        self._now = now
        self.next_pass.begin()
        self._parts.begin(now)
        self._begin_recording()
        self._look_at_the_clock(now, elapsed)
        if self._parts.attempt("govern", lambda: self._policy.update(now, workspace), False):
            self._queue.reassess()
        catalogue = self._policy.assignment.catalogue
        if self._parts.attempt("inputs", lambda: self._inputs.look(now, workspace, catalogue), False):
            self._queue.look_again()
        self._parts.attempt("learn", lambda: self._learn(now), None)
        self._requesting.begin(self._policy.book)
        snapshot = self._with_estimates(self._observe(now, paused))
        decided, left_out = self._plan(snapshot)
        changed = self._recorder.changes(decided)
        # before any tag, so that nothing acts unrecorded
        book = self._policy.book
        ids = self._recorder.cycle(now, book, snapshot, decided, changed, left_out)
        free = self._enactment.enact(decided, ids, snapshot.data)
        launched = self._weights.expected(decided)
        self._parts.attempt("launches", lambda: self._follow.expect(launched), None)
        for decision in changed:
            logger.info("%s%s", self._would, line(decision))
        self._parts.attempt("starts", lambda: self._starts.observe(snapshot, decided, book), None)
        self._requesting.look(snapshot, decided, self._policy.assignment, workspace)
        self._end_recording(now, snapshot)
        self._parts.end()
        self.next_pass.end(
            queued=(run.run_id for run in snapshot.queued),
            active=(run.run_id for run in snapshot.active),
            admitted=(run.run_id for decision in decided.admitted() for run in decision.runs),
            awaited=self._requesting.awaited,
        )
        return CycleOutcome(free, len(snapshot.active), len(self._active.lost), tuple(self._parts.told))

    def close(self) -> None:
        """Leave what waits for the ledger to the next process."""
        self._follow.stop()
        self._recorder.close()

    def _work_of(self, run: dg.DagsterRun) -> Work:
        unknown = Work(name=run.job_name, policy=DEFAULT, degradable=False)
        told = partial(self._told_work_of, run)
        return self._parts.attempt("run", told, unknown, subject=f"run {run.run_id}")

    def _told_work_of(self, run: dg.DagsterRun) -> Work:
        """The kind of work that ``run`` is; raises what its tags, its origin or the catalogue may cause."""
        return self._policy.assignment.work_of(facts_of(run))

    def _inputs_of(self, run: dg.DagsterRun, work: Work) -> tuple[str, ...] | None:
        return self._inputs.of(run, work) if self._is_gated(work) else None

    def _look_at_the_clock(self, now: float, elapsed: float) -> None:
        self._clock.look(now, elapsed)
        if self._clock.ahead_s:
            message = (
                "The clock has jumped forward: until it is set back, or as much time has passed, no run fails"
                " for having waited, and the ledger forgets nothing."
            )
            self._parts.fault("clock", message)
        else:
            self._parts.works("clock")

    def _learn(self, now: float) -> None:
        """Learn from the runs that have ended."""
        self._experience.govern(self._policy.book)
        self._to_ledger(lambda: self._experience.recall(self._ledger), None)
        self._to_ledger(lambda: self._starts.recall(self._ledger), None)
        self._to_ledger(self._active.resume, None)
        # before the queue is read, which may hold the next attempt of a run that has failed just now
        ended = self._active.ended(now)
        self._recorder.ended([usage for _, usage in ended])
        self._experience.ended(ended)

    def _observe(self, now: float, paused: Mapping[str, float]) -> Snapshot:
        queued = self._queue.observe(now)
        read = {key for run in queued if self._is_gated(run.work) for key in run.reads}
        if self._machine.fault:
            self._parts.fault("signals", str(self._machine.fault))
        else:
            self._parts.works("signals")
        active = self._active.observe(now)
        for each in (*self._active.problems, *self._active.lost):
            self._parts.fault("run", each.message, subject=f"run {each.run_id}")
        machine = self._machine.latest(now)
        self._weigh(now, active, machine)
        return Snapshot(
            at=now,
            queued=queued,
            active=active,
            machine=machine,
            data=readable_states(
                self._states, self._policy.assignment.catalogue, self._inputs.by_key(read), self._parts, now
            ),
            run_limit=self._run_limit,
            limits=self._parts.attempt("pools", lambda: self._slots.limits(queued), {}),
            paused=paused,
            launches=self._launched(now, active),
            clock_certain=not self._clock.ahead_s,
            weighted=self._weights.now.in_force,
        )

    def _weigh(self, now: float, active: Sequence[ActiveRun], machine: MachineReading | None) -> None:
        """Give the runs their CPU weights, and tell, once, that the system does not let us."""
        refused = self._weights.refused
        self._parts.attempt(
            "weights", lambda: self._weights.look(now, active, self._policy.book, machine), None
        )
        if self._weights.refused not in {"", refused}:
            self._parts.notice("weights", f"CPU weights are not in force: {self._weights.now.why}")
        if self._follow.problem is not None:
            self._parts.failed("launches", self._follow.problem)
        else:
            self._parts.works("launches")

    def _begin_recording(self) -> None:
        self._recorder.begin()
        for notice in self._recorder.notices():
            self._parts.notice("ledger", notice)
        self._look_at_the_ledger()

    def _end_recording(self, now: float, snapshot: Snapshot) -> None:
        self._recorder.samples(now, snapshot)
        if not self._recorder.waiting:  # what is not in the ledger yet is read again after a restart
            self._to_ledger(lambda: self._mode_log.note(self._ledger, now), None)
            self._to_ledger(self._active.recorded, None)
            self._to_ledger(lambda: self._experience.keep(self._ledger, now, self._active.told_until), None)
            self._to_ledger(lambda: self._starts.keep(self._ledger, now), None)
        self._to_ledger(lambda: self._weights.keep(self._ledger), None)
        certain = not self._clock.ahead_s
        self._to_ledger(lambda: self._recorder.prune(now, certain=certain), None)
        self._look_at_the_ledger()

    def _look_at_the_ledger(self) -> None:
        """Tell that the ledger cannot be written, until a write has succeeded."""
        if (trouble := self._recorder.trouble) is None:
            self._parts.works("ledger")
        elif not self._parts.has_failed("ledger"):
            self._parts.fault("ledger", trouble)

    def _launched(self, now: float, active: Sequence[ActiveRun]) -> tuple[float, ...]:
        """The launches of runs that are not active any more, if there is a ramp to count them."""
        ramp = self._policy.book.guards.ramp
        if ramp is None:
            return ()
        ids = {run.run_id for run in active}
        known = self._launches.remembered(now, ramp.every, ids)
        return self._parts.attempt("ramp", lambda: self._launches.observe(now, ramp.every, ids), known)

    def _is_gated(self, work: Work) -> bool:
        return self._policy.book.policy(work.gated_by or work.policy).gates.any_given

    def _with_estimates(self, snapshot: Snapshot) -> Snapshot:
        return self._parts.attempt("estimate", lambda: self._experience.into(snapshot), snapshot)

    def _plan(self, snapshot: Snapshot) -> tuple[Plan, tuple[str, ...]]:
        """The plan, and the keys of the runs that it had to be made without."""
        book = self._policy.book
        left_out: tuple[LeftOut, ...] = ()
        try:
            decided = self._planner(snapshot, book)
        except Exception as error:  # noqa: BLE001  raised again where no single run is the cause
            decided, left_out = plan_the_rest(snapshot, lambda part: self._planner(part, book), error)
            for each in left_out:
                self._tell_left_out(each)
        self._experience.planned(decided)
        return decided, tuple(each.key for each in left_out)

    def _tell_left_out(self, left: LeftOut) -> None:
        message = (
            f"{len(left.runs)} runs of {left.work.name} (policy `{left.work.policy}`) cannot be planned for"
            f" and stay as they are: {type(left.error).__name__}: {left.error}"
        )
        if self._parts.fault("plan", message, subject=f"work {left.work.name}"):
            logger.error("The error in full:", exc_info=left.error)

    def _to_ledger(self, action: Callable[[], T], otherwise: T) -> T:
        return self._parts.attempt_once("ledger", action, otherwise)

    def _record_fault(self, fault: Fault) -> None:
        self._recorder.fault(self._now, fault.part, fault.message)
