"""The simulated world: runs come, a planner decides, machines do what machines do.

A discrete-event simulation: between two events nothing changes but the time, and the machines know how far
that brings their runs. The planner is called as by a daemon, and only while there is something to decide.
"""

from collections.abc import Callable
from math import ceil, inf
from typing import Final

from adaptive_assets.planning import planner as ours
from adaptive_assets.planning.snapshot import Action
from adaptive_assets.policy import PolicyBook
from adaptive_assets.simulation.engine.cluster import Cluster
from adaptive_assets.simulation.engine.enactment import enact
from adaptive_assets.simulation.engine.ending import run_outcomes
from adaptive_assets.simulation.engine.metrics import Series
from adaptive_assets.simulation.engine.settings import Knowledge, Planner, Settings
from adaptive_assets.simulation.engine.state import SimulationState
from adaptive_assets.simulation.evaluation.outcome import Outcome
from adaptive_assets.simulation.scenarios.scenario import Scenario, check_scenario
from adaptive_assets.simulation.traces.trace import Workload

SETTLES: Final = 3.0
"""Readings go on changing for so many time constants after the last event."""

SILENT_S: Final = 3600.0
QUIETER: Final = 10.0
"""After so long without any event the planner looks so many times less often."""

LOOKS: Final = 500
"""And at the latest once in this part of the silence so far, so that a century of it can be lived through."""


def simulate(
    workload: Workload,
    book: PolicyBook,
    cluster: Cluster,
    *,
    planner: Planner | None = None,
    name: str | None = None,
    scenario: Scenario | None = None,
    knowledge: Knowledge = Knowledge.LEARNED,
    settings: Settings | None = None,
    seed: int = 0,
    clock: Callable[[], float] | None = None,
    progress: Callable[[float], None] | None = None,
) -> Outcome:
    """Run ``workload`` on ``cluster`` as ``planner`` decides; the same arguments give the same outcome.

    Without a ``planner``, plans are made as in production, with the tuning of the ``settings``.
    ``name`` is what the outcome calls the planner; without it, its own name. ``clock`` measures how long each
    call of the planner takes. ``progress`` is told now and then which share of the runs has ended.

    Raises :class:`~adaptive_assets.policy.PolicyError` if workload, scenario, book and cluster do not go
    together, and :class:`ValueError` if the planner decides what cannot be.
    """
    scenario, settings = scenario or Scenario(), settings or Settings()
    check_scenario(
        scenario,
        nodes=[node.name for node in cluster.nodes],
        names=[run.name for run in workload.runs],
    )
    deployment = SimulationState(workload, book, cluster, scenario, knowledge, settings, seed)
    decides = planner or ours.Planner(settings.tuning)
    daemon = _Daemon(deployment, book, decides, clock)
    series = Series(deployment.machines, deployment.line, deployment.settings.sample_s)
    _run(deployment, daemon, series, progress)
    spend = deployment.account.spend
    return Outcome(
        planner=name or _name_of(decides),
        cluster=cluster,
        tiers=tuple(tier.name for tier in book.tiers),
        runs=run_outcomes(deployment),
        series=tuple(series.samples),
        cycles=daemon.cycles,
        planning_s=tuple(daemon.planning_s),
        end_s=deployment.now,
        used_core_s=sum(machine.core_s for machine in deployment.machines),
        cost=sum(spend.values()),
        spend=spend,
    )


def _name_of(planner: Planner) -> str:
    return str(getattr(planner, "name", None) or getattr(planner, "__name__", "planner"))


def _run(
    deployment: SimulationState, daemon: "_Daemon", series: Series, progress: Callable[[float], None] | None
) -> None:
    """Let everything happen, until nothing is left, nothing moves, or the horizon is reached."""
    settings, agenda = deployment.settings, deployment.agenda
    horizon = inf if settings.horizon_s is None else settings.horizon_s
    told = 0
    deployment.settle()
    while True:
        event_at, cycle_at = agenda.next_at, daemon.next_at()
        at = min(event_at, cycle_at)
        stalled = event_at == inf and at - deployment.changed_at > settings.stall_s
        if at == inf or stalled or at > horizon or deployment.is_over:
            break
        if at >= series.next_at:
            series.note(deployment.active.values(), at)
        deployment.now = at
        if event_at <= cycle_at:
            agenda.do_next()
        else:
            daemon.cycle()
        deployment.settle()
        if progress is not None and deployment.closed * 100 >= (told + 1) * len(deployment.runs):
            told = deployment.closed * 100 // len(deployment.runs)
            progress(told / 100)
    _stop(deployment, series, horizon)


def _stop(deployment: SimulationState, series: Series, horizon: float) -> None:
    """The last sample, and the bill for what still runs."""
    if horizon < inf and not deployment.is_over:
        deployment.now = max(deployment.now, horizon)
    for machine in deployment.machines:
        machine.advance(deployment.now)
    for attempt in deployment.active.values():
        deployment.account.charge(attempt, deployment.now)
    series.end(deployment.active.values(), deployment.now)


class _Daemon:
    """Calls the planner once a cycle, on an even grid, while there is something to decide."""

    def __init__(
        self,
        deployment: SimulationState,
        book: PolicyBook,
        planner: Planner,
        clock: Callable[[], float] | None,
    ) -> None:
        self.cycles = 0
        self.planning_s: list[float] = []
        self._deployment = deployment
        self._book = book
        self._planner = planner
        self._clock = clock
        self._last_at = -inf
        self._promoted_at: float | None = None

    def next_at(self) -> float:
        """The time of the next cycle: infinite while nothing waits for one.

        Where nothing has changed since the last one, it is put off: the planner would say the same again.
        """
        deployment, settings = self._deployment, self._deployment.settings
        if not deployment.line and not deployment.giving_way and not self._is_tight():
            return inf
        if not any(machine.up for machine in deployment.machines):
            return inf  # the daemon is on one of them
        every, now = settings.cycle_s, deployment.now
        unsettled_until = deployment.changed_at + SETTLES * settings.reading_lag_s
        after = self._last_at + every
        if after > unsettled_until and self._last_at > deployment.changed_at:
            silence = now - deployment.changed_at
            quiet = settings.quiet_s * (QUIETER if silence > SILENT_S else 1.0)
            after = self._last_at + max(quiet, silence / LOOKS)
        return max(now, ceil(max(after, now) / every - 1e-9) * every)

    def _is_tight(self) -> bool:
        """Whether runs might have to leave before memory runs out."""
        able = self._deployment.active and Action.REQUEUE in self._deployment.settings.capabilities.actions
        guard = self._book.guards.memory
        return bool(able) and any(
            machine.memory_in_use > guard * machine.spec.memory for machine in self._deployment.machines
        )

    def cycle(self) -> None:
        """Look, plan, and do what the plan says."""
        deployment, now = self._deployment, self._deployment.now
        for machine in deployment.machines:
            machine.advance(now)
        deployment.account.charge_due(deployment.active.values(), now)
        snapshot = deployment.observer.snapshot(deployment.active.values(), self._promoted_at, now)
        started = self._clock() if self._clock else 0.0
        made = self._planner(snapshot, self._book)
        if self._clock:
            self.planning_s.append(self._clock() - started)
        self.cycles += 1
        self._last_at = now
        self._promoted_at = made.promoted_at
        deployment.line.note(made.decisions, now)
        if enact(made, deployment):
            deployment.changed_at = now
