"""Names in a policy book: each names one thing, and a name that is used names something.

These rules cross from one part of the book to another, so they work on its plain content: on that of a valid
book, and also on that of a file in which other things are wrong, so that all its faults are told at once.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence

from adaptive_assets.policy.findings import Finding
from adaptive_assets.policy.places import Path
from adaptive_assets.policy.plain import as_text, mapping, names_of, sequence
from adaptive_assets.policy.suggesting import did_you_mean
from adaptive_assets.policy.terms import DEFAULT, USUAL_TIERS


def broken_names(content: Mapping[str, object]) -> Iterator[Finding]:
    """What is wrong with the names of tiers and policies in a book with this plain ``content``."""
    usual = [{"name": tier.name} for tier in USUAL_TIERS]
    tiers = sequence(content["tiers"]) if "tiers" in content else usual
    policies = names_of(content.get("policies"))
    known = names_of(tiers)
    yield from taken("tiers", known, hyphens=False)
    yield from taken("policies", policies, hyphens=False)
    for position, name in enumerate(policies):
        if name == DEFAULT:
            yield Finding(
                ("policies", position, "name"),
                "the name `default` is kept for the policy of whatever no other policy governs",
                "write its terms under the key `default`, or choose another name",
            )
    if known and None not in known:
        for path, name in _used(content, tiers):
            if name not in known:
                hint = did_you_mean(name, [str(tier) for tier in known], "the tiers are")
                yield Finding(path, f"there is no tier `{name}`", hint)


def _used(content: Mapping[str, object], tiers: Sequence[object]) -> Iterator[tuple[Path, str]]:
    """The places that name a tier, with the name."""
    users: list[tuple[Path, object]] = [
        *((("policies", position), each) for position, each in enumerate(sequence(content.get("policies")))),
        (("default",), content.get("default")),
    ]
    for path, policy in users:
        if (name := as_text(mapping(policy).get("tier"))) is not None:
            yield (*path, "tier"), name
    for position, tier in enumerate(tiers):
        for place, preempted in enumerate(sequence(mapping(tier).get("preempts"))):
            if (name := as_text(preempted)) is not None:
                yield ("tiers", position, "preempts", place), name


def taken(part: str, names: Sequence[str | None], *, hyphens: bool = True) -> Iterator[Finding]:
    """Names given twice in the list ``part``.

    Without ``hyphens``, `-` and `_` count as one, because names of Dagster's have no hyphen.
    """
    first: dict[str, tuple[int, str]] = {}
    for position, name in enumerate(names):
        if name is None:
            continue
        before, other = first.setdefault(name if hyphens else name.replace("-", "_"), (position, name))
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


def shortest_way(steps: Mapping[str, Sequence[str]], start: str, end: str) -> list[str]:
    """The shortest chain of ``steps`` from ``start`` to ``end``, both included; empty when there is none."""
    chains, seen = deque([[start]]), {start}
    while chains:
        chain = chains.popleft()
        if chain[-1] == end:
            return chain
        for step in steps.get(chain[-1], ()):
            if step not in seen:
                seen.add(step)
                chains.append([*chain, step])
    return []
