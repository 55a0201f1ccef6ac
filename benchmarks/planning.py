"""How long ``plan()`` takes: one call on long queues, and all calls of a simulated day."""

import gc
import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import median
from typing import Final

from adaptive_assets.planning.plan import plan
from adaptive_assets.simulation.engine.cluster import Cluster
from adaptive_assets.simulation.engine.settings import Settings
from adaptive_assets.simulation.engine.simulator import simulate
from adaptive_assets.simulation.traces.generated import DAY_S, GIB, WorkKind, drawn
from adaptive_assets.simulation.traces.scaling import scaled
from adaptive_assets.simulation.traces.trace import Workload
from benchmarks.bounds import Bound, bounds_table, plain_bounds
from benchmarks.cells import policy_book
from benchmarks.long_queues import RUNNING, book, long_queue
from benchmarks.report import Finding, grid

__all__ = ["measure", "simulated_day"]

BOUNDS_MS: Final = {10_000: 50.0, 100_000: 400.0}
"""By the length of the queue: the longest median that is good enough."""

KINDS: Final = (100, 10)
"""Queued runs for each kind of work."""

REPEATS: Final = 9
DAY_RUNS: Final = 25_000
DAY_BOUND_S: Final = 60.0
DAY_NAMES: Final = 100
DAY_LOAD: Final = 0.9
DAY_CLUSTER: Final = Cluster.of(64, 256 * GIB)

INTRO: Final = (
    f"One call of plan() with {RUNNING} runs active: medians, after the garbage has been collected."
    f" The simulated day has {DAY_NAMES} names at load {DAY_LOAD:g} on {DAY_CLUSTER.cores:g} cores and"
    f" {DAY_CLUSTER.memory // GIB} GiB."
)


def measure(
    queued: Sequence[int] = tuple(BOUNDS_MS),
    repeats: int = REPEATS,
    runs: int = DAY_RUNS,
    say: Callable[[str], None] = print,
) -> Finding:
    """Queues of those lengths, each in two numbers of kinds, and a day of ``runs`` runs."""
    samples: dict[tuple[int, int], list[float]] = {}
    for length in sorted(queued):
        for kinds in dict.fromkeys(max(1, length // each) for each in KINDS):
            say(f"{length:,} queued runs of {kinds:,} kinds")
            samples[length, kinds] = _timed(length, kinds, repeats)
    say(f"a day of {runs:,} runs")
    day_s, planning_s = _day(runs)
    bounds = [*_call_bounds(samples)]
    if runs == DAY_RUNS:
        bounds.append(Bound.at_most("simulated day, s", f"{runs:,} runs", day_s, DAY_BOUND_S))
    rows = [("queued", "kinds", "median ms", "longest ms")]
    for (length, kinds), seconds in samples.items():
        times = (f"{1000 * median(seconds):.1f}", f"{1000 * max(seconds):.1f}")
        rows.append((f"{length:,}", f"{kinds:,}", *times))
    calls = sorted(planning_s)
    share = sum(calls) / day_s
    day = (
        f"The day took {day_s:.1f} s, of which {share:.0%} was planning: {len(calls):,} calls,"
        f" {1000 * median(calls):.2f} ms in the median, {1000 * calls[-1]:.1f} ms at the longest."
    )
    return Finding(
        "planning",
        INTRO,
        "\n\n".join((bounds_table(bounds), grid(rows), day)),
        all(bound.met for bound in bounds),
        {
            "bounds": plain_bounds(bounds),
            "calls": [{"queued": at[0], "kinds": at[1], "seconds": found} for at, found in samples.items()],
            "day": {"runs": runs, "seconds": day_s, "planning_s": sum(calls), "calls": len(calls)},
        },
    )


def simulated_day(runs: int, seed: int = 0) -> Workload:
    """So many runs of a hundred names, most in the afternoon, at a load of 0.9 for about a day.

    The fewer they are, the longer each takes.
    """
    rng = random.Random(f"day {seed}")
    core_s = DAY_LOAD * DAY_CLUSTER.cores * DAY_S
    kinds = _kinds(rng, core_s / runs)

    def rate(at: float) -> float:
        return 1 - 0.3 * math.cos((at - 4 / 24) * 2 * math.pi)

    # Somewhat more than enough is drawn, so that there are just so many runs; its load is then set right.
    many = drawn("day", rng, 1.2 * core_s, DAY_S, kinds, rate)
    chosen = Workload.of("day", rng.sample(many.runs, runs))
    return scaled(chosen, DAY_LOAD, DAY_CLUSTER.cores)


def _kinds(rng: random.Random, mean_core_s: float) -> tuple[WorkKind, ...]:
    """Work of very different lengths and sizes; a run of it takes ``mean_core_s`` on average."""
    tiers = rng.choices(("critical", "standard", "batch"), (2, 4, 4), k=DAY_NAMES)
    kinds = [
        WorkKind(
            f"kind-{number}",
            tier,
            share=rng.uniform(0.2, 1.0),
            duration_s=rng.lognormvariate(0.0, 0.8),
            spread=rng.uniform(0.2, 0.6),
            cpu=rng.choice((0.5, 1.0, 1.0, 2.0)),
            memory=round(rng.uniform(0.5, 3.0) * GIB),
            slack=None if tier == "batch" else 3.0,
        )
        for number, tier in enumerate(tiers)
    ]
    drawn_core_s = sum(kind.share * _mean_core_s(kind) for kind in kinds) / sum(kind.share for kind in kinds)
    factor = mean_core_s / drawn_core_s
    return tuple(replace(kind, duration_s=kind.duration_s * factor) for kind in kinds)


def _mean_core_s(kind: WorkKind) -> float:
    """Of a log-normal duration the mean is that much above the median."""
    return kind.duration_s * kind.cpu * math.exp(kind.spread**2 / 2)


def _timed(queued: int, kinds: int, repeats: int) -> list[float]:
    """The seconds of each call; one before them finds what Python keeps of classes and functions."""
    snapshot, asked = long_queue(queued, kinds), book()
    plan(snapshot, asked)
    seconds = []
    for _ in range(repeats):
        gc.collect()
        began = time.perf_counter()
        plan(snapshot, asked)
        seconds.append(time.perf_counter() - began)
    return seconds


def _call_bounds(samples: dict[tuple[int, int], list[float]]) -> list[Bound]:
    bounds = []
    for (length, kinds), seconds in samples.items():
        if length in BOUNDS_MS:
            where = f"{length:,} queued, {kinds:,} kinds"
            bounds.append(Bound.at_most("plan(), ms", where, 1000 * median(seconds), BOUNDS_MS[length]))
    for (length, kinds), seconds in samples.items():
        shorter = max((less for less, same in samples if same == kinds and less < length), default=None)
        if shorter is not None:
            times = median(seconds) / median(samples[shorter, kinds])
            where = f"{shorter:,} to {length:,} queued, {kinds:,} kinds"
            note = "longer by so many times"
            bounds.append(Bound.at_most("growth of plan()", where, times, length / shorter, note))
    return bounds


def _day(runs: int) -> tuple[float, tuple[float, ...]]:
    """The seconds that a simulated day takes, and those of each call of the planner in it."""
    workload = simulated_day(runs)
    settings = Settings(horizon_s=workload.span_s)
    gc.collect()
    began = time.perf_counter()
    outcome = simulate(workload, policy_book(), DAY_CLUSTER, settings=settings, clock=time.perf_counter)
    return time.perf_counter() - began, outcome.planning_s
