"""Whether a policy book can be used: all that a cycle does with it is done once, with made-up runs."""

from adaptive_assets.planning.plan import plan
from adaptive_assets.planning.snapshot import QueuedRun, Snapshot, Work
from adaptive_assets.policy import PolicyBook

MOST_POLICIES = 200
"""Policies that are planned with; it bounds what an edit of a large file costs."""
AT = 1_000_000_000.0
"""Some time; POSIX seconds."""


def try_book(book: PolicyBook) -> None:
    """Store and recall the book, and plan with it: no runs, and one run of each policy.

    Raises whatever that raises.
    """
    PolicyBook.model_validate_json(book.content())
    policies = (book.default, *book.policies)[:MOST_POLICIES]
    runs = tuple(
        QueuedRun(f"{place}", Work(name=policy.name, policy=policy.name, reads=("asset",)), AT - 1)
        for place, policy in enumerate(policies)
    )
    for queued in ((), runs):
        plan(Snapshot(at=AT, queued=queued), book)
