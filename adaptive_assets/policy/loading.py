"""From the text of a policy file to one book, or to every problem that the file has."""

from collections.abc import Iterator, Mapping
from itertools import chain, islice
from pathlib import Path as FilePath
from typing import Final

from pydantic import ValidationError

from adaptive_assets.policy.document import read_document
from adaptive_assets.policy.explaining import count, explain
from adaptive_assets.policy.fields import IN_A_FILE
from adaptive_assets.policy.findings import Finding
from adaptive_assets.policy.model import PolicyBook
from adaptive_assets.policy.names import Names, broken_names
from adaptive_assets.policy.places import Path, Places
from adaptive_assets.policy.plain import as_text, mapping, sequence
from adaptive_assets.policy.problems import MOST_TOLD, PolicyError, Problem
from adaptive_assets.policy.reading import decoded, read_bytes
from adaptive_assets.policy.stages import StageNames, broken_stages
from adaptive_assets.policy.terms import USUAL_TIERS

MOST_FOUND: Final = 1_000
"""Broken names that are looked for: each is compared with all that are known, which takes time."""


def load_policy_book(path: str | FilePath) -> PolicyBook:
    """The policy book in the file at ``path``.

    Raises :class:`PolicyError` with all that is wrong, in the order of the lines.
    """
    return parse_policy_book(read_bytes(FilePath(path), "policy file"), str(path))


def parse_policy_book(text: str | bytes, source: str) -> PolicyBook:
    """The policy book that ``text`` is; ``source`` names it in problems.  As :func:`load_policy_book`."""
    root, problems = read_document(decoded(text, source, "write fewer, wider policies"), source)
    places, content = Places(source, root), root.plain()
    if not isinstance(content, dict):
        message, hint = "a policy book is a mapping of keys to values", "start with `version: 1`"
        raise PolicyError([*problems, Problem(*places.value(()), message, hint)])
    return book_of_content(content, places, problems)


def book_of_content(
    content: Mapping[str, object], places: Places, problems: list[Problem] | None = None
) -> PolicyBook:
    """The policy book with this plain ``content``, whose values are written at ``places``.

    ``problems`` were found before; with any, there is no book but a :class:`PolicyError`.
    """
    told = list(problems or ())
    findings = chain(broken_names(_names(content)), _broken_stages(content))
    told += (finding.located(places) for finding in islice(findings, MOST_FOUND))
    try:
        book = PolicyBook.model_validate(content, context=IN_A_FILE, by_alias=True, by_name=False)
    except ValidationError as error:
        unsaid = max(0, count(error, places) - MOST_TOLD)
        told += explain(error, places)
        raise PolicyError(told, unsaid) from None
    if told:
        raise PolicyError(told)
    book.place(places)
    return book


def _names(content: Mapping[str, object]) -> Names:
    """The names in a book's plain ``content``, whatever else is wrong with it."""
    tiers = (
        sequence(content["tiers"]) if "tiers" in content else [{"name": tier.name} for tier in USUAL_TIERS]
    )
    policies = sequence(content.get("policies"))
    users: list[tuple[Path, object]] = [
        *(
            (("policies", position, "tier"), mapping(policy).get("tier"))
            for position, policy in enumerate(policies)
        ),
        (("default", "tier"), mapping(content.get("default")).get("tier")),
        *(
            (("tiers", position, "preempts", place), name)
            for position, tier in enumerate(tiers)
            for place, name in enumerate(sequence(mapping(tier).get("preempts")))
        ),
    ]
    return Names(
        tiers=[as_text(mapping(tier).get("name")) for tier in tiers],
        policies=[as_text(mapping(policy).get("name")) for policy in policies],
        used=[(path, name) for path, name in users if isinstance(name, str)],
    )


def _broken_stages(content: Mapping[str, object]) -> Iterator[Finding]:
    """What is wrong with how the stages of each policy belong together, whatever else is wrong."""
    listed = enumerate(sequence(content.get("policies")))
    policies: list[tuple[Path, object]] = [(("policies", position), policy) for position, policy in listed]
    for path, policy in (*policies, (("default",), content.get("default"))):
        stages = [
            StageNames(
                as_text(stage.get("name")),
                [as_text(name) for name in sequence(stage.get("after"))],
                [as_text(asset) for asset in sequence(stage.get("assets"))],
                optional=stage.get("optional") is True,
            )
            for stage in map(mapping, sequence(mapping(policy).get("stages")))
        ]
        modes = [as_text(mapping(rung).get("mode")) for rung in sequence(mapping(policy).get("degrade"))]
        yield from (finding.below(*path) for finding in broken_stages(stages, modes))
