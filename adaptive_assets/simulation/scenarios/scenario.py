"""Scenario files: what happens to nodes and data, as YAML.

Read by the rules of policy files: every value carries its unit, and a file's problems are told all at once,
each with its line, its column and what would be right.
"""

from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field

from adaptive_assets.policy import PolicyError
from adaptive_assets.policy.explaining import Language
from adaptive_assets.policy.fields import Version
from adaptive_assets.policy.findings import Finding
from adaptive_assets.policy.reading import read_bytes, read_mapping, validated
from adaptive_assets.policy.suggesting import did_you_mean
from adaptive_assets.policy.text import quoted
from adaptive_assets.policy.values import PolicyValue
from adaptive_assets.simulation.scenarios.events import EVENTS, DataTrouble, DurationDrift, Event, Scenario
from adaptive_assets.simulation.traces.trace import MOST_PROBLEMS

__all__ = ["SCENARIO_FILE", "Scenario", "check_scenario", "load_scenario", "parse_scenario"]

MOST_COMPARED: Final = 10_000
"""Names among which the one that was meant is looked for."""


class ScenarioFile(PolicyValue):
    """The content of a scenario file."""

    version: Version = 1
    """The version of the file's language."""
    name: str = ""
    """What the report calls the scenario."""
    events: tuple[Annotated[Event, Field(discriminator="event")], ...]
    """In any order."""


SCENARIO_FILE: Final = Language(
    "scenario file",
    ScenarioFile,
    kind="a scenario",
    start="`version: 1`",
    fewer="write fewer events",
    kinds=EVENTS,
    required={
        "events": "events: [{event: node_loss, node: node-1, at: 10m, lasts: 5m}]",
        "at": "at: 10m",
        "lasts": "lasts: 5m",
        "node": "node: node-1",
        "name": "name: reports",
        "cores": "cores: 2",
        "factor": "factor: 1.5",
        "seconds": "seconds: 90",
        "trouble": "trouble: late",
    },
)
"""For sentences about what is wrong with one."""


def load_scenario(path: str | Path) -> Scenario:
    """The scenario in the file at ``path``; raises :class:`PolicyError` with all that is wrong."""
    return parse_scenario(read_bytes(Path(path), SCENARIO_FILE.name), str(path))


def parse_scenario(text: str | bytes, source: str) -> Scenario:
    """The scenario that ``text`` is; ``source`` names it in problems.  As :func:`load_scenario`."""
    content, places, problems = read_mapping(text, source, SCENARIO_FILE)
    read = validated(content, places, SCENARIO_FILE, problems)
    return Scenario(read.events, read.name, places)


def check_scenario(scenario: Scenario, *, nodes: Iterable[str], names: Iterable[str]) -> None:
    """Raise :class:`PolicyError` if an event names a node, or recurring work, that there is not.

    Data may belong to assets that the workload does not make, so its names are not checked.
    """
    findings = list(islice(_unknown(scenario.events, list(nodes), set(names)), MOST_PROBLEMS))
    if findings:
        raise PolicyError(finding.located(scenario.places) for finding in findings)


def _unknown(events: Iterable[Event], nodes: Collection[str], names: Collection[str]) -> Iterator[Finding]:
    for position, event in enumerate(events):
        node = "" if isinstance(event, DataTrouble | DurationDrift) else event.node
        if node and node not in nodes:
            hint = did_you_mean(node, nodes, "the nodes are")
            yield Finding(("events", position, "node"), f"there is no node `{quoted(node)}`", hint)
        for place, name in enumerate(event.names if isinstance(event, DurationDrift) else ()):
            if name not in names:
                hint = did_you_mean(name, sorted(names)[:MOST_COMPARED], "the names of the workload are")
                message = f"nothing in the workload is named `{quoted(name)}`"
                yield Finding(("events", position, "names", place), message, hint)
