"""What can be read of a broken policy file, so that all that is wrong is told at once."""

import random
from pathlib import Path

import pytest

from adaptive_assets.policy import (
    Catalogue,
    PolicyError,
    check_policy_book,
    load_policy_book,
    parse_policy_book,
)
from adaptive_assets.policy.remains import remains_of
from tests.policy.case_files import case_files

HOSTILE = ("null", "[]", "{}", "-1", "9999", ".inf", "x", "[1, {}]", "{name: 3}", '"\\0"', "true")


def messages(text: str) -> list[str]:
    """What is found in what is left of a file that is refused."""
    with pytest.raises(PolicyError):
        parse_policy_book(text, "p.yaml")
    remains = remains_of(text, "p.yaml")
    assert remains is not None
    found = check_policy_book(remains.book, None, lambda *_: frozenset(), remains.left_out)
    return [f"{problem.line}: {problem.message}" for problem in found]


@pytest.mark.parametrize("file", case_files("accepted"), ids=lambda file: file.stem)
def test_of_a_good_file_all_is_left(file: Path) -> None:
    """And it says the same."""
    remains = remains_of(file.read_bytes(), str(file))
    assert remains is not None
    assert remains.book == load_policy_book(file)
    assert not any(remains.left_out.values())


@pytest.mark.parametrize("file", case_files("refused"), ids=lambda file: file.stem)
def test_of_a_broken_file_something_or_nothing_is_left(file: Path) -> None:
    """Never a traceback, and what is left can be checked."""
    words, chance = file.read_text().split(" "), random.Random(3)
    for count in range(20):
        mutated = list(words)
        for _ in range(count):
            mutated[chance.randrange(len(words))] = chance.choice(HOSTILE)
        remains = remains_of(" ".join(mutated), "p.yaml")
        if remains is not None:
            check_policy_book(remains.book, Catalogue(), lambda *_: frozenset(), remains.left_out)


def test_places_are_those_of_the_file() -> None:
    """Also after a policy that is left out whole."""
    text = """
version: 3
policies:
  - 17
  - {name: 5, jobs: [a]}
  - name: late
    jobs: [b]
    gates: {fresh: pass, wait_at_most: 1m, then: degrade}
default:
  degrade: [{mode: less}]
"""
    assert messages(text) == [
        "8: `then: degrade` has no rung to go to",
        "10: the ladder ends in `less`, which is not known to take less than `full`",
    ]


@pytest.mark.parametrize(
    "policy",
    [
        "cost: {at_most: 1}",
        "estimate: {cpu: much}, degrade: [{mode: less, estimate: {cpu: 1}}]",
        "objective: {deadline: 10}, window: {prefer: '22:00-06:00', timezone: UTC}",
        "degrade: [{mod: less}], gates: {then: degrade}",
        "stages: [{name: x, after: [y], estimate: {cpu: 1, memory: 1GiB, duration: 1m}}]",
        "owner: z, weight: -3",
    ],
)
def test_nothing_is_said_that_follows_from_what_is_left_out(policy: str) -> None:
    """A price that cannot be read is no price that is missing."""
    text = (
        "version: 1\nprices: [{per_core_hour: cheap}]\n"
        f"policies: [{{name: a, jobs: [a], {policy}}}, {{name: b, jobs: [b], owner: z, weight: 2}}]\n"
    )
    assert messages(text) == []


def test_where_nothing_can_be_read_nothing_is_left() -> None:
    """No YAML, no mapping."""
    assert remains_of("a: [", "p.yaml") is None
    assert remains_of("- 1", "p.yaml") is None
    assert remains_of(b"\xff", "p.yaml") is None
