"""Seeds of workloads: those that rules were tuned on, apart from those that were only measured."""

from collections.abc import Iterable, Sequence
from typing import Final

__all__ = ["TUNED", "groups", "seeds_title"]

TUNED: Final = range(3)
"""Rules and constants of the planner were chosen by figures of these, so that on others they may be worse."""


def groups(seeds: Iterable[int]) -> list[tuple[int, ...]]:
    """Those that were tuned on, and the others; each only if there are any."""
    ordered = sorted(seeds)
    parted = (tuple(s for s in ordered if s in TUNED), tuple(s for s in ordered if s not in TUNED))
    return [group for group in parted if group]


def seeds_title(seeds: Sequence[int]) -> str:
    """Which they are, and of which kind: ``seeds 3, 4 (only measured)``."""
    named = ", ".join(map(str, seeds))
    kind = "rules were tuned on" if set(seeds) <= set(TUNED) else "only measured"
    return f"{'seed' if len(seeds) == 1 else 'seeds'} {named} ({kind})"
