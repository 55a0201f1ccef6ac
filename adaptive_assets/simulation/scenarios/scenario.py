"""Scenario files: events that befall the machine and the data, as YAML.

Read by the rules of policy files: every value carries its unit, and a file's problems are told all at once,
each with its line, its column and what would be right.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path as FilePath
from typing import Final

from adaptive_assets.policy import PolicyError, Problem
from adaptive_assets.policy.document import read_document
from adaptive_assets.policy.findings import Finding
from adaptive_assets.policy.places import Places
from adaptive_assets.policy.plain import sequence
from adaptive_assets.policy.reading import decoded, read_bytes
from adaptive_assets.policy.suggesting import did_you_mean
from adaptive_assets.policy.text import quoted
from adaptive_assets.simulation.scenarios.event_reading import UNKNOWN_KEY, read_event
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
from adaptive_assets.simulation.traces.trace import MOST_PROBLEMS

__all__ = [
    "ClockSkew",
    "DataTrouble",
    "DurationDrift",
    "Event",
    "NodeLoss",
    "Scenario",
    "ScenarioError",
    "SlowDisk",
    "StrangerCpu",
    "StrangerMemory",
    "check_scenario",
    "load_scenario",
    "parse_scenario",
]

MOST_COMPARED: Final = 10_000
"""Names among which the one that was meant is looked for."""

_KEYS: Final = ("version", "name", "events")


class ScenarioError(PolicyError):
    """A scenario that cannot be taken; ``problems`` are all that is wrong with it, by line."""


def load_scenario(path: str | FilePath) -> Scenario:
    """The scenario in the file at ``path``; raises :class:`ScenarioError` with all that is wrong."""
    try:
        return parse_scenario(read_bytes(FilePath(path), "scenario file"), str(path))
    except PolicyError as error:
        raise ScenarioError(error.problems) from None


def parse_scenario(text: str | bytes, source: str) -> Scenario:
    """The scenario that ``text`` is; ``source`` names it in problems.  As :func:`load_scenario`."""
    try:
        root, problems = read_document(
            decoded(text, source, "write fewer events"),
            source,
            kind="a scenario",
            start="a scenario starts with `version: 1`",
        )
    except PolicyError as error:
        raise ScenarioError(error.problems) from None
    places, content = Places(source, root), root.plain()
    if not isinstance(content, dict):
        message, hint = "a scenario is a mapping of keys to values", "start with `version: 1`, then `events:`"
        raise ScenarioError([*problems, Problem(*places.value(()), message, hint)])
    problems += (_located(finding, places) for finding in _wrong_at_the_top(content))
    events: list[Event] = []
    for position, plain in enumerate(sequence(content.get("events"))):
        event = read_event(plain)
        if isinstance(event, list):
            problems += (_located(finding.below("events", position), places) for finding in event)
        else:
            events.append(event)
    if problems:
        raise ScenarioError(problems)
    return Scenario(tuple(events), str(content.get("name") or ""), places)


def check_scenario(scenario: Scenario, *, nodes: Iterable[str], names: Iterable[str]) -> None:
    """Raise :class:`ScenarioError` if an event names a node, or recurring work, that there is not.

    Data may belong to assets that the workload does not make, so its names are not checked.
    """
    findings = list(islice(_unknown(scenario.events, list(nodes), set(names)), MOST_PROBLEMS))
    if findings:
        raise ScenarioError(finding.located(scenario.places) for finding in findings)


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


def _wrong_at_the_top(content: Mapping[str, object]) -> Iterator[Finding]:
    for key in content:
        if key not in _KEYS:
            yield Finding((key,), f"{UNKNOWN_KEY} `{quoted(key)}`", did_you_mean(key, _KEYS, "the keys are"))
    version = content.get("version", 1)
    if isinstance(version, bool) or version != 1:
        message = f"`{quoted(str(version))}` is no version of the scenario file that is known here"
        yield Finding(("version",), message, "write `version: 1`")
    if not isinstance(content.get("name", ""), str):
        yield Finding(("name",), "`name` is not text", "write it in quotes")
    if "events" not in content:
        yield Finding((), "`events` is missing", "add `events:` and a list below it")
    elif not isinstance(content["events"], list):
        yield Finding(("events",), "`events` is not a list", "start each event with `- `")


def _located(finding: Finding, places: Places) -> Problem:
    """At the key, where it is the key that is wrong."""
    return finding.located(places, at_key=finding.message.startswith(UNKNOWN_KEY))
