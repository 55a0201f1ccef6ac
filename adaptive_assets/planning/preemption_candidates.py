"""Which runs can be requeued when memory runs short: their memory need not be predicted with caution."""

from collections.abc import Container
from typing import Final

from adaptive_assets.planning.snapshot import Action, ActiveRun, QueuedRun
from adaptive_assets.policy import PolicyBook

__all__ = ["MOST_TIMES", "is_evictable"]

MOST_TIMES: Final = 3
"""A run that had to give way so often is left alone."""


def is_evictable(run: QueuedRun | ActiveRun, book: PolicyBook, actions: Container[Action]) -> bool:
    """Whether the run may be ended and queued again while it runs.

    ``actions`` are what the launcher of a queued run supports; an active one says so itself.
    """
    able = Action.REQUEUE in (run.actions if isinstance(run, ActiveRun) else actions)
    if not able or run.preempted >= MOST_TIMES:
        return False
    policy = book.policy(run.work.policy)
    return policy.opportunity or book.tiers[book.rank(policy.tier)].preemption == "requeue"
