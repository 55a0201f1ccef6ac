"""Several machines: where runs are placed, what a silent machine means, and that more of them never hurt."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adaptive_assets.planning.decisions import Plan, Verdict
from adaptive_assets.planning.plan import plan
from adaptive_assets.planning.reasons import ReasonCode
from tests.planning.compact import book_of, snapshot_of
from tests.planning.strategies import UNHURRIED
from tests.planning.toy import ALL, GIB, Toy

LARGE = {"cpu": 1, "memory": "4GiB", "duration": "10m"}
BOOK = {
    "tiers": [{"name": "critical", "preempts": ["batch"]}, {"name": "batch", "preemption": "requeue"}],
    "policies": [
        {"name": "large", "tier": "critical", "estimate": LARGE},
        {"name": "late", "tier": "batch", "estimate": {**LARGE, "duration": "2h"}},
        {"name": "small", "tier": "batch", "estimate": {"cpu": 0.1, "memory": "1GiB", "duration": "1m"}},
        {"name": "ahead", "tier": "batch", "opportunity": True,
         "estimate": {"cpu": 0.1, "memory": "100MiB", "duration": "1h"}},
    ],
}  # fmt: skip


def planned(nodes: list[dict[str, Any]], **snapshot: Any) -> Plan:
    """The plan on these nodes."""
    return plan(snapshot_of(nodes=nodes, **snapshot), book_of(BOOK))


def test_a_run_is_placed_where_it_fits_and_fills_most() -> None:
    """So that room for large runs stays in one piece."""
    nodes = [{"name": "a"}, {"name": "b", "memory_used": "5GiB"}]
    queued = [{"run": "s", "policy": "small", "waited": "1m"}, {"run": "l", "policy": "large"}]
    by_run = planned(nodes, queued=queued).by_run()
    assert (by_run["s"].node, by_run["l"].node) == ("b", "a")


def test_a_machine_that_is_silent_for_longer_than_its_lease_gets_no_new_work() -> None:
    """Nor one of which there is no reading; what runs there goes on to count."""
    queued = [{"run": "l", "policy": "large"}]
    silent: list[dict[str, Any]] = [{"name": "a", "heard": "61s"}, {"name": "b", "reading": False}]
    decided = planned(silent, queued=queued)
    assert decided.by_run()["l"].reason.code is ReasonCode.NO_READING
    lives = planned([{"name": "a", "heard": "60s"}, *silent[1:]], queued=queued)
    assert lives.by_run()["l"].node == "a"


def test_nothing_is_done_to_runs_on_a_silent_machine() -> None:
    """They cannot be told, and what they hold is of no use elsewhere."""
    nodes = [{"name": "a", "memory_used": "4GiB"}, {"name": "b", "heard": "5m", "memory_used": "4GiB"}]
    active = [
        {"run": "x", "policy": "late", "node": "b", "actions": list(ALL), "memory_used": "4GiB"},
        {
            "run": "y",
            "policy": "late",
            "node": "b",
            "actions": list(ALL),
            "state": "suspended",
            "acted": "1h",
        },
    ]
    for machines in (nodes, nodes[1:]):
        decided = planned(machines, active=active, queued=[{"run": "q", "policy": "large"}])
        assert decided.by_run()["q"].verdict is Verdict.DEFER
        assert {decision.verdict for decision in decided.running} == {Verdict.KEEP}


def test_an_end_on_another_machine_makes_no_room_here() -> None:
    """A start is reserved on one machine, by what ends there."""
    nodes = [{"name": "a", "memory_used": "4GiB"}, {"name": "b", "heard": "5m", "memory_used": "4GiB"}]
    active: list[dict[str, Any]] = [
        {"run": "x", "policy": "large", "node": "b", "memory_used": "4GiB", "started": "9m"},
        {"run": "y", "policy": "large", "node": "a", "memory_used": "4GiB", "started": "5m"},
    ]
    queued = [
        {"run": "l", "policy": "large", "waited": "1m"},
        {"run": "s1", "policy": "small", "estimate": {"memory": "2.3GiB", "duration": "4m"}},
        {"run": "s2", "policy": "small", "estimate": {"memory": "2.3GiB", "duration": "20m"}},
    ]
    assert planned(nodes, active=active, queued=queued).by_run()["s1"].verdict is Verdict.LAUNCH
    assert planned(nodes, active=active, queued=queued[::2]).by_run()["s2"].verdict is Verdict.LAUNCH
    large = {"memory": "2.5GiB", "duration": "4m"}
    active.append({"run": "z", "policy": "small", "node": "a", "memory_used": "2GiB", "estimate": large})
    nodes[0]["memory_used"] = "6GiB"
    assert planned(nodes, active=active, queued=queued).by_run()["s1"].verdict is Verdict.DEFER


def test_room_is_made_on_whichever_machine_it_can_be_made() -> None:
    """Not only where the blocked run would start soonest if nobody gave way."""
    nodes = [{"name": "a", "memory_used": "4GiB"}, {"name": "b", "memory_used": "4GiB"}]
    active = [
        {"run": "c", "policy": "large", "node": "a", "memory_used": "4GiB", "started": "1m"},
        {"run": "v", "policy": "late", "node": "b", "memory_used": "4GiB", "started": "1m",
         "actions": list(ALL)},
    ]  # fmt: skip
    decided = planned(nodes, active=active, queued=[{"run": "q", "policy": "large"}])
    assert decided.running[0].verdict is Verdict.REQUEUE
    assert decided.running[0].runs[0].run_id == "v"


def test_work_ahead_goes_where_it_is_idle() -> None:
    """Although it would fill the other machine more."""
    nodes = [{"name": "a", "memory_used": "5.5GiB"}, {"name": "b"}]
    assert planned(nodes, queued=[{"run": "w", "policy": "ahead"}]).by_run()["w"].node == "b"


def test_what_goes_although_there_is_no_room_is_placed_where_memory_is() -> None:
    """CPU may be broken after two minutes of strangers; memory never."""
    nodes = [
        {"name": "a", "memory_used": "6.2GiB", "cpu_used": 4},
        {"name": "b", "cpu_used": 3.9},
        {"name": "c", "memory_used": "6.3GiB", "cpu_used": 4},
    ]
    decided = planned(nodes, queued=[{"run": "q", "policy": "large", "waited": "3m"}])
    decision = decided.by_run()["q"]
    assert decision.verdict is Verdict.LAUNCH
    assert decision.node == "b"


def test_runs_that_take_no_memory_as_a_rule_are_predicted_to_take_none() -> None:
    """A 90th percentile of zero has no deviation, whatever the 99th; what such a run holds is counted."""
    rare = {"memory": {"p50": "0B", "p90": "0B", "p99": "7GiB"}, "cpu": 0, "duration": "10m"}
    snapshot = snapshot_of(
        machine={"memory_used": "3GiB"},
        active=[{"run": "x", "policy": "small", "memory_used": "3GiB", "estimate": rare}],
        queued=[
            *({"run": f"q{n}", "policy": "small", "estimate": rare} for n in range(8)),
            {"run": "other", "policy": "large", "waited": "1m"},
        ],
    )
    decided = plan(snapshot, book_of(BOOK)).by_run()
    assert all(decided[f"q{n}"].verdict is Verdict.LAUNCH for n in range(8))
    assert decided["other"].reason.code is ReasonCode.MEMORY
    assert decided["other"].reason.numbers["promised"] == 0


def critical_starts(machines: dict[str, tuple[float, int]], times: list[int], batch: int) -> Iterator[float]:
    """When each critical run starts, where so much batch work came first."""
    toy = Toy(book_of(BOOK), machines, actions=ALL)
    for n in range(batch):
        toy.submit(("late", "small", "ahead")[n % 3], f"b{n}")
    toy.run(30.0)
    for n, wait in enumerate(times):
        toy.run(float(wait))
        toy.submit("large", f"c{n}")
    toy.run_until(lambda: all(f"c{n}" in toy.launched for n in range(len(times))), 7200.0, lambda: None)
    return (toy.launched.get(f"c{n}", float("inf")) for n in range(len(times)))


@settings(UNHURRIED, max_examples=15)
@given(
    times=st.lists(st.sampled_from((5, 30, 120, 400)), min_size=1, max_size=4),
    batch=st.integers(0, 8),
    more=st.sampled_from((8, 16)),
)
def test_another_machine_never_makes_the_critical_tier_start_later(
    times: list[int], batch: int, more: int
) -> None:
    """Nor a larger one, in a world that goes as expected: but for a few cycles until others gave way."""
    small = {"a": (4.0, 8 * GIB)}
    for larger in ({**small, "b": (4.0, more * GIB)}, {"a": (8.0, 16 * GIB)}):
        before, after = (list(critical_starts(each, times, batch)) for each in (small, larger))
        for start, sooner in zip(before, after, strict=True):
            assert sooner <= start + 30.0


@pytest.mark.parametrize("known", ["a", "gone"])
def test_a_run_on_an_unknown_machine_counts_somewhere(known: str) -> None:
    """Rather than nowhere: what it takes is taken."""
    active = [{"run": "x", "policy": "large", "started": "1s", "launched": "2s"}]
    snapshot = snapshot_of(nodes=[{"name": "a"}], active=active, queued=[{"run": "q", "policy": "large"}])
    moved = replace(snapshot, active=(replace(snapshot.active[0], node=known),))
    assert plan(moved, book_of(BOOK)).by_run()["q"].reason.code is ReasonCode.MEMORY
