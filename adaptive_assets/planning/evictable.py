"""Which runs can be requeued when memory runs short: their memory need not be predicted with caution."""

from collections.abc import Container
from typing import Final

from adaptive_assets.planning.snapshot import Action, ActiveRun, QueuedRun
from adaptive_assets.policy import Policy, PolicyBook

__all__ = ["MOST_TIMES", "can_be_requeued", "puts_up_with_requeue"]

MOST_TIMES: Final = 3
"""A run that had to give way so often is left alone."""


def can_be_requeued(run: QueuedRun | ActiveRun, actions: Container[Action]) -> bool:
    """Whether the run can be ended and queued again while it runs, and was not too often.

    ``actions`` are what the launcher of a queued run supports; an active one says so itself.
    """
    able = Action.REQUEUE in (run.actions if isinstance(run, ActiveRun) else actions)
    return able and run.preempted < MOST_TIMES


def puts_up_with_requeue(policy: Policy, book: PolicyBook) -> bool:
    """Whether runs of ``policy`` may be: work ahead, and tiers that say so."""
    return policy.opportunity or book.tiers[book.rank(policy.tier)].preemption == "requeue"
