"""What the simulator's benchmark has to show of ours, against the baselines at their best and the oracle."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import inf
from typing import Final

from adaptive_assets.simulation.engine.capabilities import NOTHING, Capabilities
from benchmarks.bounds import Bound
from benchmarks.pooled import RUNS, Pooled, Quantity
from benchmarks.seeds import seeds_title

__all__ = ["Compared", "Distance", "best_baseline", "distances", "promises", "safest_baseline"]

STOCK: Final = "stock"
NEARLY_ALL: Final = 0.98
MISSES: Final = 0.2
MISSED_SHARE: Final = 0.01
KILLS: Final = 0.05
KILLS_APART: Final = RUNS
WAIT: Final = 1.2
NEAR: Final = 0.1
"""How far from the oracle a figure may be, as a share of the oracle's."""


@dataclass(frozen=True, slots=True)
class Compared:
    """All planners on one trace at one load; ``tiers`` the highest first."""

    trace: str
    load: float
    tiers: tuple[str, ...]
    ours: Pooled
    oracle: Pooled
    baselines: Mapping[str, Pooled]
    """By family, each at the best setting of every seed."""
    world: Capabilities = NOTHING
    """What launchers can do for ours and for the oracle; baselines ask for nothing."""
    seeds: tuple[int, ...] = (0,)

    @property
    def where(self) -> str:
        """Trace, load and seeds; and what can be done, where it is more than by default."""
        more = f", {', '.join(self.world.words)}" if self.world.words else ""
        return f"{self.trace} {self.load:g}, {seeds_title(self.seeds)}{more}"


@dataclass(frozen=True, slots=True)
class Distance:
    """How far one of our figures is from the oracle's: ``worse`` times as bad, 1 if it is no worse."""

    figure: str
    ours: float
    oracle: float
    worse: float
    within: bool


def best_baseline(compared: Compared) -> Pooled:
    """The fewest critical misses among those that finish nearly the most work; of equals the most work."""
    most = max(map(_work, compared.baselines.values()))
    enough = [pooled for pooled in compared.baselines.values() if _work(pooled) >= NEARLY_ALL * most]
    return min(enough, key=lambda pooled: (_misses(compared, pooled), -_work(pooled)))


def safest_baseline(compared: Compared) -> Pooled:
    """The one to beat on kills: the fewest of all, however little it finishes; of equals the most work."""
    return min(compared.baselines.values(), key=lambda pooled: (pooled.of_all("OOM kills"), -_work(pooled)))


def promises(compared: Compared) -> Iterator[Bound]:
    """The bounds of one trace at one load."""
    where, ours, best = compared.where, compared.ours, best_baseline(compared)
    misses = _misses(compared, ours)
    limit = MISSES * _misses(compared, best)
    yield Bound.at_most("critical deadline misses", where, misses, limit, f"0.2 x {best.planner}'s")
    deadlines = ours.with_deadline[compared.tiers[0]]
    if compared.load == 1.0 and deadlines:
        yield Bound.at_most("share of critical deadlines missed", where, misses / deadlines, MISSED_SHARE)
    work, name = _work(ours), "work finished, core-h"
    yield Bound.at_least(name, where, work, NEARLY_ALL * _work(best), f"0.98 x {best.planner}'s")
    most = max(compared.baselines.values(), key=_work)
    note = f"0.98 x the most of any: {most.planner}'s"
    yield Bound.at_least(name, where, work, NEARLY_ALL * _work(most), note)
    stock = compared.baselines[STOCK]
    kills = KILLS * stock.of_all("OOM kills")
    yield Bound.at_most("OOM kills", where, ours.of_all("OOM kills"), kills, "0.05 x stock's")
    safest = safest_baseline(compared)
    fewest = safest.of_all("OOM kills") + KILLS_APART
    note = f"{safest.planner}'s, the fewest of any, and {KILLS_APART:g}"
    yield Bound.at_most("OOM kills", where, ours.of_all("OOM kills"), fewest, note)
    if compared.load == 0.8:
        lowest = compared.tiers[-1]
        wait = WAIT * stock.of_tier(lowest, "wait p95 s")
        name = f"p95 wait of {lowest}, s"
        yield Bound.at_most(name, where, ours.of_tier(lowest, "wait p95 s"), wait, "1.2 x stock's")
    yield _near_the_oracle(compared)


def distances(compared: Compared) -> list[Distance]:
    """Every reported figure of ours beside the oracle's, the worst first."""
    ours, oracle = compared.ours, compared.oracle
    found = list(_distances("", ours.in_all, oracle.in_all))
    for tier in compared.tiers:
        found += _distances(f"{tier}: ", ours.tiers[tier], oracle.tiers[tier])
    return sorted(found, key=lambda distance: (distance.within, -distance.worse))


def _near_the_oracle(compared: Compared) -> Bound:
    found = distances(compared)
    counted = [distance for distance in found if distance.worse <= 1 + NEAR or not distance.within]
    worst = max(counted, key=lambda distance: distance.worse)
    within = sum(distance.within for distance in found)
    pair = f"{worst.figure}: {worst.ours:,.4g} to {worst.oracle:,.4g}"
    note = f"{pair}; {within} of {len(found)} figures within"
    met = within == len(found)
    return Bound("worst figure by the oracle's", compared.where, worst.worse, "≤", 1 + NEAR, met, note)


def _distances(
    prefix: str, ours: Mapping[Quantity, float], oracle: Mapping[Quantity, float]
) -> Iterator[Distance]:
    for quantity, theirs in oracle.items():
        if quantity not in ours:
            continue
        mine = ours[quantity]
        more, less = (theirs, mine) if quantity.more_is_better else (mine, theirs)
        worse = 1.0 if more <= less else more / less if less > 0 else inf
        within = worse <= 1 + NEAR or more - less <= quantity.slack
        yield Distance(prefix + quantity.name, mine, theirs, worse, within)


def _misses(compared: Compared, pooled: Pooled) -> float:
    return pooled.of_tier(compared.tiers[0], "missed")


def _work(pooled: Pooled) -> float:
    return pooled.of_all("work finished core-h")
