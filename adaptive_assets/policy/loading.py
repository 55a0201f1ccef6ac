"""From the text of a policy file to one book, or to every problem that the file has."""

from collections.abc import Mapping, Sequence
from itertools import chain, islice
from pathlib import Path as FilePath
from typing import Final

from adaptive_assets.policy.explaining import Language
from adaptive_assets.policy.model import PolicyBook
from adaptive_assets.policy.names import broken_names
from adaptive_assets.policy.places import Places
from adaptive_assets.policy.problems import Problem
from adaptive_assets.policy.reading import located, read_bytes, read_mapping, validated
from adaptive_assets.policy.stages import broken_stages
from adaptive_assets.policy.weights import broken_weights

MOST_FOUND: Final = 1_000
"""Broken names that are looked for: each is compared with all that are known, which takes time."""

POLICY_FILE: Final = Language(
    "policy file",
    PolicyBook,
    kind="a policy book",
    start="`version: 1`",
    fewer="write fewer, wider policies",
    required={
        "version": "version: 1",
        "name": "name: reports",
        "mode": "mode: reduced",
        "prefer": 'prefer: "22:00-06:00"',
        "timezone": "timezone: America/New_York",
        "at_most": "at_most: 0.05",
        "per_core_hour": "per_core_hour: 0.04",
        "runs": "runs: 4",
        "every": "every: 30s",
        "then": "then: quarantine",
        "estimate": "estimate: {cpu: 1, memory: 512MiB, duration: 1m}",
        "cpu": "cpu: 1",
        "memory": "memory: 512MiB",
        "duration": "duration: 1m",
    },
)
"""For sentences about what is wrong with one."""


def load_policy_book(path: str | FilePath, home: FilePath | None = None) -> PolicyBook:
    """The policy book in the file at ``path``; for a relative one and ``home`` see :func:`located`.

    Raises :class:`PolicyError` with all that is wrong, in the order of the lines.
    """
    file = located(path, home)
    return parse_policy_book(read_bytes(file, POLICY_FILE.name, home), str(file))


def parse_policy_book(text: str | bytes, source: str) -> PolicyBook:
    """The policy book that ``text`` is; ``source`` names it in problems.  As :func:`load_policy_book`."""
    return book_of_content(*read_mapping(text, source, POLICY_FILE))


def book_of_content(
    content: Mapping[str, object], places: Places, problems: Sequence[Problem] = ()
) -> PolicyBook:
    """The policy book with this plain ``content``, whose values are written at ``places``.

    ``problems`` were found before; with any, there is no book but a :class:`PolicyError`.
    """
    broken = chain(broken_names(content), broken_weights(content), broken_stages(content))
    findings = islice(broken, MOST_FOUND)
    told = [*problems, *(finding.located(places) for finding in findings)]
    book = validated(content, places, POLICY_FILE, told)
    book.place(places)
    return book
