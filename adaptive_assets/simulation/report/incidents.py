"""What happened on the axis of time, in words: the events of the scenario, and runs that were killed."""

from collections.abc import Iterable
from typing import assert_never

from adaptive_assets.planning.wording import cores, number, seconds, size
from adaptive_assets.simulation.events import (
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
from adaptive_assets.simulation.outcome import RunOutcome
from adaptive_assets.simulation.report.history import Mark, Spell

__all__ = ["kills", "spells"]


def spells(scenario: Scenario, end_s: float) -> list[Spell]:
    """The events that begin before ``end_s``, in the order in which they do."""
    found = [
        Spell(
            event.at,
            end_s if isinstance(event, DurationDrift) else min(end_s, event.at + event.lasts),
            told(event),
        )
        for event in scenario.events
        if event.at < end_s
    ]
    return sorted(found, key=lambda spell: (spell.start_s, spell.end_s))


def kills(runs: Iterable[RunOutcome]) -> list[Mark]:
    """Each time that one of ``runs`` was killed for want of memory, in the order of time."""
    marks = []
    for run in runs:
        for time, at in enumerate(run.killed_at, start=1):
            again = f", for the {_ordinal(time)} time" if time > 1 else ""
            marks.append(Mark(at, "killed", f"{run.run.name} ({run.run.run_id}){again}"))
    return sorted(marks, key=lambda mark: mark.at)


def _ordinal(number: int) -> str:
    endings = {1: "st", 2: "nd", 3: "rd"}
    return f"{number}{'th' if number % 100 in (11, 12, 13) else endings.get(number % 10, 'th')}"


def told(event: Event) -> str:
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
