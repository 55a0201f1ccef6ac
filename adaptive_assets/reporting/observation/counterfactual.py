"""The recorded runs as they were, and simulated twice: under stock Dagster's queue, and under our planner."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Final

from adaptive_assets.ledger import RunUsageRow
from adaptive_assets.planning.composition import WHOLE
from adaptive_assets.reporting.observation.trial import Trial
from adaptive_assets.simulation.baselines.stock import Stock
from adaptive_assets.simulation.engine.cluster import Cluster, NodeSpec
from adaptive_assets.simulation.engine.settings import Settings
from adaptive_assets.simulation.engine.simulator import simulate
from adaptive_assets.simulation.evaluation.outcome import Outcome, RunOutcome
from adaptive_assets.simulation.scenarios.events import Scenario, StrangerCpu, StrangerMemory

MEASURED: Final = "measured"
STOCK: Final = "stock, simulated"
OURS: Final = "adaptive, simulated"

_AFTER_S: Final = 3 * 86_400.0
"""How long after the last submission the simulations go on at most."""
_UNLIMITED: Final = 1_000_000


class NoMachineError(ValueError):
    """No reading of a machine is recorded, so there is nothing to simulate on."""


@dataclass(frozen=True, slots=True)
class Lived:
    """What became of one run: seconds from its submission to its start and to its end, ``None`` if never.

    ``has_deadline``: whether one was promised; ``missed``: whether it was not kept.
    """

    tier: str
    start_s: float | None
    turnaround_s: float | None
    has_deadline: bool = False
    missed: bool = False
    degraded: bool = False
    kills: int = 0


@dataclass(frozen=True, slots=True)
class Course:
    """The runs of the trial, by id, in one course of events; ``over_guard`` is the share of the time in which
    more memory was in use than the guard allows.
    """

    name: str
    runs: Mapping[str, Lived]
    over_guard: float | None


@dataclass(frozen=True, slots=True)
class Counterfactual:
    """``run_limit`` is what stock Dagster was given, ``None`` for no limit; ``others`` what strangers use."""

    cluster: Cluster
    run_limit: int | None
    others: tuple[float, int]
    measured: Course
    stock: Course
    ours: Course

    @property
    def courses(self) -> tuple[Course, Course, Course]:
        """In the order in which they are told."""
        return self.measured, self.stock, self.ours


def play(trial: Trial, *, stock_limit: int | None, our_limit: int | None, cycle_s: float) -> Counterfactual:
    """Simulate the runs of ``trial`` on the machine that was read last.

    ``stock_limit`` and ``our_limit`` are ``max_concurrent_runs`` as each would have it, ``cycle_s`` the
    seconds between two passes of the daemon.  Our planner begins without anything learned.

    Raises:
        NoMachineError: no reading is recorded.
    """
    if not trial.readings:
        raise NoMachineError
    last = trial.readings[-1]
    cluster = Cluster((NodeSpec("node", last.cpu_capacity, last.memory_capacity),))
    length = trial.workload.span_s + _AFTER_S
    settings = Settings(
        cycle_s=cycle_s,
        quiet_s=max(cycle_s, 30.0),
        run_limit=our_limit,
        starts_at=trial.starts_at,
        horizon_s=length,
    )
    scenario = _others(trial.others, length)
    limit = _UNLIMITED if stock_limit is None else stock_limit
    stock = simulate(
        trial.workload,
        trial.book,
        cluster,
        planner=Stock(limit, by_tier=False),
        scenario=scenario,
        settings=settings,
    )
    ours = simulate(trial.workload, trial.book, cluster, scenario=scenario, settings=settings)
    return Counterfactual(
        cluster,
        stock_limit,
        trial.others,
        _measured(trial, ours),
        _simulated(STOCK, stock, trial),
        _simulated(OURS, ours, trial),
    )


def _others(others: tuple[float, int], length: float) -> Scenario:
    cores, memory = others
    cpu = [StrangerCpu(at=0, lasts=length, cores=cores)] if cores > 0 else []
    held = [StrangerMemory(at=0, lasts=length, amount=memory)] if memory else []
    return Scenario((*cpu, *held))


def _measured(trial: Trial, outcome: Outcome) -> Course:
    """As it was; tiers and deadlines are those that the simulation gives the same runs."""
    runs = {run.run.run_id: _lived(trial.usages[run.run.run_id], run) for run in outcome.runs}
    return Course(MEASURED, runs, trial.over_guard)


def _lived(usage: RunUsageRow, run: RunOutcome) -> Lived:
    due_s = inf if run.deadline_s is None else run.deadline_s - run.run.submit_s
    ended = usage.ended_at - usage.submitted_at
    began = usage.launched_at if usage.started_at is None else usage.started_at
    return Lived(
        run.tier,
        None if began is None else max(0.0, began - usage.submitted_at),
        ended,
        has_deadline=run.deadline_s is not None,
        missed=ended > due_s,
        degraded=usage.mode not in WHOLE,
    )


def _simulated(name: str, outcome: Outcome, trial: Trial) -> Course:
    runs = {
        run.run.run_id: Lived(
            run.tier,
            None if run.started_s is None else run.started_s - run.run.submit_s,
            run.turnaround_s,
            has_deadline=run.deadline_s is not None,
            missed=run.missed,
            degraded=run.finished and run.mode not in WHOLE,
            kills=run.oom_kills,
        )
        for run in outcome.runs
    }
    bound = trial.book.guards.memory * outcome.cluster.memory
    samples = [sum(node.memory + node.stranger_memory for node in each.nodes) for each in outcome.series]
    over = sum(held > bound for held in samples) / len(samples) if samples else None
    return Course(name, runs, over)
