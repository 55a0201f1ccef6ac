"""From submission to end: ours by stock's at its best, on every workload, until the last run has ended.

A wait that is saved by overloading the CPU is paid while running, so here planners are compared by
turnarounds. Stock launches with priority by tier, as a user would have it; its number of runs at once is
searched for by the score of what the tables compare (:mod:`adaptive_assets.simulation.evaluation.score`).
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from itertools import product
from math import exp, fsum, log
from typing import Any, Final

from adaptive_assets.simulation.engine.settings import Settings
from adaptive_assets.simulation.engine.simulator import simulate
from adaptive_assets.simulation.evaluation.comparison import setting_text
from adaptive_assets.simulation.evaluation.measures import Measures, measure
from adaptive_assets.simulation.evaluation.score import score
from adaptive_assets.simulation.evaluation.sweep import Trial, sweep
from benchmarks.ablation_cells import workload_of
from benchmarks.bounds import Bound, bounds_table, plain_bounds
from benchmarks.cells import TRACES, Cell, cluster_of, drawn, loads_of, policy_book
from benchmarks.report import Finding, grid
from benchmarks.seeds import seeds_title
from benchmarks.side_by_side import side_by_side

__all__ = ["FIRST", "SEEDS", "Played", "bounds_of", "measure_all", "play_out"]

SEEDS: Final = 3
FIRST: Final = 3
"""The first seed that nothing was tuned on."""

OURS: Final = "ours"
STOCK: Final = "stock, priority by tier"
BASELINES: Final = (STOCK, "requests")
"""What people have: Dagster's own queue, and one that knows requests of cores and memory."""

LIGHT: Final = 0.45
BUSY: Final = 0.8
NO_WORSE: Final = 1.1
LOWEST: Final = 1.3
BETTER: Final = 0.9
MISSES: Final = 0.5
KILLS: Final = 1.1
NEARLY_ALL: Final = 0.98

INTRO: Final = (
    "Simulated until all has ended. Turnarounds are seconds from submission to end, of the runs that ended;"
    " over the seeds their ratios are geometric means, and work, misses and kills are added up. Stock has"
    " priority by tier, and each baseline the setting with the best score for each seed."
)


@dataclass(frozen=True, slots=True)
class Played:
    """What one planner made of a cell: a baseline at its best setting."""

    cell: Cell
    planner: str
    setting: Mapping[str, float]
    measures: Measures
    score: float
    took_s: float


def measure_all(
    traces: Sequence[str] = tuple(TRACES),
    loads: Sequence[float] | None = None,
    seeds: int = SEEDS,
    first: int = FIRST,
    jobs: int = 2,
    share: float = 1.0,
    say: Callable[[str], None] = print,
) -> Finding:
    """Play every trace at every load with so many seeds from ``first`` on, in ``jobs`` processes.

    Of the time of each workload the middle ``share`` is played. Raises what
    :func:`~benchmarks.cells.drawn` raises.
    """
    for trace in traces:
        drawn(trace, first)  # so that a trace that is missing or broken is found at once
    places = [(trace, load) for trace in traces for load in loads or loads_of(trace)]
    drawn_with = range(first, first + seeds)
    cells = [Cell(*place, seed) for place, seed in product(places, drawn_with)]
    whole = [(cell, planner, share) for planner in (*BASELINES, OURS) for cell in cells]
    began, played = time.monotonic(), list[Played]()
    with closing(side_by_side(play_out, whole, jobs)) as results:
        for done in results:
            played.append(done)
            progress = f"{len(played):3d} of {len(whole)}, {time.monotonic() - began:5.0f} s"
            say(f"[{progress}] {done.cell.label}: {done.planner}, {done.took_s:.0f} s")
    order = {(cell, planner): number for number, (cell, planner, _) in enumerate(whole)}
    played.sort(key=lambda done: order[done.cell, done.planner])
    of_place = {
        place: [done for done in played if (done.cell.trace, done.cell.load) == place] for place in places
    }
    bounds = [bound for place, done in of_place.items() for bound in bounds_of(*place, done)]
    return Finding(
        "turnaround",
        f"{INTRO} {seeds_title(drawn_with).capitalize()}.",
        "\n\n".join((bounds_table(bounds), _turnarounds(of_place), _totals(of_place))),
        all(bound.met for bound in bounds),
        {"bounds": plain_bounds(bounds), "share": share, "played": [_plain(done) for done in played]},
    )


def play_out(cell: Cell, planner: str, share: float = 1.0) -> Played:
    """Simulate until the last run has ended; a baseline at each setting of a search."""
    began = time.perf_counter()
    workload, cluster, book = workload_of(cell, share), cluster_of(cell.trace), policy_book(cell.trace)
    settings = Settings(capabilities=cell.world)
    if planner == OURS:
        outcome = simulate(workload, book, cluster, settings=settings, seed=cell.seed)
        best = Trial(planner, {}, measure(outcome), score(outcome))
    else:
        tried = sweep(workload, book, cluster, settings=settings, seed=cell.seed, families=(planner,))
        best = next(trial for trial in tried if trial.best)
    took_s = time.perf_counter() - began
    measures = replace(best.measures, planning_median_s=None, planning_p99_s=None)
    return Played(cell, planner, best.setting, measures, best.score, took_s)


