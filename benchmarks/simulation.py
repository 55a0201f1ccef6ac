"""The simulator on real traces: ours, the oracle, and every family of baselines at its best."""

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import closing
from dataclasses import asdict
from itertools import product
from math import isfinite
from typing import Any, Final

from adaptive_assets.simulation.engine.capabilities import EVERYTHING, NOTHING, Capabilities
from adaptive_assets.simulation.evaluation.measures import Measures
from adaptive_assets.simulation.evaluation.sweep import FAMILIES, Trial
from benchmarks.bounds import bounds_table, plain_bounds
from benchmarks.cells import (
    CLUSTER,
    PARTS,
    TEAM,
    TRACES,
    Cell,
    Part,
    Played,
    drawn,
    loads_of,
    play,
    policy_book,
)
from benchmarks.pooled import IN_ALL, OF_A_TIER, Pooled, Quantity, pool
from benchmarks.promises import Compared, best_baseline, distances, promises, safest_baseline
from benchmarks.report import Finding, grid
from benchmarks.seeds import TUNED, groups, seeds_title
from benchmarks.side_by_side import side_by_side
from benchmarks.starvation import fed

__all__ = ["compare", "measure", "play_all"]

SEEDS: Final = 3
FIRST: Final = 0
INTRO: Final = (
    f"Simulated on {CLUSTER.cores:g} cores and {CLUSTER.memory / 2**30:g} GiB, team on"
    f" {TEAM.cores:g} cores and {TEAM.memory / 2**30:g} GiB. Over the seeds, counts, hours"
    " and cost are added up, and of all else it is the median; waits are of all runs that were released,"
    " turnarounds (from submission to end) and slowdowns of those that ended. The baselines are"
    " at the best setting of each seed."
)


def measure(
    traces: Sequence[str] = tuple(TRACES),
    loads: Sequence[float] | None = None,
    seeds: int = SEEDS,
    first: int = FIRST,
    jobs: int = 2,
    actions: Capabilities = EVERYTHING,
    say: Callable[[str], None] = print,
) -> Finding:
    """Play every trace at every load with so many seeds from ``first`` on, in ``jobs`` processes.

    Without ``loads``, each trace is played at its own (:func:`~benchmarks.cells.loads_of`).
    Ours and the oracle are played in the default world, and again in one where launchers can do ``actions``.
    ``say`` is told of progress.

    Raises what :func:`~benchmarks.cells.drawn` raises.
    """
    for trace in traces:
        drawn(trace, 0)  # so that a trace that is missing or broken is found at once
    drawn_with = range(first, first + seeds)
    worlds = tuple(dict.fromkeys((NOTHING, actions)))
    places = [(trace, load) for trace in traces for load in loads or loads_of(trace)]
    cells = [Cell(*place, *each) for place, each in product(places, product(drawn_with, worlds))]
    played = play_all(cells, jobs, say)
    compared = [
        compare(played, *place, world, group)
        for world, place, group in product(worlds, places, groups(drawn_with))
    ]
    say("the two shapes in which somebody may starve")
    bounds = [bound for each in compared for bound in promises(each)] + fed(drawn_with)
    sections = [
        f"## Bounds\n\n{bounds_table(bounds)}",
        *map(_section, compared),
        f"## What was tried\n\n{_sweeps(played)}",
    ]
    return Finding(
        "simulation",
        INTRO,
        "\n\n".join(sections),
        all(bound.met for bound in bounds),
        {
            "bounds": plain_bounds(bounds),
            "seeds": {"tuned_on": [s for s in drawn_with if s in TUNED], "all": [*drawn_with]},
            "played": _plain(played),
            "oracle": _far(compared),
        },
    )


def play_all(cells: Iterable[Cell], jobs: int, say: Callable[[str], None] = print) -> list[Played]:
    """All parts of all ``cells``, in as many processes, in the order of parts and cells."""
    whole = [(cell, part) for part in PARTS for cell in cells if part != "baselines" or cell.world == NOTHING]
    began, played = time.monotonic(), list[Played]()
    with closing(side_by_side(play, whole, jobs)) as results:
        for done in results:
            played.append(done)
            progress = f"{len(played):3d} of {len(whole)}, {time.monotonic() - began:5.0f} s"
            say(f"[{progress}] {done.cell.label}: {done.part}, {done.took_s:.0f} s")
    order = {each: place for place, each in enumerate(whole)}
    return sorted(played, key=lambda done: order[done.cell, done.part])


