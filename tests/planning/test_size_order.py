"""What takes little of a machine goes first, where nothing else tells runs apart."""

from dataclasses import replace

import pytest

from adaptive_assets.planning.plan import plan
from adaptive_assets.planning.queue_position import queue_positions
from adaptive_assets.planning.reasons import ReasonCode
from adaptive_assets.planning.resource_request import ResourceRequest
from adaptive_assets.planning.size_order import largest, size_class_of
from adaptive_assets.planning.snapshot import MachineReading
from adaptive_assets.planning.tuning import TUNING
from adaptive_assets.policy_cases import book_of, snapshot_of

GIB = 2**30
MACHINE = MachineReading(0.0, cpu_capacity=8, cpu_used=0.0, memory_capacity=16 * GIB, memory_used=0)

BOOK = book_of(
    {
        "tiers": [{"name": "first", "patience": "1h"}, {"name": "last", "patience": "1h"}],
        "guards": {"cpu": "100%", "memory": "100%"},
        "policies": [
            {"name": "big", "tier": "last", "estimate": {"cpu": 1, "memory": "6GiB", "duration": "10m"}},
            {"name": "small", "tier": "last", "estimate": {"cpu": 1, "memory": "1GiB", "duration": "10m"}},
            {"name": "little", "tier": "last", "estimate": {"cpu": 1, "memory": "0.5GiB", "duration": "5m"}},
            {"name": "alike", "tier": "last", "estimate": {"cpu": 1, "memory": "1GiB", "duration": "10.1m"}},
            {"name": "due", "tier": "last", "objective": {"deadline": "2h"}, "estimate": {"memory": "6GiB"}},
            {"name": "top-big", "tier": "first", "estimate": {"memory": "6GiB", "duration": "10m"}},
            {"name": "top-small", "tier": "first", "estimate": {"memory": "1GiB", "duration": "1m"}},
        ],
    }
)


