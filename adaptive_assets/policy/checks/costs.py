"""Prices that say something, and costs that there is a price for."""

from collections.abc import Iterator, Sequence

from adaptive_assets.policy.findings import Finding
from adaptive_assets.policy.terms import Policy, Price


def price_findings(prices: Sequence[Price]) -> Iterator[Finding]:
    """Prices that never hold, or hold without a difference, by paths from the book."""
    for position, price in enumerate(prices):
        over = next(
            (place for place in range(position + 1, len(prices)) if _covers(prices[place], price)), None
        )
        if over is not None:
            yield Finding(
                ("prices", position),
                f"this price never holds: entry {over + 1} of `prices` is later, and holds whenever it would",
                "write what applies everywhere first, and exceptions after it",
                "warning",
            )
            continue
        below = [earlier for earlier in prices[:position] if _meets(earlier, price)]
        if below and _covers(below[-1], price) and below[-1].per_core_hour == price.per_core_hour:
            first = prices.index(below[-1]) + 1
            yield Finding(
                ("prices", position, "per_core_hour"),
                f"entry {first} of `prices` says `{price.per_core_hour:g}` for these hours and nodes already",
                "write another price, or remove this one",
                "warning",
            )


def cost_findings(policy: Policy, prices: Sequence[Price]) -> Iterator[Finding]:
    """What is wrong with the cost of ``policy``, by paths from the policy."""
    if policy.cost is None:
        return
    if not prices:
        yield Finding(
            ("cost",), "there is no price to go by", "add `prices: [{per_core_hour: 0.04}]`", "warning"
        )
        return
    at_all_hours = any(price.hours is None for price in prices)
    lowest = min(price.per_core_hour for price in prices) if at_all_hours else 0.0
    if policy.cost.latest == 0:
        message = "`latest: 0s` makes the cost moot: no run would wait for a lower price"
        hint = "let runs wait, such as `latest: 24h`, or remove `cost`"
        yield Finding(("cost", "latest"), message, hint)
    elif policy.cost.at_most < lowest:
        yield Finding(
            ("cost", "at_most"),
            f"never cheap enough: `{policy.cost.at_most:g}` is below every price, of which the lowest is"
            f" `{lowest:g}`",
            f"write at least `{lowest:g}`, or a price for cheap hours or nodes",
            "warning",
        )


def _covers(wide: Price, narrow: Price) -> bool:
    """Whether ``wide`` surely applies whenever ``narrow`` does."""
    if wide.node_class not in (None, narrow.node_class):
        return False
    if wide.hours is None:
        return True
    if narrow.hours is None or wide.timezone != narrow.timezone:
        return False
    return _minutes(narrow) <= _minutes(wide)


def _meets(one: Price, other: Price) -> bool:
    """Whether both may apply at the same time, to the same node."""
    if one.node_class and other.node_class and one.node_class != other.node_class:
        return False
    if one.hours is None or other.hours is None or one.timezone != other.timezone:
        return True
    return bool(_minutes(one) & _minutes(other))


def _minutes(price: Price) -> frozenset[int]:
    """The minutes of the day in which a price with hours applies."""
    hours = price.hours
    return frozenset() if hours is None else frozenset(m for m in range(24 * 60) if m in hours)
