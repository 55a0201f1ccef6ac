"""What switching a rule off changes: paired differences of figures, beside their spread between seeds."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from adaptive_assets.simulation.evaluation.measures import Measures
from benchmarks.pooled import IN_ALL, OF_A_TIER, Quantity

__all__ = ["Difference", "Figures", "difference", "differences", "figures_of", "quantity_of"]

Figures = Mapping[str, float]
"""The figures of one simulation, by name: ``critical: missed``, ``OOM kills``."""

NEGLIGIBLE: Final = 0.01
"""A difference of less than this share of the figure says nothing, however alike it is for all seeds."""

_QUANTITIES: Final[Mapping[str, Quantity]] = {
    quantity.name: quantity for quantities in (OF_A_TIER, IN_ALL) for quantity in quantities
}


@dataclass(frozen=True, slots=True)
class Difference:
    """What a figure is without a rule, less what it is with all rules, over the seeds that have both."""

    figure: str
    full: float
    """The mean of the figure with all rules."""
    mean: float
    """Of the differences of each seed."""
    spread: float
    """From the least difference of a seed to the greatest; 0 of a single seed."""
    greatest: float
    """The greatest difference of a seed, up or down."""
    seeds: int
    is_beyond: bool
    """Whether the mean is greater than the spread, than what chance does, and than what says nothing."""
    is_worse: bool
    """Whether the figure is worse without the rule: the rule helps."""


def figures_of(measures: Measures) -> dict[str, float]:
    """All figures of the benchmark of simulations, by name; what there is nothing to say of is left out."""
    found = {quantity.name: of(measures) for quantity, of in IN_ALL.items()}
    for tier in measures.tiers:
        found |= {f"{tier.tier}: {quantity.name}": of(tier) for quantity, of in OF_A_TIER.items()}
    return {name: value for name, value in found.items() if value is not None}


def quantity_of(figure: str) -> Quantity:
    """What the figure of that name is a figure of; :class:`KeyError` for a name that is none."""
    return _QUANTITIES[figure.rpartition(": ")[2]]


def difference(
    figure: str, full: Sequence[float], without: Sequence[float], chance: float = 0.0
) -> Difference:
    """``full`` and ``without`` are of the same seeds, in the same order, and of at least one.

    ``chance`` is how much the figure moves, up or down, where no rule is off.
    """
    quantity = quantity_of(figure)
    each = [off - on for on, off in zip(full, without, strict=True)]
    mean, usual = sum(each) / len(each), sum(full) / len(full)
    spread = max(each) - min(each)
    least = max(spread, chance, quantity.slack, NEGLIGIBLE * abs(usual))
    return Difference(
        figure,
        usual,
        mean,
        spread,
        max(map(abs, each)),
        len(each),
        is_beyond=len(each) > 1 and abs(mean) > least,
        is_worse=mean < 0 if quantity.more_is_better else mean > 0,
    )


def differences(
    full: Mapping[int, Figures], without: Mapping[int, Figures], chance: Mapping[str, float] | None = None
) -> Iterator[Difference]:
    """Of every figure, from the figures by seed; a seed that only one of them has is left out."""
    seeds = sorted(full.keys() & without.keys())
    names = dict.fromkeys(name for seed in seeds for name in full[seed])
    for name in names:
        pairs = [
            (full[seed][name], without[seed][name])
            for seed in seeds
            if name in full[seed] and name in without[seed]
        ]
        if pairs:
            by_chance = (chance or {}).get(name, 0.0)
            yield difference(name, [on for on, _ in pairs], [off for _, off in pairs], by_chance)
