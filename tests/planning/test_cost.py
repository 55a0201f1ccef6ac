"""What a plan costs: it may grow with the queue, and no faster.

Counted in function calls, which are the same on a busy machine and an idle one.
"""

import sys
from collections.abc import Mapping
from typing import Any

import pytest

from adaptive_assets.planning.plan import plan
from adaptive_assets.planning.snapshot import Snapshot
from adaptive_assets.policy import PolicyBook
from tests.planning.compact import book_of, snapshot_of

BOOK: Mapping[str, Any] = {
    "policies": [
        {
            "name": "forecast",
            "tier": "critical",
            "objective": {"deadline": "70s"},
            "degrade": [{"mode": "reduced", "estimate": {"duration": "20s"}}, {"mode": "last_good"}],
        },
        {"name": "report", "gates": {"checks": "pass", "wait_at_most": "10m", "then": "fail"}},
        {"name": "night", "tier": "batch", "window": {"prefer": "22:00-06:00", "timezone": "UTC"}},
    ]
}
FULL: Mapping[str, Any] = {"memory_used": "6GiB"}
VAST: Mapping[str, Any] = {"cpu": 100_000.0, "memory": "100TiB"}


def calls(snapshot: Snapshot, book: PolicyBook) -> int:
    """The function calls of one plan."""
    count = 0

    def tally(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(tally)
    try:
        plan(snapshot, book)
    finally:
        sys.setprofile(None)
    return count


def queue(runs: int, kinds: int, policy: str, **run: Any) -> list[dict[str, Any]]:
    """So many runs of so many kinds of work."""
    return [{"run": f"r{n:05}", "policy": policy, "name": f"k{n % kinds}", **run} for n in range(runs)]


@pytest.mark.parametrize("kinds", [1, 10, None], ids=["one kind", "ten kinds", "each a kind of its own"])
@pytest.mark.parametrize(
    ("policy", "run", "machine"),
    [
        ("default", {}, FULL),
        ("default", {}, VAST),
        ("default", {"admitted": "full", "pools": ["db"]}, VAST),
        ("forecast", {}, FULL),
        ("forecast", {"waited": "5s"}, {**FULL, "cpu_used": 4.0}),
        ("forecast", {"waited": "10m"}, FULL),
        ("report", {"reads": ["a"]}, FULL),
        ("report", {"reads": ["a"], "waited": "11m"}, FULL),
        ("night", {}, FULL),
    ],
    ids=["full", "vast", "held back", "hurried", "forced", "late", "gated", "expired", "early"],
)
def test_it_grows_no_faster_than_the_queue(
    kinds: int | None, policy: str, run: Mapping[str, Any], machine: Mapping[str, Any]
) -> None:
    """Three times as many runs cost three times as many calls, whatever they wait for."""
    book = book_of(BOOK)
    few, many = (
        calls(
            snapshot_of(machine=machine, pools={"db": 0}, queued=queue(runs, kinds or runs, policy, **run)),
            book,
        )
        for runs in (300, 900)
    )
    assert many <= 3.3 * few


def test_runs_of_one_kind_that_wait_cost_little_more_than_one() -> None:
    """Some ten calls a run, to find its kind and sort it in."""
    book = book_of(BOOK)
    few, many = (
        calls(snapshot_of(machine=FULL, queued=queue(runs, 1, "default")), book) for runs in (100, 1100)
    )
    assert (many - few) / 1000 <= 10


def crowd(runs: int, kinds: int, active: int) -> Snapshot:
    """So many runs of so many kinds, four policies and estimates of their own, on a machine that is full."""
    actions = ["suspend", "requeue"]
    policies = ("forecast", "report", "night", "default")
    return snapshot_of(
        machine={"cpu": 256, "cpu_used": 210, "memory": "1TiB", "memory_used": "819GiB"},
        queued=[
            {"run": f"r{n:05}", "policy": policies[n % kinds % 4], "name": f"k{n % kinds}", "waited": "1m"}
            for n in range(runs)
        ],
        active=[
            {"run": f"a{n}", "policy": policies[n % 4], "name": f"k{n % kinds}", "started": f"{n + 20}s",
             "cpu_used": 1, "memory_used": "4GiB", "actions": actions}
            for n in range(active)
        ],
        estimates=[
            {"of": f"k{n}", "memory": {"p50": f"{n + 1}GiB", "p90": f"{n + 2}GiB"}} for n in range(kinds)
        ],
    )  # fmt: skip


PREEMPTING: Mapping[str, Any] = {
    **BOOK,
    "tiers": [
        {"name": "critical", "preempts": ["standard", "batch"]},
        {"name": "standard", "preempts": ["batch"], "preemption": "suspend"},
        {"name": "batch", "preemption": "requeue"},
    ],
}


def test_ten_thousand_runs_of_a_hundred_kinds_cost_a_few_calls_each() -> None:
    """With two hundred active, all of which may be told to give way."""
    book = book_of(PREEMPTING)
    whole = calls(crowd(10_000, 100, 200), book)
    half = calls(crowd(5_000, 100, 200), book)
    fewer_kinds = calls(crowd(10_000, 50, 200), book)
    fewer_active = calls(crowd(10_000, 100, 100), book)
    assert (whole - half) / 5_000 <= 15, "calls for each run"
    assert (whole - fewer_kinds) / 50 <= 400, "calls for each kind"
    assert (whole - fewer_active) / 100 <= 600, "calls for each active run"
    assert whole <= 250_000


@pytest.mark.parametrize("nodes", [1, 8])
def test_more_active_runs_cost_no_more_than_in_proportion(nodes: int) -> None:
    """Also when a high tier looks for room among all of them, on several machines."""
    book = book_of(PREEMPTING)
    used = {"cpu": 64, "cpu_used": 54, "memory": "256GiB", "memory_used": "204GiB"}
    few, many = (
        calls(
            snapshot_of(
                nodes=[{"name": f"n{n}", **used} for n in range(nodes)],
                queued=queue(200, 20, "forecast", estimate={"memory": "8GiB"}),
                active=[
                    {"run": f"a{n}", "policy": "night", "node": f"n{n % nodes}", "memory_used": "4GiB",
                     "cpu_used": 1, "actions": ["suspend", "requeue"], "started": f"{n + 20}s"}
                    for n in range(active)
                ],
            ),
            book,
        )
        for active in (100, 300)
    )  # fmt: skip
    assert many <= 3.5 * few
