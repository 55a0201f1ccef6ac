"""Which tiers may preempt which: downwards only, so that no two can push each other out for ever."""

from collections.abc import Iterator, Sequence

from adaptive_assets.policy.findings import Finding
from adaptive_assets.policy.names import shortest_way
from adaptive_assets.policy.terms import Tier


def preemption_findings(tiers: Sequence[Tier]) -> Iterator[Finding]:
    """What is wrong with who preempts whom, tier by tier; ``tiers`` are in their order, the highest first."""
    rank = {tier.name: position for position, tier in enumerate(tiers)}
    ways = {tier.name: tier.preempts for tier in tiers}
    victims = {victim for tier in tiers for victim in tier.preempts if victim != tier.name}
    for position, tier in enumerate(tiers):
        for place, victim in enumerate(tier.preempts):
            path = ("tiers", position, "preempts", place)
            lower = [other.name for other in tiers[position + 1 :]]
            hint = (
                f"it may preempt {' or '.join(f'`{name}`' for name in lower)}"
                if lower
                else "remove `preempts`"
            )
            if victim == tier.name:
                yield Finding(path, f"the tier `{victim}` cannot preempt itself", hint)
            elif rank.get(victim, position) < position:
                circle = shortest_way(ways, victim, tier.name)
                message = (
                    f"the tiers preempt each other in a circle: {' > '.join([tier.name, *circle])}"
                    if circle
                    else f"`{tier.name}` cannot preempt `{victim}`, which is higher"
                )
                yield Finding(path, message, hint)
        if tier.preemption and tier.name not in victims:
            yield Finding(
                ("tiers", position, "preemption"),
                f"no tier preempts `{tier.name}`, so `preemption: {tier.preemption}` says nothing",
                f"add `{tier.name}` to the `preempts` of a higher tier, or remove `preemption`",
                "warning",
            )
