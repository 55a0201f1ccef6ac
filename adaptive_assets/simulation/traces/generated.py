"""Workloads made up from a seed.

The same seed gives the same workload in every process.
"""

import math
import random
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import accumulate
from statistics import NormalDist
from typing import Final

from adaptive_assets.simulation.traces.trace import DeclaredEstimate, TracedRun, Workload

HOUR_S: Final = 3600.0
DAY_S: Final = 24 * HOUR_S
GIB: Final = 2**30
_Z90: Final = NormalDist().inv_cdf(0.9)
_GRID: Final = 2_000
"""Steps in which a rate of arrivals is looked at."""

Rate = Callable[[float], float]
"""How much arrives around a time, from 0 to 1 as a share of the span; only ratios matter."""


@dataclass(frozen=True, slots=True)
class WorkKind:
    """Recurring work: durations are log-normal around the median ``duration_s``, by ``spread``.

    Half of the spread (of the variance of the logarithm) comes from the input, whose size the planner may
    know, and which the memory follows too.  ``share`` is that of all draws.  ``follows`` is work with which
    each run is submitted, and after which it runs.  ``slack`` is what a deadline leaves beyond a tenth of the
    longest runs, as a multiple of that; without it, there is none.
    """

    name: str
    tier: str
    share: float
    duration_s: float
    spread: float
    cpu: float
    memory: int
    io: float = 0.2
    slack: float | None = None
    follows: str = ""

    def __post_init__(self) -> None:
        if not (self.duration_s > 0 and self.cpu > 0 and self.share >= 0):
            raise ValueError(f"`{self.name}`: duration and cores are greater than zero, a share is not less")

    @property
    def deadline_s(self) -> float | None:
        """From release to end."""
        if self.slack is None:
            return None
        return self.duration_s * math.exp(_Z90 * self.spread) * self.slack + 60.0


MIX: Final = (
    WorkKind("forecast", "critical", 0.12, 40, 0.4, 1.0, 1 * GIB, slack=2),
    WorkKind("alerts", "critical", 0.13, 12, 0.3, 0.5, GIB // 2, slack=2),
    WorkKind("ingest", "standard", 0.30, 30, 0.6, 0.5, GIB // 2, io=0.6, slack=3),
    WorkKind("clean", "standard", 0.0, 60, 0.6, 1.0, 2 * GIB, slack=3, follows="ingest"),
    WorkKind("report", "standard", 0.20, 90, 0.5, 1.0, GIB, slack=4),
    WorkKind("backfill", "batch", 0.20, 240, 0.8, 2.0, 3 * GIB),
    WorkKind("training", "batch", 0.05, 600, 0.6, 3.0, 6 * GIB, io=0.05),
)
"""A small data platform; wants some 4 cores and 16 GiB at the least."""


def steady(
    seed: int,
    *,
    load: float = 0.8,
    cores: float = 8,
    span_s: float = 2 * HOUR_S,
    kinds: tuple[WorkKind, ...] = MIX,
) -> Workload:
    """Arrivals at one rate for ``span_s``, offering ``load`` to ``cores``."""
    return drawn("steady", random.Random(seed), load * cores * span_s, span_s, kinds, lambda _: 1.0)


def drawn(
    name: str, rng: random.Random, core_s: float, span_s: float, kinds: tuple[WorkKind, ...], rate: Rate
) -> Workload:
    """Runs of ``kinds`` that add up to ``core_s`` or a little more, at times within ``span_s`` by ``rate``.

    Raises :class:`ValueError` for amounts that are not greater than zero.
    """
    if not (0 < core_s < math.inf and 0 < span_s < math.inf):
        raise ValueError("a workload needs a load, cores and a span that are greater than zero")
    followers = {kind.name: [each for each in kinds if each.follows == kind.name] for kind in kinds}
    cumulative = list(accumulate(rate((step + 0.5) / _GRID) for step in range(_GRID)))
    shares = [kind.share for kind in kinds]
    runs: list[TracedRun] = []
    left = core_s
    while left > 0:
        kind = rng.choices(kinds, shares)[0]
        step = bisect_left(cumulative, rng.random() * cumulative[-1])
        at = (step + rng.random()) / _GRID * span_s
        for run in chain(kind, followers, at, len(runs), rng):
            runs.append(run)
            left -= run.cpu * run.duration_s
    return Workload.of(name, runs)


def chain(
    kind: WorkKind, followers: dict[str, list[WorkKind]], at: float, count: int, rng: random.Random
) -> Iterator[TracedRun]:
    """A run of ``kind`` at ``at``, and of all work that follows it; ids are numbered from ``count`` on."""
    waiting: list[tuple[WorkKind, tuple[str, ...]]] = [(kind, ())]
    while waiting:
        each, above = waiting.pop()
        run = replace(_run(each, f"{each.name}-{count}", at, rng), depends_on=above)
        yield run
        waiting += ((follower, (run.run_id,)) for follower in followers[each.name])
        count += 1


def _run(kind: WorkKind, run_id: str, at: float, rng: random.Random) -> TracedRun:
    half = kind.spread / math.sqrt(2)
    size = math.exp(rng.gauss(0, half))
    return TracedRun(
        run_id,
        kind.name,
        at,
        kind.tier,
        kind.deadline_s,
        # What a careful user would declare: well above what is usual, and the same for every run.
        declared=DeclaredEstimate(cpu=kind.cpu, memory=kind.memory * 3 // 2, duration=2 * kind.duration_s),
        duration_s=kind.duration_s * size * math.exp(rng.gauss(0, half)),
        cpu=kind.cpu,
        memory=round(kind.memory * (0.5 + 0.5 * size) * math.exp(rng.gauss(0, 0.08))),
        input_size=round(size * 1e6),
        io=kind.io,
    )
