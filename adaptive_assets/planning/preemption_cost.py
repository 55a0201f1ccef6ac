"""What it costs that a run gives way, and who is enough."""

from collections.abc import Callable, Iterable
from operator import add, ge, sub
from typing import TypeVar

from adaptive_assets.planning.resource_request import ResourceRequest
from adaptive_assets.planning.snapshot import ActiveRun
from adaptive_assets.planning.tuning import Tuning

V = TypeVar("V")
Amounts = tuple[float, ...]
"""Of several things, each in its own unit."""


def core_seconds_lost(run: ActiveRun, request: ResourceRequest, at: float) -> float:
    """The work that is lost if the run has to start anew."""
    ran = run.ran_s if run.ran_s is not None else at - (run.started_at or at)
    return max(0.0, ran) * request.cpu


def price_of_leaving(run: ActiveRun, lost: float, memory: float, tuning: Tuning) -> float:
    """Core-seconds for each byte freed; as many times as much as the run has given way, and once more."""
    return (lost + tuning.restart_core_s) * (1 + run.preempted) / max(1.0, memory)


def enough(candidates: Iterable[V], frees: Callable[[V], Amounts], short: Amounts) -> list[V]:
    """The first of ``candidates`` that together free what is ``short``, without those that it goes without.

    Nobody where even all would not do.
    """
    chosen: list[V] = []
    freed = (0.0,) * len(short)
    for candidate in candidates:
        if _covers(freed, short):
            break
        chosen.append(candidate)
        freed = tuple(map(add, freed, frees(candidate)))
    if not _covers(freed, short):
        return []
    kept = []
    for candidate in chosen:  # the cheap ones taken first may be spared by a large one taken last
        without = tuple(map(sub, freed, frees(candidate)))
        if _covers(without, short):
            freed = without
        else:
            kept.append(candidate)
    return kept


def _covers(freed: Amounts, short: Amounts) -> bool:
    return all(map(ge, freed, short))
