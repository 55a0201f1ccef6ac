"""What machines cost: work waits for a cheap one, and leaves it only for its deadline or its patience."""

from typing import Any

import pytest

from adaptive_assets.planning.decisions import Verdict
from adaptive_assets.planning.plan import plan
from adaptive_assets.planning.prices import price_of
from adaptive_assets.planning.reasons import ReasonCode
from adaptive_assets.policy import Price
from tests.planning.compact import book_of, snapshot_of
from tests.planning.strategies import AT

HOUR = 3600.0


def price(**terms: object) -> Price:
    """A price as a file writes it."""
    return Price.model_validate(terms)


def test_of_the_prices_that_apply_the_last_holds() -> None:
    """By class of node and hour; where none is given, a core costs nothing."""
    prices = (
        price(per_core_hour=1.0),
        price(per_core_hour=0.3, node_class="spot"),
        price(per_core_hour=0.5, hours="22:00-06:00"),
    )
    noon = AT - 0.0
    assert price_of((), "spot", noon) == 0.0
    assert price_of(prices, "", noon) == 1.0
    assert price_of(prices, "spot", noon) == 0.3
    assert price_of(prices, "spot", noon + 12 * HOUR) == 0.5


def test_hours_of_a_price_are_on_its_own_clock() -> None:
    """Noon in London is morning in New York."""
    there = (price(per_core_hour=2.0, hours="08:00-09:00", timezone="America/New_York"),)
    assert price_of(there, "", AT) == 2.0
    assert price_of((price(per_core_hour=2.0, hours="08:00-09:00"),), "", AT) == 0.0


BOOK = {
    "prices": [{"per_core_hour": 1}, {"per_core_hour": 0.1, "node_class": "spot"}],
    "policies": [
        {"name": "thrifty", "cost": {"at_most": 0.5, "latest": "10m"}, "objective": {"deadline": "1h"}},
        {"name": "poor", "cost": {"at_most": 0.5}},
        {"name": "any"},
    ],
}
CHEAP: dict[str, Any] = {"name": "cheap", "node_class": "spot"}
DEAR: dict[str, Any] = {"name": "dear"}
FULL: dict[str, Any] = {"memory_used": "6.4GiB"}


@pytest.mark.parametrize(
    ("policy", "waited", "cheap", "node"),
    [
        ("thrifty", "1m", {}, "cheap"),
        ("thrifty", "1m", FULL, None),
        ("thrifty", "1m", {"heard": "5m"}, None),
        ("thrifty", "11m", FULL, "dear"),
        ("thrifty", "11m", {"heard": "5m"}, "dear"),
        ("thrifty", "11m", {}, "cheap"),
        ("thrifty", "59m", FULL, "dear"),
        ("poor", "50h", FULL, None),
        ("poor", "50h", {"heard": "5m"}, None),
        ("any", "1m", {}, "cheap"),
        ("any", "1m", FULL, "dear"),
    ],
)
def test_who_pays_what(policy: str, waited: str, cheap: dict[str, Any], node: str | None) -> None:
    """The cheapest machine with room; a dearer one than the policy pays only when its patience is over."""
    snapshot = snapshot_of(
        nodes=[DEAR, {**CHEAP, **cheap}],
        queued=[{"run": "q", "policy": policy, "waited": waited}],
        active=[{"run": "a", "node": "cheap"}],
    )
    decision = plan(snapshot, book_of(BOOK)).by_run()["q"]
    if node is None:
        assert decision.verdict is Verdict.DEFER
    else:
        assert decision.verdict is Verdict.LAUNCH
        assert decision.node == node


def test_an_endangered_deadline_is_worth_any_price() -> None:
    """Also where the policy names no latest."""
    book = book_of(
        {
            "prices": [{"per_core_hour": 1}],
            "policies": [{"name": "due", "cost": {"at_most": 0.5}, "objective": {"deadline": "10m"}}],
        }
    )
    early, last = (
        plan(snapshot_of(queued=[{"run": "q", "policy": "due", "waited": waited}]), book).by_run()["q"]
        for waited in ("1m", "8m50s")
    )
    assert early.reason.code is ReasonCode.PRICE
    assert early.reason.numbers["price"] == 1.0
    assert last.verdict is Verdict.LAUNCH
    assert [reason.code for reason in last.reasons][:2] == [ReasonCode.WAITED, ReasonCode.PRICE]


def test_a_start_is_reserved_on_a_machine_that_the_policy_pays_for() -> None:
    """The dear one stays open to those who pay, however soon it would be free for the one that does not."""
    large = {"cpu": 1, "memory": "4GiB", "duration": "10m"}
    book = book_of(
        {
            "prices": BOOK["prices"],
            "policies": [
                {"name": "poor", "tier": "critical", "cost": {"at_most": 0.5}, "estimate": large},
                {"name": "rich", "estimate": {"cpu": 0.1, "memory": "2GiB", "duration": "3h"}},
            ],
        }
    )
    used = {"memory_used": "4GiB"}
    active = [
        {"run": "x", "policy": "poor", "node": "cheap", "started": "1m", **used},
        {"run": "y", "policy": "poor", "node": "dear", "started": "5m", **used},
    ]
    queued = [
        {"run": "q", "policy": "poor", "waited": "5m"},
        {"run": "r1", "policy": "rich", "waited": "1m"},
        {"run": "r2", "policy": "rich"},
    ]
    snapshot = snapshot_of(nodes=[{**CHEAP, **used}, {**DEAR, **used}], active=active, queued=queued)
    by_run = plan(snapshot, book).by_run()
    assert by_run["q"].verdict is Verdict.DEFER
    assert (by_run["r1"].node, by_run["r2"].node) in {("cheap", "dear"), ("dear", "cheap"), ("dear", "")}
    assert "dear" in {by_run["r1"].node, by_run["r2"].node}
