"""What lasted on the axis of time: the events of the scenario, in words."""

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
from adaptive_assets.simulation.report.history import Spell

__all__ = ["spells"]


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
