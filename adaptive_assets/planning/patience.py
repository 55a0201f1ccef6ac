"""The bound on waiting: the oldest run that waits beyond its tier's patience goes ahead of all others."""

from dataclasses import replace

from adaptive_assets.planning.snapshot import Snapshot
from adaptive_assets.planning.triage import Band
from adaptive_assets.policy import PolicyBook

__all__ = ["promote"]


def promote(ready: list[Band], snapshot: Snapshot, book: PolicyBook) -> list[Band]:
    """Let one run of a tier below the first stand before the line, if it has waited long enough.

    One at a time: while a run is active that had waited beyond the patience of its tier, work of such tiers
    is moving, and another one waits. So whatever arrives, the oldest run of all that fits the machine is the
    next to go, and every run is the oldest one day; and what it costs the tiers above is one run.
    """
    patience = {tier.name: tier.patience for tier in book.tiers}
    for active in snapshot.active:
        policy = book.policy(active.work.policy)
        submitted_at = active.launched_at if active.submitted_at is None else active.submitted_at
        waited = active.launched_at - submitted_at
        if book.rank(policy.tier) > 0 and not policy.opportunity and waited >= patience[policy.tier]:
            return ready
    overdue = (
        (run.submitted_at, run.run_id, band, run)
        for band in ready
        if 0 < band.rank < len(book.tiers) and not band.only_rungs
        for run in band.runs
        if snapshot.at - run.submitted_at >= patience[band.policy.tier]
    )
    oldest = min(overdue, key=lambda each: each[:2], default=None)
    if oldest is None:
        return ready
    _, _, band, run = oldest
    band.runs.remove(run)
    rest = ready if band.runs else [other for other in ready if other is not band]
    return [replace(band, runs=[run], promoted=True), *rest]
