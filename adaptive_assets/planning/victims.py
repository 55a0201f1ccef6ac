"""What it costs that a run gives way, and who is enough."""

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from adaptive_assets.planning.demand import Demand
from adaptive_assets.planning.snapshot import ActiveRun

__all__ = ["STARTING_CORE_S", "core_seconds_lost", "enough", "price_of_leaving"]

STARTING_CORE_S: Final = 5.0
"""What it takes to start a run again, in core-seconds."""

V = TypeVar("V")


def core_seconds_lost(run: ActiveRun, demand: Demand, at: float) -> float:
    """The work that is lost if the run has to start anew."""
    ran = run.ran_s if run.ran_s is not None else at - (run.started_at or at)
    return max(0.0, ran) * demand.cpu


def price_of_leaving(run: ActiveRun, lost: float, memory: float) -> float:
    """Core-seconds for each byte freed; as many times as much as the run has given way, and once more."""
    return (lost + STARTING_CORE_S) * (1 + run.preempted) / max(1.0, memory)


def enough(candidates: Sequence[V], suffice: Callable[[Sequence[V]], bool]) -> list[V]:
    """The first of ``candidates`` that together ``suffice``, without those that it goes without."""
    chosen: list[V] = []
    for candidate in candidates:
        if suffice(chosen):
            break
        chosen.append(candidate)
    if not suffice(chosen):
        return []
    for candidate in tuple(chosen):  # the cheap ones taken first may be spared by a large one taken last
        rest = [other for other in chosen if other is not candidate]
        if suffice(rest):
            chosen = rest
    return chosen
