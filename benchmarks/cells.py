"""One cell of the simulator's benchmark: a workload at a load with a seed, played by one of the planners."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Final, Literal

from adaptive_assets.policy import PolicyBook, load_policy_book
from adaptive_assets.simulation.baselines.bounds import most_work, oracle
from adaptive_assets.simulation.engine.capabilities import NOTHING, Capabilities
from adaptive_assets.simulation.engine.cluster import Cluster
from adaptive_assets.simulation.engine.settings import Settings
from adaptive_assets.simulation.engine.simulator import simulate
from adaptive_assets.simulation.evaluation.measures import measure
from adaptive_assets.simulation.evaluation.sweep import Trial, sweep
from adaptive_assets.simulation.traces.csv_trace import load_csv_trace
from adaptive_assets.simulation.traces.generated import steady
from adaptive_assets.simulation.traces.scaling import scaled
from adaptive_assets.simulation.traces.team import CORES, MEMORY, team
from adaptive_assets.simulation.traces.trace import Workload, check_tiers
from benchmarks import workloads

__all__ = [
    "CLUSTER",
    "LOADS",
    "PARTS",
    "TEAM",
    "TEAM_LOADS",
    "TRACES",
    "UNTUNED",
    "Cell",
    "Part",
    "Played",
    "cluster_of",
    "drawn",
    "loads_of",
    "play",
    "policy_book",
]

Part = Literal["baselines", "oracle", "ours"]
PARTS: Final[tuple[Part, ...]] = ("baselines", "oracle", "ours")
"""Who plays; the one that takes longest first, so that no process is left with it at the end."""

TRACES: Final[Mapping[str, Callable[[int], Workload]]] = {
    "google": workloads.google,
    "alibaba": workloads.alibaba,
    "team": team,
}
UNTUNED: Final[Mapping[str, Callable[[int], Workload]]] = {
    "steady": partial(steady, load=1.0, cores=workloads.CORES, span_s=6 * 3600.0),
}
"""A small data platform, made up, by which no rule was chosen; played when it is named."""

LOADS: Final = (0.8, 1.0, 1.3)
CLUSTER: Final = Cluster.of(workloads.CORES, workloads.MEMORY)

TEAM: Final = Cluster.of(CORES, MEMORY)
TEAM_LOADS: Final = (0.1, 0.45, 0.8)
"""A team's machine is idle most of the time. The schedules of a week are then the nearer together."""


@dataclass(frozen=True, slots=True)
class Cell:
    """The workload of a trace (its name, or a file), drawn with ``seed`` and brought to ``load``.

    ``world`` is what launchers can do. Baselines ask for nothing of it, and are played in the default one.
    """

    trace: str
    load: float
    seed: int
    world: Capabilities = NOTHING

    @property
    def label(self) -> str:
        """How it is called while it is played."""
        more = f" with {', '.join(self.world.words)}" if self.world.words else ""
        return f"{self.trace} at {self.load:g}, seed {self.seed}{more}"


@dataclass(frozen=True, slots=True)
class Played:
    """What one part made of a cell: for ours and the oracle one trial, for the baselines all that were tried.

    ``possible_core_s`` is the work bound: what anybody could have finished until the end.
    """

    cell: Cell
    part: Part
    trials: tuple[Trial, ...]
    possible_core_s: float
    took_s: float


def play(cell: Cell, part: Part) -> Played:
    """Simulate from the first submission to the last; what has not ended by then is not finished."""
    began = time.perf_counter()
    cluster = cluster_of(cell.trace)
    workload = scaled(drawn(cell.trace, cell.seed), cell.load, cluster.cores)
    settings = Settings(horizon_s=workload.span_s, capabilities=cell.world)
    book, seed = policy_book(cell.trace), cell.seed
    clock = time.perf_counter
    if part == "baselines":
        tried = sweep(workload, book, cluster, settings=settings, seed=seed, clock=clock)
        trials = tuple(replace(trial, outcome=None) for trial in tried)
    elif part == "oracle":
        outcome = oracle(workload, book, cluster, settings=settings, seed=seed, clock=clock)
        trials = (Trial(part, {}, measure(outcome), best=True),)
    else:
        outcome = simulate(workload, book, cluster, settings=settings, seed=seed, clock=clock, name=part)
        trials = (Trial(part, {}, measure(outcome), best=True),)
    possible = most_work(workload, cluster, workload.span_s)
    return Played(cell, part, trials, possible, time.perf_counter() - began)


def cluster_of(trace: str) -> Cluster:
    """The machine that the trace is played on."""
    return TEAM if trace == "team" else CLUSTER


def loads_of(trace: str) -> tuple[float, ...]:
    """The loads that a whole benchmark plays the trace at."""
    return TEAM_LOADS if trace == "team" else LOADS


def drawn(trace: str, seed: int) -> Workload:
    """A workload by name, drawn with ``seed``; or all of a trace file, of which the seed draws nothing.

    Raises :class:`~benchmarks.alibaba.NoTraceError` where the trace is not installed, and
    :class:`~adaptive_assets.simulation.traces.trace.TraceError` for a file that is none.
    """
    make = TRACES.get(trace) or UNTUNED.get(trace)
    workload = load_csv_trace(trace) if make is None else make(seed)
    check_tiers(workload, [tier.name for tier in policy_book(trace).tiers])
    return workload


@cache
def policy_book(trace: str = "") -> PolicyBook:
    """Three tiers, and nothing of single jobs; the team has policies of its own for the same tiers."""
    name = "team_policies.yaml" if trace == "team" else "simulation_policies.yaml"
    return load_policy_book(Path(__file__).with_name(name))
