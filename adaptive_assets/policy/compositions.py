"""The ways to run the stages of a policy: together or one after another, with the optional ones or without.

A run in which independent stages go at the same time is as long as its longest chain, and takes at its peak
what those take together that are then at work: each stage starts as soon as those before it have ended (list
scheduling without a limit, Graham, "Bounds for certain multiprocessing anomalies", 1966). One stage after
another, it takes the sum of their times, and the most that any of them takes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from graphlib import TopologicalSorter

from adaptive_assets.policy.terms import (
    ESSENTIAL,
    ESSENTIAL_IN_SEQUENCE,
    FULL,
    IN_SEQUENCE,
    DeclaredEstimate,
    Policy,
    Stage,
)


@dataclass(frozen=True, slots=True)
class Composition:
    """One way to run the stages: its mode, what it takes, and the names of the stages that it leaves out."""

    mode: str
    cpu: float
    memory: int
    duration: float
    left_out: tuple[str, ...] = ()


@lru_cache(maxsize=1024)
def compositions(stages: tuple[Stage, ...]) -> tuple[Composition, ...]:
    """Every way to run ``stages`` that differs from a better one; the best, full mode, first.

    Empty without stages. One after another is no way of its own where it takes as much CPU and memory.
    Raises :class:`graphlib.CycleError` for stages that wait for each other, which no policy book has.
    """
    if not stages:
        return ()
    kept = [stage for stage in stages if not stage.optional]
    left_out = tuple(stage.name for stage in stages if stage.optional)
    ways = _two_ways(stages, FULL, IN_SEQUENCE, ())
    return (*ways, *_two_ways(kept, ESSENTIAL, ESSENTIAL_IN_SEQUENCE, left_out)) if left_out else ways


@lru_cache(maxsize=1024)
def optional_reads(stages: tuple[Stage, ...]) -> frozenset[str]:
    """The assets that optional stages alone read."""
    optional, essential = (
        {asset for stage in stages if stage.optional is which for asset in stage.reads}
        for which in (True, False)
    )
    return frozenset(optional - essential)


def whole_estimate(policy: Policy) -> DeclaredEstimate | None:
    """What a run of ``policy`` is declared to take in full: by its own estimate, else by its stages."""
    if not policy.stages:
        return policy.estimate
    full = compositions(policy.stages)[0]
    by_stages = DeclaredEstimate(cpu=full.cpu, memory=full.memory, duration=full.duration)
    declared = policy.estimate.model_dump(exclude_none=True) if policy.estimate else {}
    return by_stages.model_copy(update=declared)


def _two_ways(
    stages: Sequence[Stage], together: str, apart: str, left_out: tuple[str, ...]
) -> tuple[Composition, ...]:
    at_once = _at_once(stages, together, left_out)
    estimates = [stage.estimate for stage in stages]
    in_turn = Composition(
        apart,
        max(each.cpu for each in estimates),
        max(each.memory for each in estimates),
        sum(each.duration for each in estimates),
        left_out,
    )
    less = in_turn.cpu < at_once.cpu or in_turn.memory < at_once.memory
    return (at_once, in_turn) if less else (at_once,)


def _at_once(stages: Sequence[Stage], mode: str, left_out: tuple[str, ...]) -> Composition:
    by_name = {stage.name: stage for stage in stages}
    before = {stage.name: [name for name in stage.after if name in by_name] for stage in stages}
    starts: dict[str, float] = {}
    ends: dict[str, float] = {}
    for name in TopologicalSorter(before).static_order():
        starts[name] = max((ends[earlier] for earlier in before[name]), default=0.0)
        ends[name] = starts[name] + by_name[name].estimate.duration
    at_work = [
        [stage.estimate for stage in stages if starts[stage.name] <= start < ends[stage.name]]
        for start in set(starts.values())
    ]
    return Composition(
        mode,
        max(sum(each.cpu for each in together) for together in at_work),
        max(sum(each.memory for each in together) for together in at_work),
        max(ends.values()),
        left_out,
    )