def compare(
    played: Sequence[Played],
    trace: str,
    load: float,
    world: Capabilities = NOTHING,
    seeds: Collection[int] = TUNED,
) -> Compared:
    """What was played of one trace at one load with ``seeds``, by ours and the oracle in ``world``."""
    here = [
        done
        for done in played
        if (done.cell.trace, done.cell.load) == (trace, load) and done.cell.seed in seeds
    ]

    def pooled(part: Part, family: str) -> Pooled:
        where = NOTHING if part == "baselines" else world
        of_part = [done for done in here if done.part == part and done.cell.world == where]
        trials = [trial for done in of_part for trial in done.trials]
        return pool(family, [trial.measures for trial in trials if trial.best and trial.family == family])

    ours = pooled("ours", "ours")
    tiers = tuple(tier.name for tier in policy_book().tiers if tier.name in ours.tiers)
    baselines = {family: pooled("baselines", family) for family in FAMILIES}
    return Compared(
        trace,
        load,
        tiers,
        ours,
        pooled("oracle", "oracle"),
        baselines,
        world,
        tuple(sorted({done.cell.seed for done in here})),
    )


def _section(compared: Compared) -> str:
    planners = (compared.ours, compared.oracle, *compared.baselines.values())
    in_all = [("in all", *(quantity.name for quantity in IN_ALL), "plan() ms")]
    of_tiers = [("tier", "planner", "runs", "deadlines", *(quantity.name for quantity in OF_A_TIER))]
    for pooled in planners:
        cells = (_cell(pooled.in_all.get(quantity), quantity) for quantity in IN_ALL)
        in_all.append((pooled.planner, *cells, _milliseconds(pooled.planning_ms)))
    for tier in compared.tiers:
        for pooled in planners:
            cells = (_cell(pooled.tiers[tier].get(quantity), quantity) for quantity in OF_A_TIER)
            counts = (f"{pooled.runs[tier]:,}", f"{pooled.with_deadline[tier]:,}")
            of_tiers.append((tier, pooled.planner, *counts, *cells))
    title = (
        f"## {compared.trace}, load {compared.load:g}, {seeds_title(compared.seeds)}: {compared.world.title}"
    )
    safest = safest_baseline(compared)
    best = (
        f"The best baseline is *{best_baseline(compared).planner}*; the one to beat on kills is"
        f" *{safest.planner}*, with {safest.of_all('OOM kills'):,.0f}."
    )
    beyond = [distance for distance in distances(compared) if not distance.within]
    rows = [(d.figure, f"{d.ours:,.4g}", f"{d.oracle:,.4g}", f"{d.worse:.2f}") for d in beyond]
    far = grid([("not within 10 % of the oracle", "ours", "the oracle's", "times"), *rows]) if rows else ""
    return "\n\n".join(filter(None, (title, best, grid(in_all), grid(of_tiers), far)))


def _cell(value: float | None, quantity: Quantity) -> str:
    return "" if value is None else f"{value:,.{quantity.digits}f}"


def _milliseconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _sweeps(played: Iterable[Played]) -> str:
    """A line for each family and cell: every setting with its score, critical misses and work finished."""
    tried_as = "setting: score, critical misses, share of the work bound; the best is bold"
    rows = [("trace", "load", "seed", "family", tried_as)]
    for done in played:
        if done.part != "baselines":
            continue
        for family in FAMILIES:
            tried = [_tried(trial, done) for trial in done.trials if trial.family == family]
            cell = done.cell
            rows.append((cell.trace, f"{cell.load:g}", str(cell.seed), family, "; ".join(tried)))
    return grid(rows)


def _tried(trial: Trial, done: Played) -> str:
    setting = "/".join(f"{value:.4g}" for value in trial.setting.values())
    missed = trial.measures.tiers[0].missed
    done_share = trial.measures.all.work_core_s / done.possible_core_s
    text = f"{setting}: {trial.score:,.4g}, {missed}, {done_share:.1%}"
    return f"**{text}**" if trial.best else text


def _plain(played: Iterable[Played]) -> list[dict[str, Any]]:
    return [
        {
            **asdict(done.cell),
            "world": list(done.cell.world.words),
            "part": done.part,
            "took_s": done.took_s,
            "possible_core_s": done.possible_core_s,
            "trials": [
                {
                    "family": trial.family,
                    "setting": dict(trial.setting),
                    "best": trial.best,
                    "score": trial.score,
                }
                | _measured(trial.measures, whole=trial.best)
                for trial in done.trials
            ],
        }
        for done in played
    ]


def _measured(measures: Measures, *, whole: bool) -> dict[str, Any]:
    """All measures; or, of settings that are not the best, those that the search goes by."""
    if whole:
        return {"measures": asdict(measures)}
    everything = measures.all
    return {
        "missed": {tier.tier: tier.missed for tier in measures.tiers},
        "turnaround_mean_s": {tier.tier: tier.turnaround_mean_s for tier in measures.tiers},
        "turnaround_p95_s": {tier.tier: tier.turnaround_p95_s for tier in measures.tiers},
        "work_core_s": everything.work_core_s,
        "wait_p95_s": everything.wait_p95_s,
        "oom_kills": everything.oom_kills,
    }


def _far(compared: Iterable[Compared]) -> dict[str, list[dict[str, Any]]]:
    """Every figure of ours beside the oracle's; without a ratio where the oracle's is zero."""
    return {
        each.where: [
            {**asdict(distance), "worse": distance.worse if isfinite(distance.worse) else None}
            for distance in distances(each)
        ]
        for each in compared
    }
