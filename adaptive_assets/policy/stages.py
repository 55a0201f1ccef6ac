"""How the stages of a policy belong together: what comes after what, and what can be left out.

These rules cross from one stage to another. Like those of names, they work on what is bare of everything
else, so that all faults of a file are told at once.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from adaptive_assets.policy.findings import Finding
from adaptive_assets.policy.suggesting import did_you_mean
from adaptive_assets.policy.terms import COMPOSED, IN_SEQUENCE

__all__ = ["StageNames", "broken_stages"]


@dataclass(frozen=True, slots=True)
class StageNames:
    """The names in one stage; ``None`` where one is absent or is not text."""

    name: str | None
    after: Sequence[str | None] = ()
    assets: Sequence[str | None] = ()
    optional: bool = False


def broken_stages(stages: Sequence[StageNames], modes: Sequence[str | None]) -> Iterator[Finding]:
    """What is wrong with the stages of a policy whose rungs have these modes, by paths from the policy."""
    if not stages:
        return
    yield from _taken(stages)
    yield from _made_twice(stages)
    if all(stage.name is not None for stage in stages):
        yield from _wrong_order(stages)
    if all(stage.optional for stage in stages):
        yield Finding(
            ("stages",),
            "all stages are optional, so that nothing would be left to do",
            "leave `optional` out of what a run is for",
        )
    for position, mode in enumerate(modes):
        if mode in COMPOSED and mode != IN_SEQUENCE:  # that is refused in any ladder
            yield Finding(
                ("degrade", position, "mode"),
                f"where there are stages, `{mode}` is the mode in which the optional ones are left out",
                "call the rung something else",
            )


def _taken(stages: Sequence[StageNames]) -> Iterator[Finding]:
    first: dict[str, int] = {}
    for position, stage in enumerate(stages):
        if stage.name is not None and (before := first.setdefault(stage.name, position)) != position:
            message, hint = f"two stages are named `{stage.name}`", f"entry {before + 1} of `stages`"
            yield Finding(("stages", position, "name"), message, f"rename one; the first is {hint}")


def _made_twice(stages: Sequence[StageNames]) -> Iterator[Finding]:
    maker: dict[str, int] = {}
    for position, stage in enumerate(stages):
        for place, asset in enumerate(stage.assets):
            if asset is not None and (before := maker.setdefault(asset, position)) != position:
                message = f"`{asset}` is made by entry {before + 1} of `stages` too"
                hint = "name each asset in the one stage that makes it"
                yield Finding(("stages", position, "assets", place), message, hint)


def _wrong_order(stages: Sequence[StageNames]) -> Iterator[Finding]:
    """Stages that come after nothing that there is, after themselves, or after what may be left out."""
    by_name = {str(stage.name): stage for stage in stages}
    told: set[frozenset[str]] = set()
    for position, stage in enumerate(stages):
        name = str(stage.name)
        for place, before in enumerate(stage.after):
            path = ("stages", position, "after", place)
            if before is None:
                continue
            if before not in by_name:
                hint = did_you_mean(before, by_name, "the stages are")
                yield Finding(path, f"there is no stage `{before}`", hint)
                continue
            circle = _way(by_name, before, name)
            if before == name:
                yield Finding(path, f"`{name}` cannot come after itself", "remove it here")
            elif circle and frozenset(circle) not in told:
                told.add(frozenset(circle))
                message = f"the stages wait for each other in a circle: {' > '.join([name, *circle])}"
                yield Finding(path, message, "let one of them come first")
            elif by_name[before].optional and not stage.optional:
                message = f"`{name}` is not optional, and comes after `{before}`, which is"
                hint = f"write `optional: true` for `{name}` too, or remove `{before}` here"
                yield Finding(path, message, hint)


def _way(stages: Mapping[str, StageNames], start: str, end: str) -> list[str]:
    """The shortest chain by which ``start`` comes after ``end``; empty when it does not."""
    chains, seen = deque([[start]]), {start}
    while chains:
        chain = chains.popleft()
        if chain[-1] == end:
            return chain
        for before in stages[chain[-1]].after:
            if before is not None and before in stages and before not in seen:
                seen.add(before)
                chains.append([*chain, before])
    return []
