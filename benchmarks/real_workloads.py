"""The workloads of real runs that ours and stock play side by side, and what was promised of each."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from statistics import median
from typing import Final

from adaptive_assets.simulation.evaluation.measures import quantile
from benchmarks.real_plays import Play
from benchmarks.real_runs import Request
from benchmarks.synthetic_work import PARTITIONS

TIERS: Final[Mapping[str, tuple[str, ...]]] = {
    "critical": ("forecast",),
    "standard": ("ingest", "report"),
    "batch": ("backfill",),
}
"""The jobs of each tier, as in ``benchmarks/real_policies.yaml``."""

CORES: Final = 2
LOAD: Final = 0.3
LOAD_S: Final = 300.0
STARTUP_CORE_S: Final = 2.0
"""What a run costs beside its own work, roughly: the start of its process, Dagster's events, the launch."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure of one side, from all of its plays, and the highest ratio of ours to stock's allowed."""

    what: str
    of: Callable[[Sequence[Play]], float]
    allowed: float


@dataclass(frozen=True, slots=True)
class Part:
    """A workload, and how it is measured.

    Stock first plays ``trial`` at each of ``limits``, to find its best; then both play ``requests``, so many
    times. ``in_turn``: one run after the other, and not each at its time.
    """

    name: str
    requests: tuple[Request, ...]
    trial: tuple[Request, ...]
    limits: tuple[int, ...]
    repeats: int
    measures: tuple[Measure, ...]
    in_turn: bool = False

    def shortened(self, share: float) -> "Part":
        """The first runs of it."""
        kept, tried = (each[: max(2, ceil(share * len(each)))] for each in (self.requests, self.trial))
        return Part(self.name, kept, tried, self.limits, self.repeats, self.measures, self.in_turn)


def _makespan(plays: Sequence[Play]) -> float:
    return median(play.makespan_s for play in plays)


def _start(plays: Sequence[Play]) -> float:
    return median(run.start_s for play in plays for run in play.runs)


def _turnaround_p95(tier: str) -> Callable[[Sequence[Play]], float]:
    def of(plays: Sequence[Play]) -> float:
        runs = [run for play in plays for run in play.runs if run.request.job in TIERS[tier]]
        return quantile(sorted(run.turnaround_s for run in runs), 0.95) or 0.0

    return of


def tiny(runs: int) -> tuple[Request, ...]:
    """Partitions of one asset, all submitted at once."""
    return tuple(Request(0.0, "tiny", 0.5, 0.3, 16, partition) for partition in PARTITIONS[:runs])


def burst(seed: int = 0) -> tuple[Request, ...]:
    """Sixty runs of three tiers, all submitted at once, in any order; together they would fit in 20 GiB."""
    rng = random.Random(f"burst {seed}")
    made = [
        *(Request(0.0, "forecast", round(rng.uniform(2, 4), 1), 0.5, 64) for _ in range(12)),
        *(Request(0.0, "ingest", round(rng.uniform(3, 5), 1), 0.5, 128) for _ in range(24)),
        *(Request(0.0, "backfill", round(rng.uniform(4, 6), 1), 0.5, 192) for _ in range(24)),
    ]
    rng.shuffle(made)
    return tuple(made)


def ordinary(seed: int = 0) -> tuple[Request, ...]:
    """Five minutes in which runs of three tiers arrive by chance, and use 0.3 of two cores in all."""
    rng = random.Random(f"ordinary {seed}")
    kinds = [("forecast", 2.0, 64), ("ingest", 4.0, 128), ("backfill", 8.0, 192)]
    left, made = LOAD * CORES * LOAD_S, list[Request]()
    while left > 0:
        job, seconds, memory = kinds[len(made) % len(kinds)]
        made.append(Request(rng.uniform(0, LOAD_S), job, seconds, 0.5, memory))
        left -= STARTUP_CORE_S + made[-1].seconds * made[-1].cores
    return tuple(sorted(made, key=lambda request: request.submit_s))


IDLE: Final = tuple(Request(0.0, "ingest", 0.5, 0.3, 16) for _ in range(12))
_ORDINARY: Final = ordinary()

PARTS: Final[Mapping[str, Part]] = {
    part.name: part
    for part in (
        Part("tiny30", tiny(30), tiny(30), (2, 3, 4, 6, 10), 3, (Measure("makespan", _makespan, 1.05),)),
        Part("tiny300", tiny(300), tiny(30), (3, 4, 6), 1, (Measure("makespan", _makespan, 1.05),)),
        Part(
            "burst",
            burst(),
            burst(),
            (3, 4, 6),
            2,
            (
                Measure("critical p95 of submission to end", _turnaround_p95("critical"), 0.5),
                Measure("makespan", _makespan, 1.0),
            ),
        ),
        Part(
            "idle",
            IDLE,
            (),
            (10,),
            2,
            (Measure("median of submission to start", _start, 1.05),),
            in_turn=True,
        ),
        Part(
            "load",
            _ORDINARY,
            tuple(request for request in _ORDINARY if request.submit_s < LOAD_S / 5),
            (4, 10),
            1,
            tuple(Measure(f"{tier} p95 of submission to end", _turnaround_p95(tier), 1.1) for tier in TIERS),
        ),
    )
}
"""By name. Each is sized for a quarter of an hour at most, on two cores that do nothing else."""
