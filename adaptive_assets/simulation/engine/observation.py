"""From the state of the world to the snapshot that the planner sees of it."""

from collections.abc import Iterable, Sequence
from typing import Final

from adaptive_assets.planning.snapshot import ActiveRun, MachineReading, Node, Pressure, RunState, Snapshot
from adaptive_assets.simulation.engine.data_readiness import Readiness
from adaptive_assets.simulation.engine.knowledge import SimulatedExperience
from adaptive_assets.simulation.engine.run_state import Attempt
from adaptive_assets.simulation.engine.settings import Settings
from adaptive_assets.simulation.engine.simulated_node import Reading, SimulatedNode
from adaptive_assets.simulation.engine.waiting_queue import WaitingQueue

SAME: Final = 0.02
"""CPU in use that has changed by less than this share is told as before, which spares most of the work."""

SETTLED: Final = 4.0
"""After so many time constants a reading shows what is."""

STALE_S: Final = 30.0
"""A reading that is older is not believed."""


class Observer:
    """Makes snapshots, and reuses what has not changed since the last one."""

    def __init__(
        self,
        machines: Sequence[SimulatedNode[Attempt]],
        line: WaitingQueue,
        told: SimulatedExperience,
        readiness: Readiness,
        settings: Settings,
        ramp_s: float = 0.0,
    ) -> None:
        self.skew_s: dict[str, float] = {machine.spec.name: 0.0 for machine in machines}
        """By how much the clock of each node is ahead."""
        self.clock_skew_s = 0.0
        """By how much the planner's own is."""
        self._machines = machines
        self._line = line
        self._told = told
        self._readiness = readiness
        self._settings = settings
        self._ramp_s = ramp_s
        """How far back launches are told; 0: not at all."""
        self._launches: list[float] = []
        self._readings: dict[str, tuple[Reading, float, MachineReading]] = {}

    def left(self, attempt: Attempt) -> None:
        """An attempt has ended, whose launch may still count."""
        if self._ramp_s:
            self._launches.append(attempt.launched)

    def snapshot(self, active: Iterable[Attempt], promoted_at: float | None, now: float) -> Snapshot:
        """What there is to know at ``now``; the machines have been advanced to it."""
        starts_at, one = self._settings.starts_at, len(self._machines) == 1
        at = starts_at + now + self.clock_skew_s
        estimates = self._told.estimates(self._line, now)  # before the queue is looked at: it may change it
        self._launches = [launched for launched in self._launches if now - launched < self._ramp_s]
        return Snapshot(
            at=at,
            queued=self._line.seen(),
            active=tuple([self._active(attempt, now) for attempt in active]),
            machine=self._believed(self._machines[0], now) if one else None,
            data=self._readiness.states(),
            run_limit=self._settings.run_limit,
            actions=self._settings.capabilities.actions,
            nodes=() if one else tuple([self._node(machine) for machine in self._machines]),
            estimates=estimates,
            usage=self._told.usage.at(starts_at + now),
            promoted_at=promoted_at,
            launches=tuple([starts_at + launched for launched in self._launches]),
            weighted=self._settings.weighted,
        )

    def _node(self, machine: SimulatedNode[Attempt]) -> Node:
        reading = self._reading(machine)
        weighted = self._settings.weighted
        return Node(machine.spec.name, reading, reading.at, machine.spec.node_class, weighted=weighted)

    def _believed(self, machine: SimulatedNode[Attempt], now: float) -> MachineReading | None:
        return self._reading(machine) if now - machine.reading[0] <= STALE_S else None

    def _reading(self, machine: SimulatedNode[Attempt]) -> MachineReading:
        spec, reading = machine.spec, machine.reading
        skew = self.skew_s[spec.name]
        known = self._readings.get(spec.name)
        if known is None or known[0] is not reading or known[1] != skew:
            at, cpu, ours, memory, cpu_stalled, memory_stalled, io_stalled = reading
            made = MachineReading(
                at=self._settings.starts_at + at + skew,
                cpu_capacity=spec.cores,
                cpu_used=cpu,
                memory_capacity=spec.memory,
                memory_used=memory,
                pressure=Pressure(cpu_stalled, memory_stalled, io_stalled),
                our_cpu=ours,
            )
            known = self._readings[spec.name] = (reading, skew, made)
        return known[2]

    def _active(self, attempt: Attempt, now: float) -> ActiveRun:
        """What a sampler of the run's processes shows: memory as it is, CPU smoothed like the machine's."""
        seen = attempt.seen
        if attempt.lost and seen is not None:
            return seen
        clock = attempt.clock
        cpu = 0.0 if clock is None else attempt.cpu * clock.rate
        since = now - attempt.stage_since
        if since < SETTLED * self._settings.reading_lag_s:
            cpu += (attempt.cpu_before - cpu) * attempt.node.keeps(since)
        if (
            seen is not None
            and attempt.memory == attempt.seen_memory
            and abs(cpu - attempt.seen_cpu) <= SAME * attempt.cpu
            and not attempt.stopped_for
        ):
            return seen
        attempt.seen_cpu, attempt.seen_memory = cpu, attempt.memory
        attempt.seen = self._told_of(attempt, cpu, now)
        return attempt.seen

    def _told_of(self, attempt: Attempt, cpu: float, now: float) -> ActiveRun:
        run, settings, starts_at = attempt.run, self._settings, self._settings.starts_at
        stopped = attempt.stopped_for > 0 or attempt.stopped_at is not None
        return ActiveRun(
            run.traced.run_id,
            run.kind.work,
            attempt.mode,
            starts_at + attempt.launched,
            None if attempt.started is None else starts_at + attempt.started,
            cpu,
            attempt.memory,
            attempt.node.spec.name if len(self._machines) > 1 else "",
            attempt.state,
            starts_at + run.submitted,
            None if run.deadline is None else starts_at + run.deadline,
            run.estimate,
            settings.capabilities.actions if attempt.state is not RunState.LEAVING else (),
            attempt.ran(now) if stopped else None,
            run.preempted,
            None if attempt.acted_at is None else starts_at + attempt.acted_at,
        )
