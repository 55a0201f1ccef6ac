"""What tells how large a run will be before it starts: its input, or else what was declared of it."""

from typing import Final

from adaptive_assets.learning.trend import logarithm
from adaptive_assets.planning.demand import Demand

__all__ = ["UNSIZED", "Sizes", "sizes_of"]

Sizes = tuple[float | None, float | None, float | None]
"""A logarithm for each of ``QUANTITIES``, or ``None`` where nothing tells."""

UNSIZED: Final[Sizes] = (None, None, None)


def sizes_of(input_size: float | None, declared: Demand | None) -> Sizes:
    """The size of the input for every quantity; without it, what was ``declared`` of each of them."""
    if input_size is not None:
        size = logarithm(input_size)
        return size, size, size
    if declared is None:
        return UNSIZED
    return logarithm(declared.duration), logarithm(declared.cpu), logarithm(declared.memory)
