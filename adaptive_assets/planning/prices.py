"""What machines cost, and when that changes."""

from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from adaptive_assets.planning.reasons import Reason, ReasonCode
from adaptive_assets.planning.snapshot import Snapshot
from adaptive_assets.policy import Policy, Price


def price_of(prices: tuple[Price, ...], node_class: str, at: float) -> float:
    """The price of a core for an hour on a machine of that class at ``at``; 0 where none is given."""
    holds = 0.0
    for price in prices:
        if price.node_class in (None, node_class) and _in_hours(price, at):
            holds = price.per_core_hour
    return holds


def too_dear(policy: Policy, prices: tuple[Price, ...], snapshot: Snapshot) -> tuple[Reason, ...]:
    """That no machine is cheap enough for the policy now, if so."""
    cost = policy.cost
    if cost is None or not prices:
        return ()
    cheapest = min(price_of(prices, each, snapshot.at) for each in _classes(snapshot))
    if cheapest <= cost.at_most:
        return ()
    numbers = {"price": cheapest, "at_most": cost.at_most, "latest_s": cost.latest}
    return (Reason(ReasonCode.PRICE, numbers),)


def _classes(snapshot: Snapshot) -> Iterable[str]:
    alive = {node.node_class for node in snapshot.nodes if node.is_alive(snapshot.at)}
    return alive or {""}


def _in_hours(price: Price, at: float) -> bool:
    if price.hours is None:
        return True
    local = datetime.fromtimestamp(at, tz=ZoneInfo(price.timezone))
    return local.hour * 60 + local.minute in price.hours
