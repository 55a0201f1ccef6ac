"""How the kernel shares the cores among threads of different weights.

Weights are those of nice levels: a level up is a fifth less of the CPU, 1024 at nice 0 (Linux's
``sched_prio_to_weight``). A thread gets no more than it can use; what it leaves goes to the others by their
weights.
"""

from collections.abc import Iterable
from functools import cache
from math import inf
from typing import Final, NamedTuple

from adaptive_assets.policy.weights import NICE_STEP, nice_of

NICE_0: Final = 1024.0


class Threads(NamedTuple):
    """So many threads alike: the cores that each can use (0 to 1), and its weight."""

    number: float
    alone: float
    weight: float


@cache
def kernel_weight(cpu_weight: int) -> float:
    """What the nice level of ``cpu_weight`` weighs, 1024 at nice 0."""
    return NICE_0 / NICE_STEP ** nice_of(cpu_weight)


def share_of_weight(threads: Iterable[Threads], cores: float) -> float:
    """The cores that a thread gets for each unit of its weight, and no more than it can use.

    Infinite where there are cores for all. Weighted max-min fairness: threads that can use no more than
    their share get all they can use, and the others share the rest.
    """
    sated = sorted((one for one in threads if one.number > 0), key=_sated_at)
    if sum(one.number * one.alone for one in sated) <= cores:
        return inf
    weight = sum(one.number * one.weight for one in sated)
    left = cores
    for one in sated:
        if one.alone * weight > left * one.weight:
            return left / weight
        left -= one.number * one.alone
        weight -= one.number * one.weight
    return inf  # short by no more than rounding


def _sated_at(one: Threads) -> float:
    return one.alone / one.weight