@pytest.mark.parametrize(
    ("less", "more"),
    [
        pytest.param(ResourceRequest(1, GIB, 60), ResourceRequest(1, 4 * GIB, 60), id="memory"),
        pytest.param(ResourceRequest(1, 4 * GIB, 60), ResourceRequest(1, 4 * GIB, 600), id="duration"),
        pytest.param(
            ResourceRequest(2, 4 * GIB, 60), ResourceRequest(0.1, 4 * GIB, 60), id="cores that it leaves idle"
        ),
        pytest.param(
            ResourceRequest(1, GIB // 8, 60),
            ResourceRequest(4, GIB // 8, 60),
            id="cores where they are dominant",
        ),
    ],
)
def test_size_grows_with_what_is_taken_and_falls_with_what_is_done(
    less: ResourceRequest, more: ResourceRequest
) -> None:
    """By its dominant resource, and how long; memory that keeps cores busy is well used."""
    assert size_class_of(less, MACHINE, TUNING) < size_class_of(more, MACHINE, TUNING)


def test_size_is_finite_whatever_is_known() -> None:
    """Without CPU, without memory, without a duration, and without a machine."""
    nothing = ResourceRequest(0.0, 0, 0.0)
    assert (
        size_class_of(nothing, MACHINE, TUNING)
        < size_class_of(ResourceRequest(0.0, GIB, 60), MACHINE, TUNING)
        < 1000
    )
    assert (
        size_class_of(nothing, None, TUNING)
        == size_class_of(ResourceRequest(8, 16 * GIB, 3600), None, TUNING)
        == 0
    )


def test_the_largest_machine_counts() -> None:
    """What is large is so on the machine that it would go to."""
    nodes = [{"name": "a", "cpu": 4, "memory": "8GiB"}, {"name": "b", "cpu": 2, "memory": "32GiB"}]
    reading = largest(snapshot_of(nodes=nodes))
    assert reading is not None
    assert reading.memory_capacity == 32 * GIB


def test_the_least_bulky_goes_first_and_what_is_alike_as_submitted() -> None:
    """A deadline and the user's priority come before; work of another kind that takes as much does not."""
    snapshot = snapshot_of(
        queued=[
            {"run": "oldest", "policy": "big", "waited": "7m"},
            {"run": "older", "policy": "alike", "waited": "6m"},
            {"run": "old", "policy": "small", "waited": "5m"},
            {"run": "wanted", "policy": "big", "waited": "1m", "priority": 1},
            {"run": "promised", "policy": "due"},
        ]
    )
    assert queue_positions(snapshot, BOOK) == ["promised", "wanted", "older", "old", "oldest"]


def test_where_only_one_fits_the_small_one_goes() -> None:
    """And the large one has the next start."""
    snapshot = snapshot_of(
        machine={"cpu": 8, "memory": "16GiB", "memory_used": "9.5GiB"},
        queued=[
            {"run": "large", "policy": "big", "waited": "7m"},
            {"run": "little", "policy": "small", "waited": "1m"},
        ],
    )
    admitted = [run.run_id for decision in plan(snapshot, BOOK).admitted() for run in decision.runs]
    assert admitted == ["little"]


@pytest.mark.parametrize(("waited", "first"), [("7m", "little"), ("8m", "large")])
def test_an_eighth_of_patience_ends_the_advantage(waited: str, first: str) -> None:
    """Of the oldest: a stream of small runs would else pass a large one until its tier's patience is over."""
    queued = [
        {"run": "large", "policy": "big", "waited": waited},
        {"run": "little", "policy": "small", "waited": "1m"},
    ]
    snapshot = snapshot_of(queued=queued)
    assert queue_positions(snapshot, BOOK)[0] == first
    decided = plan(snapshot, BOOK)
    told = [reason.code for reason in decided.by_run()["large"].reasons]
    assert (ReasonCode.WAITED in told) == (first == "large")
    assert decided.promoted_at == (snapshot.at if first == "large" else None)
    if first == "large":
        again = replace(snapshot, at=snapshot.at + 60, promoted_at=decided.promoted_at)
        assert queue_positions(again, BOOK)[0] == "little", "the door is shut again"


def test_the_door_is_for_large_runs() -> None:
    """A small one that is older does not go through it, or it would shut it for the large one."""
    less = {"run": "less", "policy": "little", "waited": "1m"}
    small = {"run": "small", "policy": "alike", "waited": "9m"}
    large = {"run": "large", "policy": "big", "waited": "8m"}
    snapshot = snapshot_of(machine={"cpu": 8, "memory": "16GiB"}, queued=[less, small, large])
    assert queue_positions(snapshot, BOOK) == ["large", "less", "small"]
    promoted_at = plan(snapshot, BOOK).promoted_at
    assert promoted_at == snapshot.at
    assert queue_positions(replace(snapshot, promoted_at=promoted_at), BOOK) == ["less", "small", "large"], (
        "the door is shut again"
    )


def test_it_stands_first_in_its_own_tier_only() -> None:
    """Before all tiers stands only who has waited for all of its patience, and nobody is favoured beside."""
    late = {"run": "late", "policy": "big", "waited": "50m"}
    urgent = {"run": "urgent", "policy": "top-big", "waited": "5m"}
    overdue = {"run": "overdue", "policy": "small", "waited": "2h"}
    little = {"run": "little", "policy": "small"}
    assert queue_positions(snapshot_of(queued=[late, urgent, little]), BOOK) == ["urgent", "late", "little"]
    assert queue_positions(snapshot_of(queued=[overdue, late, urgent, little]), BOOK) == [
        "overdue",
        "urgent",
        "little",
        "late",
    ]


def test_the_highest_tier_stays_in_the_order_of_submission() -> None:
    """Nobody is let go ahead there for having waited, so that a large run might wait for ever."""
    queued = [
        {"run": "large", "policy": "top-big", "waited": "2m"},
        {"run": "little", "policy": "top-small", "waited": "1m"},
    ]
    assert queue_positions(snapshot_of(queued=queued), BOOK) == ["large", "little"]
