"""The CPU weights of tiers: what each has where the file does not say, and none more than the one above.

A run of a tier is admitted without counting the CPU of the tiers below, because these yield to it: so they
must.  Like the rules of names, this one works on the plain content of a book.
"""

from collections.abc import Iterable, Iterator, Mapping
from math import log
from typing import Final

from adaptive_assets.policy.findings import Finding
from adaptive_assets.policy.plain import mapping, sequence

USUAL_CPU_WEIGHT: Final = 100
"""The CPU weight of whatever nobody gave one to: `cpu.weight` of cgroups, nice 0."""
MOST_CPU_WEIGHT: Final = 10_000
"""The most that cgroups know."""
NICE_STEP: Final = 1.25
"""How many times as much CPU a process gets as one whose nice is higher by one: the kernel's own table."""
MOST_NICE: Final = 19
"""The kernel knows no higher one."""
LESS_FOR_EACH_TIER: Final = 5
"""How many times as much weight a tier has as the one below, where the file does not say."""


def cpu_weights(given: Iterable[int | None]) -> Iterator[int]:
    """The CPU weight of each tier, the highest first, for what its file gives it."""
    above = USUAL_CPU_WEIGHT * LESS_FOR_EACH_TIER
    for weight in given:
        above = weight or max(1, above // LESS_FOR_EACH_TIER)
        yield above


def nice_of(weight: float) -> int:
    """The nearest nice, 0 to 19, to a CPU ``weight`` (100 is that of nice 0).

    Never negative, which would need privileges: more weight than 100 is that of 100.
    """
    return min(MOST_NICE, max(0, round(log(USUAL_CPU_WEIGHT / weight) / log(NICE_STEP))))


def broken_weights(content: Mapping[str, object]) -> Iterator[Finding]:
    """Tiers with more CPU weight than the one above them, in a book with this plain ``content``."""
    tiers = [mapping(tier) for tier in sequence(content.get("tiers"))]
    given = [_weight(tier.get("cpu_weight")) for tier in tiers]
    weights = list(cpu_weights(given))
    for position in range(1, len(tiers)):
        upper, lower = tiers[position - 1 : position + 1]
        above, weight = weights[position - 1 : position + 1]
        guessed = given[position - 1] is None and upper.get("cpu_weight") is not None  # that is told apart
        if given[position] is not None and weight > above and not guessed:
            yield Finding(
                ("tiers", position, "cpu_weight"),
                f"`{lower.get('name')}` has more CPU weight than `{upper.get('name')}`, which is above it and"
                f" has {above}",
                f"write at most `{above}`, or give `{upper.get('name')}` more",
            )


def _weight(value: object) -> int | None:
    """The weight that ``value`` is; ``None`` if it is none."""
    return value if type(value) is int and 1 <= value <= MOST_CPU_WEIGHT else None
