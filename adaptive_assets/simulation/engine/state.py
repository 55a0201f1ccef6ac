"""The state of the simulated deployment, and everything that can happen to a run in it."""

from collections import defaultdict
from collections.abc import Callable
from random import Random
from typing import Any

from adaptive_assets.planning.resource_request import FULL
from adaptive_assets.planning.snapshot import RunState
from adaptive_assets.policy import PolicyBook
from adaptive_assets.policy.weights import USUAL_CPU_WEIGHT
from adaptive_assets.simulation.baselines.observed_requests import learner_of
from adaptive_assets.simulation.engine.agenda import Agenda
from adaptive_assets.simulation.engine.cluster import Cluster
from adaptive_assets.simulation.engine.data_readiness import Readiness
from adaptive_assets.simulation.engine.due import promised_s
from adaptive_assets.simulation.engine.incidents import Incidents
from adaptive_assets.simulation.engine.knowledge import SimulatedExperience
from adaptive_assets.simulation.engine.metrics import Account
from adaptive_assets.simulation.engine.observation import Observer
from adaptive_assets.simulation.engine.run_state import Attempt, Needs, Run, needs_of, runs_of
from adaptive_assets.simulation.engine.settings import Knowledge, Settings
from adaptive_assets.simulation.engine.simulated_node import SimulatedNode
from adaptive_assets.simulation.engine.waiting_queue import WaitingQueue
from adaptive_assets.simulation.scenarios.scenario import Scenario
from adaptive_assets.simulation.traces.trace import Workload


