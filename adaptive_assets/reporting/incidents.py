"""What happened, in words: events of the scenario, runs that were killed, runs that had to give way."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import assert_never

from adaptive_assets.planning.formatting import cores, number, seconds, size
from adaptive_assets.simulation.evaluation.comparison import Contender
from adaptive_assets.simulation.scenarios.events import (
    ClockSkew,
    DataTrouble,
    DurationDrift,
    Event,
    NodeLoss,
    Scenario,
    SlowDisk,
    StrangerCpu,
    StrangerMemory,
)


@dataclass(frozen=True, slots=True)
class Period:
    """From when to when, in seconds from the start, and what was the case meanwhile."""

    start_s: float
    end_s: float
    told: str


def periods(scenario: Scenario, end_s: float) -> list[Period]:
    """The events that begin before ``end_s``, in the order in which they do."""
    found = [
        Period(
            event.at,
            end_s if isinstance(event, DurationDrift) else min(end_s, event.at + event.lasts),
            _told(event),
        )
        for event in scenario.events
        if event.at < end_s
    ]
    return sorted(found, key=lambda period: (period.start_s, period.end_s))


def incidents(contender: Contender) -> list[tuple[float, str, str]]:
    """Each kill and preemption, in the order of time: when, which of the two, and of which run or why."""
    return sorted(
        [*_kills(contender), *((each.at, "preempted", each.told) for each in contender.preemptions)]
    )


def _kills(contender: Contender) -> Iterator[tuple[float, str, str]]:
    for run in contender.outcome.runs:
        for attempt, at in enumerate(run.killed_at, start=1):
            again = f", kill {attempt} of this run" if attempt > 1 else ""
            yield at, "killed", f"{run.run.name} ({run.run.run_id}) ran out of memory{again}"


def _told(event: Event) -> str:
    """An event in a few words."""
    match event:
        case NodeLoss():
            return f"{event.node} lost"
        case StrangerMemory():
            grows = f" and {size(event.grows_per_s)}/s more" if event.grows_per_s else ""
            return f"stranger takes {size(event.amount)}{grows}{_where(event.node)}"
        case StrangerCpu():
            return f"stranger uses {cores(event.cores)}{_where(event.node)}"
        case SlowDisk():
            return f"disk {number(event.factor)} times slower{_where(event.node)}"
        case DataTrouble():
            return f"{event.name}: data {event.trouble}"
        case ClockSkew():
            return f"clock off by {seconds(event.seconds)}{_where(event.node)}"
        case DurationDrift():
            whose = ", ".join(event.names[:3]) or "all work"
            return f"{whose} takes {number(event.factor)} times as long"
        case _:
            assert_never(event)


def _where(node: str) -> str:
    return f" on {node}" if node else ""
