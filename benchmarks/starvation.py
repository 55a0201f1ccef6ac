"""Two shapes of work in which somebody starves where a planner is careless."""

from collections.abc import Callable, Iterable
from typing import Final

from adaptive_assets.simulation.engine.cluster import Cluster
from adaptive_assets.simulation.engine.simulator import simulate
from adaptive_assets.simulation.evaluation.outcome import RunOutcome
from adaptive_assets.simulation.traces.shapes import (
    GIB,
    full_pool_hides_an_empty_one,
    small_work_against_a_huge_run,
)
from adaptive_assets.simulation.traces.trace import Workload
from benchmarks.bounds import Bound
from benchmarks.cells import policy_book

__all__ = ["SHAPES", "fed"]

MACHINE: Final = Cluster.of(8, 32 * GIB)

SHAPES: Final[tuple[tuple[Callable[[int], Workload], str, float], ...]] = (
    (full_pool_hides_an_empty_one, "light", 600.0),
    (small_work_against_a_huge_run, "huge", 1800.0),
)
"""Who must not starve, and how many seconds anyone of them may wait.

Behind the full pool stand four minutes of light work, if one sees that there is room for it; the heavy work
before it takes more than an hour.  The huge run comes when the stream of small work has nearly an hour to go:
a planner that never keeps room for it lets it wait until then.
"""


def fed(seeds: Iterable[int]) -> list[Bound]:
    """The longest wait in each shape over all seeds, and that all has ended."""
    bounds = []
    for shape, who, patience_s in SHAPES:
        waits, unfinished = [], 0
        for seed in seeds:
            outcome = simulate(shape(seed), policy_book(), MACHINE, seed=seed)
            waits += [run.wait_s for run in outcome.runs if _kind(run) == who]
            unfinished += sum(not run.finished for run in outcome.runs)
        where = shape.__name__.replace("_", " ")
        bounds.append(Bound.at_most(f"longest wait of {who} runs, s", where, max(waits), patience_s))
        bounds.append(Bound.at_most("runs that never ended", where, unfinished, 0))
    return bounds


def _kind(run: RunOutcome) -> str:
    return run.run.name.partition("-")[0]
