"""How the stages of a policy belong together: what comes after what, and what can be left out.

These rules cross from one stage to another. Like those of names, they work on the plain content of a book,
so that all faults of a file are told at once.
"""

from collections.abc import Iterator, Mapping, Sequence

from adaptive_assets.policy.findings import Finding
from adaptive_assets.policy.names import shortest_way, taken
from adaptive_assets.policy.plain import as_text, mapping, names_of, sequence
from adaptive_assets.policy.suggesting import did_you_mean
from adaptive_assets.policy.terms import COMPOSED, IN_SEQUENCE

Stage = Mapping[str, object]
"""The plain content of one."""


def broken_stages(content: Mapping[str, object]) -> Iterator[Finding]:
    """What is wrong with the stages of each policy in a book with this plain ``content``."""
    for position, policy in enumerate(sequence(content.get("policies"))):
        yield from (finding.below("policies", position) for finding in _of_policy(mapping(policy)))
    yield from (finding.below("default") for finding in _of_policy(mapping(content.get("default"))))


def _of_policy(policy: Mapping[str, object]) -> Iterator[Finding]:
    stages = [mapping(stage) for stage in sequence(policy.get("stages"))]
    if not stages:
        return
    names = names_of(stages)
    yield from taken("stages", names)
    yield from _made_twice(stages)
    if None not in names:
        yield from _wrong_order({str(name): stage for name, stage in zip(names, stages, strict=True)}, stages)
    if all(_optional(stage) for stage in stages):
        yield Finding(
            ("stages",),
            "all stages are optional, so that nothing would be left to do",
            "leave `optional` out of what a run is for",
        )
    for position, rung in enumerate(sequence(policy.get("degrade"))):
        mode = mapping(rung).get("mode")
        if mode in COMPOSED and mode != IN_SEQUENCE:  # that is refused in any ladder
            yield Finding(
                ("degrade", position, "mode"),
                f"where there are stages, `{mode}` is the mode in which the optional ones are left out",
                "call the rung something else",
            )


def _optional(stage: Stage) -> bool:
    return stage.get("optional") is True


def _made_twice(stages: Sequence[Stage]) -> Iterator[Finding]:
    maker: dict[str, int] = {}
    for position, stage in enumerate(stages):
        for place, made in enumerate(sequence(stage.get("assets"))):
            asset = as_text(made)
            if asset is not None and (before := maker.setdefault(asset, position)) != position:
                message = f"`{asset}` is made by entry {before + 1} of `stages` too"
                hint = "name each asset in the one stage that makes it"
                yield Finding(("stages", position, "assets", place), message, hint)


def _wrong_order(by_name: Mapping[str, Stage], stages: Sequence[Stage]) -> Iterator[Finding]:
    """Stages that come after nothing that there is, after themselves, or after what may be left out."""
    after = {
        name: [str(before) for before in map(as_text, sequence(stage.get("after"))) if before in by_name]
        for name, stage in by_name.items()
    }
    told: set[frozenset[str]] = set()
    for position, stage in enumerate(stages):
        name = str(stage["name"])
        for place, before in enumerate(map(as_text, sequence(stage.get("after")))):
            path = ("stages", position, "after", place)
            if before is None:
                continue
            if before not in by_name:
                hint = did_you_mean(before, by_name, "the stages are")
                yield Finding(path, f"there is no stage `{before}`", hint)
                continue
            circle = shortest_way(after, before, name)
            if before == name:
                yield Finding(path, f"`{name}` cannot come after itself", "remove it here")
            elif circle and frozenset(circle) not in told:
                told.add(frozenset(circle))
                message = f"the stages wait for each other in a circle: {' > '.join([name, *circle])}"
                yield Finding(path, message, "let one of them come first")
            elif _optional(by_name[before]) and not _optional(stage):
                message = f"`{name}` is not optional, and comes after `{before}`, which is"
                hint = f"write `optional: true` for `{name}` too, or remove `{before}` here"
                yield Finding(path, message, hint)
