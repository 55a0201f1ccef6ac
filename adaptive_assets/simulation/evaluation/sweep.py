"""Every baseline at its best: its setting is searched for, and all that was tried is kept to be shown."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import inf
from typing import Final

from adaptive_assets.policy import PolicyBook
from adaptive_assets.simulation.baselines.easy import Easy
from adaptive_assets.simulation.baselines.requests import Requests
from adaptive_assets.simulation.baselines.stock import Edf, Stock, TagLimits
from adaptive_assets.simulation.engine.cluster import Cluster
from adaptive_assets.simulation.engine.settings import Knowledge, Planner, Settings
from adaptive_assets.simulation.engine.simulator import simulate
from adaptive_assets.simulation.evaluation.measures import Measures, measure
from adaptive_assets.simulation.evaluation.outcome import Outcome
from adaptive_assets.simulation.evaluation.score import score
from adaptive_assets.simulation.scenarios.scenario import Scenario
from adaptive_assets.simulation.traces.trace import Workload

STEP: Final = 1.5
"""The factor between neighbouring settings; between the best and its neighbours its root is tried too."""

FARTHEST: Final = 6
"""How many such steps the search goes from where it starts, at most."""

NEARLY_ALL: Final = 0.98
"""A setting counts only if it finishes this share of the work of the one that finishes most."""

FAMILIES: Final = ("stock", "stock, priority by tier", "tag limits", "EDF", "requests", "EASY backfill")


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """One baseline at one setting; ``outcome`` is kept for the best of each family only."""

    family: str
    setting: Mapping[str, float]
    measures: Measures
    score: float = 0.0
    """What settings are compared by, less is better; see :mod:`.score`."""
    best: bool = False
    outcome: Outcome | None = None


def sweep(
    workload: Workload,
    book: PolicyBook,
    cluster: Cluster,
    *,
    scenario: Scenario | None = None,
    settings: Settings | None = None,
    seed: int = 0,
    families: Sequence[str] = FAMILIES,
    clock: Callable[[], float] | None = None,
    progress: Callable[[str], None] | None = None,
) -> list[Trial]:
    """Try each family of baselines at several settings; ``best`` marks the best trial of each.

    The search starts at as many runs as the cluster has room for on average, goes on in steps while it gets
    better, and then looks closer around the best. ``clock`` measures each call of a planner; ``progress`` is
    told the name of every trial begun.
    """
    settings = settings or Settings()
    known: dict[str, Trial] = {}
    play = partial(
        simulate, workload, book, cluster, scenario=scenario, settings=settings, seed=seed, clock=clock
    )

    def run(family: str, setting: Mapping[str, float], planner: Planner) -> Trial:
        name = f"{family}: {setting}"
        if name in known:
            return known[name]
        if progress is not None:
            progress(str(getattr(planner, "name", family)))
        outcome = play(planner=planner, knowledge=Knowledge.SHOWN)
        trial = known[name] = Trial(family, setting, measure(outcome), score(outcome), outcome=outcome)
        return trial

    searches = _searches(book, cluster, settings, run)
    trials: list[Trial] = []
    start = float(typical_runs(workload, cluster))
    for family in families:
        found = _search(1.0 if family == "EASY backfill" else start, searches[family])
        winner = best_of(found)
        if family == "stock":
            start = winner.setting["runs"]
        for each in found:
            best = each is winner
            trials.append(replace(each, best=best, outcome=each.outcome if best else None))
    return trials


def best_of(trials: Sequence[Trial]) -> Trial:
    """The trial with the best score, of those that finish nearly all."""
    most = max(trial.measures.all.work_core_s for trial in trials)
    return min(
        (trial for trial in trials if trial.measures.all.work_core_s >= NEARLY_ALL * most),
        key=lambda trial: trial.score,
    )


def typical_runs(workload: Workload, cluster: Cluster) -> int:
    """How many runs are at once on ``cluster`` when its cores, or its memory, are just in use; at least 1."""
    time = sum(run.duration_s for run in workload.runs)
    work = workload.work_core_s
    held = sum(run.memory * run.duration_s for run in workload.runs)
    by_cpu = cluster.cores * time / work if work else inf
    by_memory = cluster.memory * time / held if held else inf
    fewest = min(by_cpu, by_memory, float(max(1, len(workload.runs))))
    return max(1, round(fewest))


Search = Callable[[float], Sequence[Trial]]
"""What is tried at one point of the search."""


def _search(start: float, at: Search) -> list[Trial]:
    """Walk from ``start`` in both directions while it gets better, then look between the steps."""
    tried: dict[float, Sequence[Trial]] = {}

    def found_at(step: float) -> tuple[bool, float]:
        """Whether too little is finished there, and the best score."""
        if step not in tried:
            tried[step] = at(start * STEP**step)
        every = [trial for trials in tried.values() for trial in trials]
        most = max(trial.measures.all.work_core_s for trial in every)
        enough = [trial for trial in tried[step] if trial.measures.all.work_core_s >= NEARLY_ALL * most]
        return min(((False, trial.score) for trial in enough), default=(True, inf))

    found_at(0)
    for direction in (1, -1):
        step = 0
        while abs(step) < FARTHEST:
            here, found = found_at(step), found_at(step + direction)
            same = _settings(tried[step + direction]) == _settings(tried[step])
            if found[0] or (found >= here and not same):
                break
            step += direction
    middle = min(tried, key=lambda step: (found_at(step), abs(step)))
    for between in (middle - 0.5, middle + 0.5):
        found_at(between)
    return list(dict.fromkeys(trial for step in sorted(tried) for trial in tried[step]))


def _settings(trials: Sequence[Trial]) -> list[Mapping[str, float]]:
    return [trial.setting for trial in trials]


def _searches(
    book: PolicyBook,
    cluster: Cluster,
    settings: Settings,
    run: Callable[[str, Mapping[str, float], Planner], Trial],
) -> Mapping[str, Search]:
    """By family: what to try for so many runs at once (for EASY: for such a share of the cores)."""
    lower = [tier.name for tier in book.tiers[1:]]

    def limited(family: str, planner: Callable[[int], Planner], amount: float) -> Sequence[Trial]:
        runs = max(1, round(amount))
        return [run(family, {"runs": runs}, planner(runs))]

    def tag_limits(amount: float) -> Sequence[Trial]:
        runs, found = max(1, round(amount)), []
        for share in (0.4, 0.7):
            limits = {tier: max(1, round(runs * share)) for tier in lower}
            found.append(run("tag limits", {"runs": runs, **limits}, TagLimits(runs, limits)))
        return found

    def easy(share: float) -> Sequence[Trial]:
        planner = Easy(cluster, share, startup_s=settings.startup_s)
        return [run("EASY backfill", {"cpu_share": share}, planner)]

    by_slots: Mapping[str, Callable[[int], Planner]] = {
        "stock": partial(Stock, by_tier=False),
        "stock, priority by tier": Stock,
        "EDF": Edf,
        "requests": partial(Requests, cluster),
    }
    searches = {family: partial(limited, family, planner) for family, planner in by_slots.items()}
    return {**searches, "tag limits": tag_limits, "EASY backfill": easy}