def bounds_of(trace: str, load: float, played: Sequence[Played]) -> Iterator[Bound]:
    """What has to hold of one trace at one load."""
    where = f"{trace} {load:g}"
    for tier, what, ratio in _ratios(played):
        name, against = f"{tier}: turnaround {what} by stock's", "stock's at its best"
        if load <= LIGHT:
            lowest = load == LIGHT and tier == _tiers(played)[-1]
            yield Bound.at_most(name, where, ratio, LOWEST if lowest else NO_WORSE, against)
        elif load == BUSY and tier != _tiers(played)[-1]:
            yield Bound.at_most(name, where, ratio, BETTER, against)
    work = {planner: _sum(played, planner, _work) for planner in BASELINES}
    most = max(work, key=lambda planner: work[planner])
    note = f"{most}'s, the most of any baseline"
    ours = _sum(played, OURS, _work) / 3600
    yield Bound.at_least("work by the last submission, core-h", where, ours, work[most] / 3600, note)
    best = _best_baseline(played)
    misses, kills = _sum(played, best, _misses), _sum(played, best, _kills)
    ours = _sum(played, OURS, _misses)
    yield Bound.at_most("critical misses", where, ours, MISSES * misses, f"{MISSES:g} x {best}'s")
    ours = _sum(played, OURS, _kills)
    yield Bound.at_most("OOM kills", where, ours, KILLS * kills, f"{KILLS:g} x {best}'s")


def _best_baseline(played: Sequence[Played]) -> str:
    """The fewest critical misses, of those that finish nearly the most work; of equals the fewest kills."""
    most = max(_sum(played, planner, _work) for planner in BASELINES)
    enough = [planner for planner in BASELINES if _sum(played, planner, _work) >= NEARLY_ALL * most]
    return min(enough, key=lambda planner: (_sum(played, planner, _misses), _sum(played, planner, _kills)))


def _ratios(played: Sequence[Played]) -> Iterator[tuple[str, str, float]]:
    """Tier, which figure, and ours by stock's: the geometric mean over the seeds."""
    for tier in _tiers(played):
        for what in ("mean", "p95"):
            ours, stock = _took(played, OURS, tier, what), _took(played, STOCK, tier, what)
            ratios = [mine / theirs for mine, theirs in zip(ours, stock, strict=True)]
            yield tier, what, _geometric(ratios)


def _took(played: Sequence[Played], planner: str, tier: str, what: str) -> list[float]:
    """Seconds from submission to end, of each seed; none is taken for less than one."""
    found = [done.measures.tier(tier) for done in _of(played, planner)]
    took = [getattr(each, f"turnaround_{what}_s") if each else None for each in found]
    return [1.0 if seconds is None else max(1.0, seconds) for seconds in took]


def _geometric(values: Sequence[float]) -> float:
    return exp(fsum(map(log, values)) / len(values))


def _of(played: Sequence[Played], planner: str) -> list[Played]:
    return sorted((done for done in played if done.planner == planner), key=lambda done: done.cell.seed)


def _sum(played: Sequence[Played], planner: str, of: Callable[[Measures], float]) -> float:
    return fsum(of(done.measures) for done in _of(played, planner))


def _tiers(played: Sequence[Played]) -> list[str]:
    """Those that have runs with every seed, the highest first."""
    found = [{tier.tier for tier in done.measures.tiers} for done in played]
    return [tier.tier for tier in played[0].measures.tiers if all(tier.tier in each for each in found)]


def _work(measures: Measures) -> float:
    return measures.core_s_by_last_submission


def _misses(measures: Measures) -> float:
    return measures.tiers[0].missed


def _kills(measures: Measures) -> float:
    return measures.all.oom_kills


def _turnarounds(of_place: Mapping[tuple[str, float], Sequence[Played]]) -> str:
    header = ("trace", "load", "tier", "turnaround", OURS, STOCK, "ratio", "requests")
    rows = [header]
    for (trace, load), played in of_place.items():
        for tier, what, ratio in _ratios(played):
            shown = {
                name: f"{_geometric(_took(played, name, tier, what)):,.0f}" for name in (OURS, *BASELINES)
            }
            figures = (shown[OURS], shown[STOCK], f"{ratio:.2f}", shown["requests"])
            rows.append((trace, f"{load:g}", tier, what, *figures))
    return grid(rows)


def _totals(of_place: Mapping[tuple[str, float], Sequence[Played]]) -> str:
    rows = [
        (
            "trace",
            "load",
            "planner",
            "setting",
            "work by the last submission, core-h",
            "critical misses",
            "OOM kills",
            "never ended",
            "makespan, h",
        )
    ]
    for (trace, load), played in of_place.items():
        for planner in (OURS, *BASELINES):
            found = _of(played, planner)
            rows.append(
                (
                    trace,
                    f"{load:g}",
                    planner,
                    "; ".join(dict.fromkeys(setting_text(done.setting) for done in found)),
                    f"{_sum(played, planner, _work) / 3600:,.1f}",
                    f"{_sum(played, planner, _misses):,.0f}",
                    f"{_sum(played, planner, _kills):,.0f}",
                    f"{sum(sum(done.measures.unfinished.values()) for done in found):,}",
                    f"{_geometric([max(1.0, done.measures.end_s) for done in found]) / 3600:.2f}",
                )
            )
    return grid(rows)


def _plain(done: Played) -> dict[str, Any]:
    return {
        **asdict(done.cell),
        "world": list(done.cell.world.words),
        "planner": done.planner,
        "setting": dict(done.setting),
        "score": done.score,
        "took_s": done.took_s,
        "measures": asdict(done.measures),
    }
