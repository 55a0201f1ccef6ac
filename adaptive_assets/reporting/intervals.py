"""The series of a simulation cut into equal intervals of time, without losing a peak."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from adaptive_assets.simulation.evaluation.comparison import Contender
from adaptive_assets.simulation.evaluation.outcome import Sample


@dataclass(frozen=True, slots=True)
class MinMeanMax:
    """The least, mean and greatest value of a quantity over an interval."""

    low: float
    mean: float
    high: float


@dataclass(frozen=True, slots=True)
class Interval:
    """``queued`` by tier when the queue was longest, the machine over all nodes, and what happened to runs.

    ``cpu`` and ``memory`` are shares of what the cluster has, strangers included.  ``active`` is the most
    runs that ran or were suspended, ``suspended`` the most of the latter.  ``killed`` counts kills for
    want of memory.
    """

    start_s: float
    end_s: float
    queued: tuple[int, ...]
    active: int
    suspended: int
    cpu: MinMeanMax
    memory: MinMeanMax
    killed: int
    preempted: int


def intervals(contender: Contender, end_s: float, most: int) -> list[Interval]:
    """The time from 0 to ``end_s`` in ``most`` equal intervals; those after the last run ended are left out.

    An interval without a sample goes on as the one before it ended.
    """
    outcome = contender.outcome
    series = outcome.series
    if not series or end_s <= 0:
        return []
    times = [sample.at_s for sample in series]
    length = end_s / most
    kills = (at for run in outcome.runs for at in run.killed_at)
    killed = Counter(_place(at, length, most) for at in kills)
    preempted = Counter(_place(each.at, length, most) for each in contender.preemptions)
    found: list[Interval] = []
    first = 0
    for place in range(most):
        start, end = place * length, (place + 1) * length
        if start >= outcome.end_s:
            break
        last = bisect_left(times, end) if place + 1 < most else len(times)
        inside = series[first:last] or series[max(0, first - 1) : max(1, first)]
        first = last
        longest = max(inside, key=lambda sample: sum(sample.queued.values()))
        found.append(
            Interval(
                start_s=start,
                end_s=end,
                queued=tuple(longest.queued.get(tier, 0) for tier in outcome.tiers),
                active=max(sample.active for sample in inside),
                suspended=max(sample.suspended for sample in inside),
                cpu=_spread([_cpu(sample) / outcome.cluster.cores for sample in inside]),
                memory=_spread([_memory(sample) / outcome.cluster.memory for sample in inside]),
                killed=killed[place],
                preempted=preempted[place],
            )
        )
    return found


def _place(at: float, length: float, most: int) -> int:
    return min(most - 1, int(at / length))


def _cpu(sample: Sample) -> float:
    return sum(use.cpu + use.stranger_cpu for use in sample.nodes)


def _memory(sample: Sample) -> int:
    return sum(use.memory + use.stranger_memory for use in sample.nodes)


def _spread(values: Sequence[float]) -> MinMeanMax:
    return MinMeanMax(min(values), sum(values) / len(values), max(values))
