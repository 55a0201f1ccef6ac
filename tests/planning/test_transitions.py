"""Transitions: of two plans in a row, what is worth writing down."""

from typing import Any

from hypothesis import given

from adaptive_assets.planning.decisions import Plan
from adaptive_assets.planning.plan import plan
from adaptive_assets.planning.snapshot import Snapshot
from adaptive_assets.planning.transitions import stance, transitions
from adaptive_assets.policy import PolicyBook
from tests.planning.compact import book_of, snapshot_of
from tests.planning.strategies import UNHURRIED, books, snapshots


def planned(book: dict[str, Any] | None = None, **snapshot: Any) -> Plan:
    """The plan of a snapshot that is written shortly."""
    return plan(snapshot_of(**snapshot), book_of(book))


def told(before: Plan | None, after: Plan) -> list[tuple[str, list[str], list[str]]]:
    """Verdict, codes and runs of what changed between two plans."""
    stances = transitions({}, before)[1] if before else {}
    return [
        (
            decision.verdict.value,
            [reason.code.value for reason in decision.reasons],
            [run.run_id for run in decision.runs],
        )
        for decision in transitions(stances, after)[0]
    ]


def test_everything_is_new_at_first() -> None:
    """As after a restart of the daemon."""
    first = planned(queued=[{"run": "r1"}, {"run": "r2"}])
    assert told(None, first) == [("launch", ["fits"], ["r1"]), ("launch", ["fits"], ["r2"])]


def test_the_same_plan_again_is_no_news() -> None:
    """Although its numbers have moved on."""
    full: dict[str, Any] = {"queued": [{"run": "r1"}], "active": [{"run": "a1"}]}
    before = planned(machine={"memory_used": "6.4GiB"}, **full)
    after = planned(machine={"memory_used": "6.3GiB"}, **full)
    assert before != after
    assert told(before, after) == []


def test_ten_thousand_runs_of_a_kind_that_start_to_wait_are_one() -> None:
    """And more of them that arrive are none."""
    queue = [{"run": f"r{number}"} for number in range(10_001)]
    full: dict[str, Any] = {"machine": {"memory_used": "6.4GiB"}, "active": [{"run": "a1"}]}
    before, after = planned(queued=queue[:10_000], **full), planned(queued=queue, **full)
    assert len(told(None, before)) == 1
    assert told(before, after) == []


def test_another_reason_is_news() -> None:
    """Also one beside the first."""
    full: dict[str, Any] = {"queued": [{"run": "r1"}], "active": [{"run": "a1"}]}
    memory = planned(machine={"memory_used": "6.4GiB"}, **full)
    both = planned(machine={"memory_used": "6.4GiB"}, run_limit=1, **full)
    assert told(memory, both) == [("defer", ["memory", "concurrency"], ["r1"])]
    assert told(both, memory) == [("defer", ["memory"], ["r1"])]


def test_the_young_that_wait_for_data_are_told_beside_the_old_that_wait_for_room() -> None:
    """One kind of work may wait for two things, run by run."""
    book = {"default": {"gates": {"checks": "pass", "wait_at_most": "10m", "then": "launch"}}}
    two: dict[str, Any] = {
        "data": {"a": {"checks": "fail"}},
        "queued": [{"run": "old", "reads": ["a"], "waited": "11m"}, {"run": "young", "reads": ["a"]}],
        "active": [{"run": "a1"}],
    }
    both = planned(book, machine={"memory_used": "6.4GiB"}, **two)
    assert told(None, both) == [
        ("defer", ["memory"], ["old"]),
        ("defer", ["check_failed", "memory"], ["young"]),
    ]
    freed = planned(book, **two)
    assert told(both, freed) == [
        ("launch", ["waited", "check_failed", "fits"], ["old"]),
        ("defer", ["check_failed"], ["young"]),
    ]


def test_another_kind_of_work_is_another_matter() -> None:
    """Kinds that share their name and policy and differ in what they read are told apart."""
    full: dict[str, Any] = {"machine": {"memory_used": "6.4GiB"}, "active": [{"run": "a1"}]}
    before = planned(queued=[{"run": "r1", "reads": ["a"]}], **full)
    after = planned(queued=[{"run": "r1", "reads": ["a"]}, {"run": "r2", "reads": ["b"]}], **full)
    assert told(before, after) == [("defer", ["memory"], ["r2"])]


def test_a_run_that_goes_is_told_once() -> None:
    """While it is in the queue, admitted; and again when its mode changes."""
    book = {"policies": [{"name": "p", "objective": {"deadline": "70s"}, "degrade": [{"mode": "last_good"}]}]}
    run = {"run": "r1", "policy": "p"}
    full = planned(book, queued=[run])
    assert told(full, planned(book, queued=[{**run, "admitted": "full"}])) == []
    hurried = planned(book, queued=[{**run, "waited": "20s", "admitted": "full"}])
    assert told(full, hurried) == [("degrade", ["deadline", "fits"], ["r1"])]


def test_what_left_the_queue_is_forgotten() -> None:
    """Its stance is not carried along for ever."""
    stances = transitions({}, planned(queued=[{"run": "r1"}]))[1]
    assert stances
    assert transitions(stances, planned())[1] == {}


@UNHURRIED
@given(books(), snapshots())
def test_a_plan_is_no_news_to_itself(book: PolicyBook, snapshot: Snapshot) -> None:
    """And what is told first are decisions of the plan, each stance once."""
    decided = plan(snapshot, book)
    changed, stances = transitions({}, decided)
    assert transitions(stances, decided) == ([], stances)
    assert [stance(decision) for decision in changed] == [one for told in stances.values() for one in told]
    assert all(decision in (*decided.decisions, *decided.running) for decision in changed)
    admitted = {run.run_id for decision in decided.admitted() for run in decision.runs}
    assert admitted <= {run.run_id for decision in changed for run in decision.runs}
