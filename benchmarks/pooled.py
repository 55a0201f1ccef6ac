"""The figures of one planner over several seeds: counts and amounts added up, medians of all else."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from adaptive_assets.simulation.evaluation.measures import Measures, TierMeasures

__all__ = ["IN_ALL", "OF_A_TIER", "Pooled", "Quantity", "pool"]

Pool = Callable[[Sequence[float]], float]


@dataclass(frozen=True, slots=True)
class Quantity:
    """One reported figure. ``slack`` is the difference that says nothing: in runs, or in seconds."""

    name: str
    pooled: Pool
    slack: float = 0.0
    more_is_better: bool = False
    digits: int = 0


RUNS: Final = 2.0
SECONDS: Final = 5.0

OF_A_TIER: Final[Mapping[Quantity, Callable[[TierMeasures], float | None]]] = {
    Quantity("missed", sum, RUNS): lambda tier: tier.missed,
    Quantity("wait p50 s", median, SECONDS): lambda tier: tier.wait_p50_s,
    Quantity("wait p95 s", median, SECONDS): lambda tier: tier.wait_p95_s,
    Quantity("wait max s", median, SECONDS): lambda tier: tier.wait_max_s,
    Quantity("turnaround mean s", median, SECONDS): lambda tier: tier.turnaround_mean_s,
    Quantity("turnaround p95 s", median, SECONDS): lambda tier: tier.turnaround_p95_s,
    Quantity("slowdown", median, digits=2): lambda tier: tier.slowdown_mean,
    Quantity("slowdown p95", median, digits=2): lambda tier: tier.slowdown_p95,
}

IN_ALL: Final[Mapping[Quantity, Callable[[Measures], float | None]]] = {
    Quantity("work finished core-h", sum, more_is_better=True, digits=1): lambda m: m.all.work_core_s / 3600,
    Quantity("utilisation", median, more_is_better=True, digits=3): lambda m: m.utilisation,
    Quantity("OOM kills", sum, RUNS): lambda m: m.all.oom_kills,
    Quantity("wasted core-h", sum, SECONDS / 3600, digits=1): lambda m: m.wasted_core_s / 3600,
    Quantity("preemptions", sum, RUNS): lambda m: m.all.preemptions,
    Quantity("degraded", sum, RUNS): lambda m: m.all.degraded,
    Quantity("cost", sum): lambda m: m.cost,
}


@dataclass(frozen=True, slots=True)
class Pooled:
    """The figures of one planner; those that there are none of are left out."""

    planner: str
    tiers: Mapping[str, Mapping[Quantity, float]]
    in_all: Mapping[Quantity, float]
    runs: Mapping[str, int]
    with_deadline: Mapping[str, int]
    planning_ms: float | None
    """The median time of a call of the planner."""

    def of_tier(self, tier: str, name: str) -> float:
        """That figure of a tier; :class:`KeyError` where there is none."""
        return _named(self.tiers[tier], name)

    def of_all(self, name: str) -> float:
        """That figure of all runs together."""
        return _named(self.in_all, name)


def pool(planner: str, measured: Sequence[Measures]) -> Pooled:
    """``measured``: of each seed one, with the same tiers."""
    names = [tier.tier for tier in measured[0].tiers]
    tiers = {name: [tier for m in measured if (tier := m.tier(name))] for name in names}
    planning = [m.planning_median_s for m in measured if m.planning_median_s is not None]
    return Pooled(
        planner,
        {
            name: {
                quantity: quantity.pooled(values)
                for quantity, of in OF_A_TIER.items()
                if (values := [value for tier in found if (value := of(tier)) is not None])
            }
            for name, found in tiers.items()
        },
        {
            quantity: quantity.pooled(values)
            for quantity, of in IN_ALL.items()
            if (values := [value for m in measured if (value := of(m)) is not None])
        },
        {name: sum(tier.runs for tier in found) for name, found in tiers.items()},
        {name: sum(tier.with_deadline for tier in found) for name, found in tiers.items()},
        1000 * median(planning) if planning else None,
    )


def _named(figures: Mapping[Quantity, float], name: str) -> float:
    return next(value for quantity, value in figures.items() if quantity.name == name)
