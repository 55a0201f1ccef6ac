"""The JSON Schema for editors: it accepts what the loader accepts, and says what every key is for."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from adaptive_assets.policy import policy_schema
from adaptive_assets.policy.document import read_document
from tests.policy.case_files import case_files
from tests.policy.schema_subset import faults

SEEN_BY_THE_LOADER_ONLY = {"duplicate_keys", "names", "tags_and_merges"}
"""Cases whose faults no JSON Schema can express, or that are gone once YAML has been read."""


def allowed(text: str) -> list[str]:
    """What the schema has against a policy file."""
    schema = policy_schema()
    content = read_document(text, "p.yaml")[0].plain()
    return list(faults(content, schema, schema))


@pytest.mark.parametrize("path", case_files("accepted"), ids=lambda path: path.stem)
def test_the_schema_allows_what_the_loader_accepts(path: Path) -> None:
    """Units, aliases of keys and all."""
    assert allowed(path.read_text()) == []


@pytest.mark.parametrize(
    "path",
    [p for p in case_files("refused") if p.stem not in SEEN_BY_THE_LOADER_ONLY],
    ids=lambda path: path.stem,
)
def test_the_schema_marks_what_the_loader_refuses(path: Path) -> None:
    """An editor shows it before the file is ever loaded."""
    assert allowed(path.read_text()) != []


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("guards: {cpu: 0.85}", ".guards.cpu: type"),
        ("guards: {cpu: 85 %}", ".guards.cpu: pattern"),
        ("guards: {concurrency: 0}", ".guards.concurrency: minimum"),
        ("tiers: []", ".tiers: minItems"),
        ("tiers: [{name: a, preemption: kill}]", ".tiers[0].preemption: enum"),
        ("tiers: [{name: a, patience: 2}]", ".tiers[0].patience: type"),
        ("guards: {ramp: {runs: 2}}", ".guards.ramp: required"),
        ("prices: [{per_core_hour: -1}]", ".prices[0].per_core_hour: minimum"),
        ("polices: []", ".polices: additionalProperties"),
        ("policies: [{name: a}]", ".policies[0]: anyOf"),
        ("policies: [{select: a}]", ".policies[0]: required"),
        ("policies: [{name: a b, select: a}]", ".policies[0].name: pattern"),
        ("policies: [{name: a, select: a, cost: {}}]", ".policies[0].cost: required"),
        ("default: {weight: 0}", ".default.weight: minimum"),
        ("default: {name: a}", ".default.name: additionalProperties"),
        ("default: {objective: {deadline: 5}}", ".default.objective.deadline: type"),
        ("default: {gates: {then: fail}}", ".default.gates: dependentRequired"),
        ("default: {gates: {fresh: wrn, wait_at_most: 5m, then: fail}}", ".default.gates.fresh: enum"),
        ("default: {gates: {checks: fail}}", ".default.gates.checks: anyOf"),
        ("default: {gates: {checks: {only: []}}}", ".default.gates.checks: anyOf"),
        ("default: {gates: {checks: {accept: warn, only: ['a:b']}}}", ""),
        ("default: {gates: {upstreams: {only: []}}}", ".default.gates.upstreams.only: minItems"),
        ("default: {degrade: [{mode: full}]}", ".default.degrade[0].mode: not"),
        (
            "default: {degrade: [{mode: a, parameters: {}}]}",
            ".default.degrade[0].parameters: additionalProperties",
        ),
        ("default: {degrade: [{mode: a, with: {b: [1]}}]}", ".default.degrade[0].with.b: type"),
        ("default: {window: {prefer: 22-6, timezone: UTC}}", ".default.window.prefer: pattern"),
        ("default: {window: {prefer: '22:00-06:00'}}", ".default.window: required"),
        ("default: {estimate: {memory: 1.5gb}}", ".default.estimate.memory: pattern"),
        ("default: {estimate: {cpu: -1}}", ".default.estimate.cpu: minimum"),
    ],
)
def test_what_an_editor_marks(line: str, fault: str) -> None:
    """The place and the rule."""
    assert allowed(f"version: 1\n{line}\n") == [fault] * bool(fault)


def test_examples_and_defaults_are_written_the_way_a_file_has_them() -> None:
    """Each example matches its own pattern, and `100%` is a default where a file would say so."""
    schema = policy_schema()
    for part in parts(schema):
        for example in [*part.get("examples", ()), *([part["default"]] if "default" in part else ())]:
            assert list(faults(example, part, schema)) == []
    assert schema["$defs"]["Guards"]["properties"]["cpu"]["default"] == "100%"
    assert schema["$defs"]["Tier"]["properties"]["patience"]["default"] == "2h"
    assert schema["$defs"]["Policy"]["properties"]["weight"]["default"] == 1


def test_every_key_says_what_it_is_for() -> None:
    """An editor shows it at the key."""
    schema = policy_schema()
    described = [
        (key, entry.get("description", ""))
        for part in parts(schema)
        for key, entry in part.get("properties", {}).items()
    ]
    assert len(described) > 40
    assert [key for key, words in described if not words.endswith(".")] == []


def test_the_schema_is_plain_json_of_its_dialect() -> None:
    """It can be written to a file, and calls share nothing."""
    schema = policy_schema()
    assert json.loads(json.dumps(schema)) == schema
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    schema["$defs"].clear()
    assert policy_schema()["$defs"]


def parts(schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The schema itself, those it defines, and those of all their properties."""
    for part in (schema, *schema["$defs"].values()):
        yield part
        yield from part.get("properties", {}).values()