class SimulationState:
    """Queue, active runs and machines at ``now``; what is to happen stands on the agenda.

    After a step, :meth:`settle` sets the speeds of the machines that were touched in it.
    """

    def __init__(
        self,
        workload: Workload,
        book: PolicyBook,
        cluster: Cluster,
        scenario: Scenario,
        knowledge: Knowledge,
        settings: Settings,
        seed: int,
    ) -> None:
        self.now = 0.0
        self.settings = settings
        self.agenda = Agenda()
        self.active: dict[str, Attempt] = {}
        self.giving_way: dict[Attempt, None] = {}
        """Those that are suspended, and are to be given back what they had."""
        self.closed = 0
        """How many runs have ended, well or not."""
        self.changed_at = 0.0
        """When anything happened last that a planner may want to know of."""
        self.machines: list[SimulatedNode[Attempt]] = [
            SimulatedNode(spec, lag_s=settings.reading_lag_s, reading_every_s=settings.reading_every_s)
            for spec in cluster.nodes
        ]
        self.line = WaitingQueue(settings.starts_at, settings.cycle_s)
        most_memory = int(max(spec.memory for spec in cluster.nodes) * book.guards.memory)
        learner = learner_of(knowledge, book, self._needs, settings.learning)
        self.told = SimulatedExperience(learner, most_memory, settings.starts_at)
        self.account = Account(book, self.told.usage, settings.starts_at)
        self.runs, self._children = runs_of(workload, book, composes=settings.capabilities.composes)
        self.by_id = {run.traced.run_id: run for run in self.runs}
        read = (name for run in self.runs for name in run.kind.work.reads)
        self.readiness = Readiness(read, settings.starts_at)
        ramp_s = book.guards.ramp.every if book.guards.ramp else 0.0
        self.observer = Observer(self.machines, self.line, self.told, self.readiness, settings, ramp_s)
        self._book = book
        self._by_name = {machine.spec.name: machine for machine in self.machines}
        self._random = Random(seed)
        self._touched: dict[SimulatedNode[Attempt], None] = {}
        self._on_their_way = 0
        self._incidents = Incidents(self, self.machines, self.observer, self.readiness)
        self._incidents.announce(scenario, self.agenda)
        self._submit_from(0)

    @property
    def is_over(self) -> bool:
        """Whether nothing waits, runs or is still to come; what a scenario goes on with befalls nobody."""
        return not (self.line or self.active or self._on_their_way)

    # What the planner says.

    def launch(self, run_id: str, mode: str, node: str, cpu_weight: int) -> None:
        """The run leaves the queue and starts up; without a ``node`` where there are fewest for the cores."""
        machine = self._by_name.get(node) if node else self._emptiest()
        if machine is None:
            raise ValueError(f"the planner placed `{run_id}` on `{node}`, which is no node")
        run = self.line.remove(run_id, self.now)
        settings = self.settings
        needs = self._needs(run_id, mode)
        startup = (settings.startup_s, settings.startup_cpu)
        weight = cpu_weight if settings.weighted else USUAL_CPU_WEIGHT
        attempt = Attempt(run, mode, machine, self.now, needs, startup, weight)
        run.attempt = run.last = self.active[run_id] = attempt
        run.attempts += 1
        if not machine.up:
            self._lost(attempt)
            return
        self.touch(machine)
        machine.hold(attempt, attempt.first_memory)
        self._go_on(attempt)

    def fail(self, run_id: str, why: str) -> None:
        """The run leaves the queue for good."""
        run = self.line.remove(run_id, self.now)
        self.told.left(run)
        self._close(run, why)

    def stop(self, attempt: Attempt) -> None:
        """The attempt stands still from now on, and keeps its memory."""
        attempt.seen = None
        self.touch(attempt.node)
        attempt.node.leave(attempt)

    def start(self, attempt: Attempt) -> None:
        """It goes on from where it stands."""
        attempt.seen = None
        self.touch(attempt.node)
        attempt.node.enter(attempt)

    def cancel(self, attempt: Attempt) -> None:
        """It is told to end, which takes a while; then it goes back to the queue."""
        self.stop(attempt)
        attempt.state = RunState.LEAVING
        self.agenda.put(self.now + self.settings.cancel_s, self._is_gone, attempt)

    # What happens by itself.

    def touch(self, machine: SimulatedNode[Attempt]) -> None:
        """``machine`` is about to change."""
        machine.advance(self.now)
        self._touched[machine] = None

    def settle(self) -> None:
        """Set the speeds of the machines that were touched; kill where there is too little memory."""
        for machine in self._touched:
            while machine.memory_in_use > machine.spec.memory and (largest := machine.largest()):
                self._kill(largest)
            machine.event += 1
            ends = machine.settle()
            if ends is not None:
                self.agenda.put(max(ends, self.now), self._stages_end, machine, machine.event)
            self.changed_at = self.now
        self._touched.clear()

    def lose(self, machine: SimulatedNode[Attempt]) -> None:
        """The node falls silent, and all that runs on it is lost."""
        for attempt in machine.lose_all():
            self._lost(attempt)

    def bring_back(self, machine: SimulatedNode[Attempt]) -> None:
        """The node is back, empty."""
        machine.up = True

    def _submit_from(self, number: int) -> None:
        """Submit all runs that are due, from the one of that number on; the others follow in their time."""
        while number < len(self.runs):
            run = self.runs[number]
            if run.traced.submit_s > self.now:
                self._comes(run.traced.submit_s, self._submit_from, number)
                return
            if not run.parents_left:
                self._release(run)
            number += 1

    def _release(self, run: Run) -> None:
        run.released = run.submitted = self.now
        promised = promised_s(run)
        run.deadline = None if promised is None else self.now + promised
        self._enqueue(run)

    def _enqueue(self, run: Run) -> None:
        self.told.arrives(run)
        self.line.add(run, self.now)
        self.changed_at = self.now

    def _comes(self, at: float, bring: Callable[[Any], None], what: object) -> None:
        """``bring(what)`` is to be called at ``at``, and puts runs into the queue."""

        def arrive() -> None:
            self._on_their_way -= 1
            bring(what)

        self._on_their_way += 1
        self.agenda.put(at, arrive)

    def _retry(self, run: Run) -> None:
        """Dagster submits it anew, so it stands behind all others; what was requeued keeps its place."""
        run.submitted = self.now
        self._enqueue(run)

    def _stages_end(self, machine: SimulatedNode[Attempt], event: int) -> None:
        if machine.event == event:
            self.touch(machine)
            for rider in machine.stages_over():
                self._next_stage(rider)

    def _next_stage(self, attempt: Attempt) -> None:
        attempt.seen = None
        if attempt.next_stage(self.now):
            attempt.node.hold(attempt, attempt.stage_memory)
            self._go_on(attempt)
        else:
            self._end(attempt)

    def _go_on(self, attempt: Attempt) -> None:
        if attempt.left > 0:
            attempt.node.enter(attempt)
        else:
            self._next_stage(attempt)

    def _end(self, attempt: Attempt) -> None:
        run = attempt.run
        self._leaves(attempt)
        run.ended = self.now
        run.useful_core_s = attempt.needs.cpu * attempt.needs.duration
        self.closed += 1
        self.told.ended(attempt, self.now)
        self.readiness.made(run.traced.name, attempt.mode, self.now)
        for child in self._children.get(run.traced.run_id, ()):
            child.parents_left -= 1
            if not child.parents_left and child.traced.submit_s <= self.now:
                self._release(child)

    def _kill(self, attempt: Attempt) -> None:
        run, held = attempt.run, attempt.memory
        self._comes_to_nothing(attempt)
        run.killed_at.append(self.now)
        self.told.killed(attempt, held, self.now)
        kills = len(run.killed_at)
        if kills > self.settings.oom_retries:
            times = "once" if kills == 1 else f"{kills} times"
            self._close(run, f"killed {times} for want of memory")
        else:
            self._comes(self.now + self.settings.retry_s, self._retry, run)

    def _lost(self, attempt: Attempt) -> None:
        attempt.lost = True
        self.giving_way.pop(attempt, None)
        found = self._random.uniform(self.settings.lost_after_s, self.settings.lost_within_s)
        self.agenda.put(self.now + found, self._is_gone, attempt)

    def _is_gone(self, attempt: Attempt) -> None:
        """A run that was cancelled has ended, or one is found to be lost; whichever comes first counts."""
        if attempt.run.attempt is attempt and (attempt.lost or attempt.state is RunState.LEAVING):
            held = attempt.memory
            self._comes_to_nothing(attempt)
            if attempt.lost:
                self._retry(attempt.run)
            else:
                self.told.gave_way(attempt, held, self.now)
                self._enqueue(attempt.run)

    def _comes_to_nothing(self, attempt: Attempt) -> None:
        self._leaves(attempt)
        attempt.run.wasted_core_s += attempt.core_s()

    def _leaves(self, attempt: Attempt) -> None:
        """The attempt is over, and holds nothing any more."""
        if not attempt.lost:
            self.touch(attempt.node)
            attempt.node.leave(attempt)
            attempt.node.free(attempt)
        self.account.charge(attempt, self.now)
        self.observer.left(attempt)
        self.giving_way.pop(attempt, None)
        self.told.left(attempt.run)
        attempt.run.attempt = None
        del self.active[attempt.run.traced.run_id]

    def _close(self, run: Run, why: str) -> None:
        run.failed = why
        self.closed += 1
        self.changed_at = self.now

    def _needs(self, run_id: str, mode: str = FULL) -> Needs:
        run = self.by_id[run_id]
        return needs_of(run.traced, run.kind.policy, mode, self._incidents.drifts.of(run.traced.name))

    def _emptiest(self) -> SimulatedNode[Attempt]:
        if len(self.machines) == 1:
            return self.machines[0]
        active: defaultdict[SimulatedNode[Attempt], int] = defaultdict(int)
        for attempt in self.active.values():
            active[attempt.node] += 1
        candidates = [machine for machine in self.machines if machine.up] or self.machines
        return min(candidates, key=lambda machine: active[machine] / machine.spec.cores)
