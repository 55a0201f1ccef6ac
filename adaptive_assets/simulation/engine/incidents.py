"""The incidents of a scenario: what begins and ends when."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final, Protocol, assert_never

from adaptive_assets.simulation.engine.agenda import Agenda
from adaptive_assets.simulation.engine.data_readiness import Readiness
from adaptive_assets.simulation.engine.observation import Observer
from adaptive_assets.simulation.engine.run_state import Attempt
from adaptive_assets.simulation.engine.simulated_node import SimulatedNode
from adaptive_assets.simulation.scenarios.events import (
    ClockSkew,
    DataTrouble,
    DurationDrift,
    NodeLoss,
    Scenario,
    SlowDisk,
    StrangerCpu,
    StrangerMemory,
)

_Passing = NodeLoss | StrangerCpu | SlowDisk | DataTrouble | ClockSkew
"""What begins, and ends without a trace."""

LEAKS_EVERY_S: Final = 5.0
LEAK_STEPS: Final = 1000
"""A leak is a row of steps of this length, or of longer ones, so many to fill the smallest machine."""


class Drifts:
    """How many times as long runs take as the workload says."""

    def __init__(self) -> None:
        self._drifts: list[DurationDrift] = []

    def begin(self, drift: DurationDrift) -> None:
        """From now on."""
        self._drifts.append(drift)

    def of(self, name: str) -> float:
        """The product of all that hold for runs of ``name``."""
        factor = 1.0
        for drift in self._drifts:
            if not drift.names or name in drift.names:
                factor *= drift.factor
        return factor


class IncidentTarget(Protocol):
    """The part of the world to which things happen."""

    def touch(self, machine: SimulatedNode[Attempt]) -> None:
        """``machine`` is about to change."""

    def lose(self, machine: SimulatedNode[Attempt]) -> None:
        """It falls silent."""

    def bring_back(self, machine: SimulatedNode[Attempt]) -> None:
        """It is back, empty."""


class Incidents:
    """Puts the events of a scenario on the agenda. Events of one kind may overlap, and then add up."""

    def __init__(
        self,
        stage: IncidentTarget,
        machines: Sequence[SimulatedNode[Attempt]],
        observer: Observer,
        readiness: Readiness,
    ) -> None:
        self.drifts = Drifts()
        self.machines = machines
        self._stage = stage
        self._observer = observer
        self._readiness = readiness
        self._losses: dict[str, int] = {}

    def announce(self, scenario: Scenario, agenda: Agenda) -> None:
        """Put the beginning and the end of every event on ``agenda``."""
        for event in scenario.events:
            if isinstance(event, DurationDrift):
                agenda.put(event.at, self.drifts.begin, event)
                continue
            if isinstance(event, StrangerMemory):
                stranger = _Stranger(self, event, agenda)
                agenda.put(event.at, stranger.comes)
                agenda.put(event.at + event.lasts, stranger.goes)
                continue
            agenda.put(event.at, self._happens, event, True)
            agenda.put(event.at + event.lasts, self._happens, event, False)

    def on(self, node: str) -> Iterator[SimulatedNode[Attempt]]:
        """The machines that an event on ``node`` is about (all, where it names none); each is touched."""
        for machine in self.machines:
            if node in ("", machine.spec.name):
                self._stage.touch(machine)
                yield machine

    def _happens(self, event: _Passing, begins: bool) -> None:
        sign = 1 if begins else -1
        match event:
            case NodeLoss():
                self._loss(event, sign)
            case StrangerCpu():
                for machine in self.on(event.node):
                    machine.stranger_cpu = max(0.0, machine.stranger_cpu + sign * event.cores)
            case SlowDisk():
                for machine in self.on(event.node):
                    machine.disk_factor *= event.factor**sign
            case ClockSkew():
                self._skew(event, sign)
            case DataTrouble():
                self._readiness.trouble(event, begins=begins)
            case _:
                assert_never(event)

    def _loss(self, event: NodeLoss, sign: int) -> None:
        before = self._losses.get(event.node, 0)
        self._losses[event.node] = before + sign
        turns: Callable[[SimulatedNode[Attempt]], None] = (
            self._stage.lose if sign > 0 else self._stage.bring_back
        )
        if before == (0 if sign > 0 else 1):
            for machine in self.on(event.node):
                turns(machine)

    def _skew(self, event: ClockSkew, sign: int) -> None:
        """Where there is one machine, the planner is on it; of several, only an event on all reaches it."""
        for machine in self.machines:
            if event.node in ("", machine.spec.name):
                self._observer.skew_s[machine.spec.name] += sign * event.seconds
        if not event.node or len(self.machines) == 1:
            self._observer.clock_skew_s += sign * event.seconds


class _Stranger:
    """Takes memory when it comes, and more in every step; gives all of it back when it goes."""

    def __init__(self, incidents: Incidents, event: StrangerMemory, agenda: Agenda) -> None:
        self._incidents = incidents
        self._event = event
        self._agenda = agenda
        self._taken = 0
        self._next = event.at
        sizes = [machine.spec.memory for machine in incidents.machines]
        self._most = max(sizes)
        grows = event.grows_per_s
        self._every_s = max(LEAKS_EVERY_S, min(sizes) / LEAK_STEPS / grows) if grows else LEAKS_EVERY_S

    def comes(self) -> None:
        """It takes what it takes at once."""
        self._take(self._event.amount)
        if self._event.grows_per_s:
            self._wait()

    def goes(self) -> None:
        """It has gone."""
        self._take(-self._taken)

    def _grows(self) -> None:
        self._take(round(self._event.grows_per_s * self._every_s))
        self._wait()

    def _wait(self) -> None:
        """Until it takes more; nobody notices what it takes beyond all there is."""
        self._next += self._every_s
        if self._next < self._event.at + self._event.lasts and self._taken <= self._most:
            self._agenda.put(self._next, self._grows)

    def _take(self, more: int) -> None:
        self._taken += more
        for machine in self._incidents.on(self._event.node):
            machine.stranger_memory += more
