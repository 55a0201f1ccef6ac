"""Names in a policy book: each names one thing, and a name that is used names something.

These rules cross from one part of the book to another, so they work on the bare names: on those of a valid
book, and also on those of a file in which other things are wrong, so that all its faults are told at once.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from adaptive_assets.policy.findings import Finding
from adaptive_assets.policy.places import Path
from adaptive_assets.policy.suggesting import did_you_mean

DEFAULT = "default"
"""The name of the policy of whatever no other policy governs."""


@dataclass(frozen=True, slots=True)
class Names:
    """The names of a book; ``None`` where one is absent or is not text.

    ``used`` are the places that name a tier, with the name.
    """

    tiers: Sequence[str | None]
    policies: Sequence[str | None]
    used: Sequence[tuple[Path, str]] = ()


def broken_names(names: Names) -> Iterator[Finding]:
    """What is wrong with the names of a book, each with its place."""
    yield from _taken("tiers", names.tiers)
    yield from _taken("policies", names.policies)
    for position, name in enumerate(names.policies):
        if name == DEFAULT:
            yield Finding(
                ("policies", position, "name"),
                "the name `default` is kept for the policy of whatever no other policy governs",
                "write its terms under the key `default`, or choose another name",
            )
    known = [name for name in names.tiers if name is not None]
    if known and len(known) == len(names.tiers):
        for path, name in names.used:
            if name not in known:
                yield Finding(path, f"there is no tier `{name}`", did_you_mean(name, known, "the tiers are"))


def _taken(part: str, names: Sequence[str | None]) -> Iterator[Finding]:
    """Names given twice; `-` and `_` count as one, because names of Dagster's have no hyphen."""
    first: dict[str, tuple[int, str]] = {}
    for position, name in enumerate(names):
        if name is None:
            continue
        before, other = first.setdefault(name.replace("-", "_"), (position, name))
        if before == position:
            continue
        message = (
            f"two {part} are named `{name}`"
            if name == other
            else f"`{name}` and `{other}` are one name to Dagster, which knows no hyphen"
        )
        yield Finding(
            (part, position, "name"), message, f"rename one; the first is entry {before + 1} of `{part}`"
        )
