"""The order in which the queue stands, for whoever looks at it."""

from adaptive_assets.planning.plan import plan
from adaptive_assets.planning.queue_position import queue_positions
from adaptive_assets.policy_cases import book_of, snapshot_of

BOOK = book_of(
    {
        "policies": [
            {"name": "urgent", "tier": "critical", "objective": {"deadline": "10m"}},
            {"name": "busy", "gates": {"checks": "pass"}},
            {"name": "quiet", "owner": "somebody"},
            {"name": "spare", "opportunity": True},
        ]
    }
)


def test_the_line_is_by_all_that_a_plan_looks_at() -> None:
    """Tier and latest start, the use of owners, priority, submission; work ahead comes last of all."""
    snapshot = snapshot_of(
        usage={"busy": "2h"},
        queued=[
            {"run": "ahead", "policy": "spare", "waited": "1h"},
            {"run": "used", "policy": "busy", "waited": "30m"},
            {"run": "second", "policy": "quiet", "waited": "20m"},
            {"run": "first", "policy": "quiet", "waited": "10m", "priority": 3},
            {"run": "later", "policy": "urgent"},
            {"run": "sooner", "policy": "urgent", "waited": "1m"},
        ],
    )
    expected = ["sooner", "later", "first", "second", "used", "ahead"]
    assert queue_positions(snapshot, BOOK) == expected
    admitted = [run.run_id for decision in plan(snapshot, BOOK).admitted() for run in decision.runs]
    assert admitted == expected[: len(admitted)]


def test_who_has_waited_too_long_stands_before_all() -> None:
    """And who waits for its data, where it would stand without that."""
    snapshot = snapshot_of(
        data={"weather": {"checks": "fail"}},
        queued=[
            {"run": "blocked", "policy": "busy", "reads": ["weather"], "waited": "1h"},
            {"run": "overdue", "policy": "quiet", "waited": "3h"},
            {"run": "fresh", "policy": "quiet"},
            {"run": "urgent", "policy": "urgent"},
        ],
    )
    assert queue_positions(snapshot, BOOK) == ["overdue", "urgent", "blocked", "fresh"]
