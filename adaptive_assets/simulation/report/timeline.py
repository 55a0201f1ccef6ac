"""Long series cut down to what a plot can show, without losing a peak."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from adaptive_assets.simulation.cluster import Cluster
from adaptive_assets.simulation.outcome import Outcome, Sample

__all__ = ["Band", "Frame", "timeline"]


@dataclass(frozen=True, slots=True)
class Band:
    """The least, mean and greatest value of a quantity over a stretch of time."""

    low: float
    mean: float
    high: float


@dataclass(frozen=True, slots=True)
class Frame:
    """A stretch of time: ``queued`` by tier when the queue was longest in it, the machine over all nodes.

    ``cpu`` and ``memory`` are shares of what the cluster has, strangers included; of ``active`` and
    ``suspended`` runs, the most.
    """

    start_s: float
    end_s: float
    queued: tuple[int, ...]
    cpu: Band
    memory: Band
    active: int
    suspended: int


def timeline(outcome: Outcome, tiers: Sequence[str], end_s: float, frames: int) -> tuple[Frame, ...]:
    """The samples of ``outcome`` from 0 to ``end_s`` as at most ``frames`` equal stretches.

    A stretch without a sample goes on as the one before it ended.
    """
    series = outcome.series
    if not series or end_s <= 0:
        return ()
    times = [sample.at_s for sample in series]
    found: list[Frame] = []
    count = max(1, min(frames, len(series)))
    first = 0
    for number in range(count):
        start, end = end_s * number / count, end_s * (number + 1) / count
        if start >= outcome.end_s:
            break  # this planner was done; another one was not
        last = bisect_left(times, end) if number + 1 < count else len(times)
        inside = series[first:last] or series[max(0, first - 1) : first]
        first = last
        if inside:
            found.append(_frame(start, end, inside, tiers, outcome.cluster))
    return tuple(found)


def _frame(
    start: float, end: float, inside: Sequence[Sample], tiers: Sequence[str], cluster: Cluster
) -> Frame:
    longest = max(inside, key=lambda sample: sum(sample.queued.values()))
    return Frame(
        start_s=start,
        end_s=end,
        queued=tuple(longest.queued.get(tier, 0) for tier in tiers),
        cpu=_band([sum(use.cpu + use.stranger_cpu for use in each.nodes) / cluster.cores for each in inside]),
        memory=_band(
            [sum(use.memory + use.stranger_memory for use in each.nodes) / cluster.memory for each in inside]
        ),
        active=max(sample.active for sample in inside),
        suspended=max(sample.suspended for sample in inside),
    )


def _band(values: Sequence[float]) -> Band:
    return Band(min(values), sum(values) / len(values), max(values))
