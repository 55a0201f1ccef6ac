"""The bound on waiting: the oldest run that waits beyond its tier's patience goes ahead of all others."""

from dataclasses import replace

from adaptive_assets.planning.snapshot import QueuedRun, Snapshot
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
    oldest: tuple[float, str, Band, QueuedRun] | None = None
    for band in ready:
        if not 0 < band.rank < len(book.tiers) or band.only_rungs:
            continue
        limit = snapshot.at - patience[band.policy.tier] - _excused(band)
        if min([run.submitted_at for run in band.runs]) > limit:
            continue
        run = min(band.runs, key=lambda run: (run.submitted_at, run.run_id))
        if oldest is None or (run.submitted_at, run.run_id) < oldest[:2]:
            oldest = (run.submitted_at, run.run_id, band, run)
    if oldest is None:
        return ready
    _, _, band, run = oldest
    band.runs.remove(run)
    rest = ready if band.runs else [other for other in ready if other is not band]
    return [replace(band, runs=[run], promoted=True), *rest]


def _excused(band: Band) -> float:
    """Seconds for which its policy lets it wait for data, hours or a price: that is not the line's."""
    if not band.shut:
        return 0.0
    policy = band.policy
    limits = (
        policy.gates.wait_at_most,
        policy.window.latest if policy.window else None,
        policy.cost.latest if policy.cost else None,
    )
    return max((limit for limit in limits if limit is not None), default=0.0)
