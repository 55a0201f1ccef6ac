"""The order in which queued runs stand, for whoever looks at the queue."""

from adaptive_assets.planning.fair_share import FairShare
from adaptive_assets.planning.requests import ResourceRequests
from adaptive_assets.planning.slots import Slots
from adaptive_assets.planning.snapshot import Snapshot
from adaptive_assets.planning.starvation import promote
from adaptive_assets.planning.triage import Position, after_use, triage
from adaptive_assets.policy import PolicyBook

__all__ = ["line"]


def line(snapshot: Snapshot, book: PolicyBook) -> list[str]:
    """The ids of all queued runs, the first in line first, as they stand when a plan begins.

    Use counts as it is before anything is admitted.  A run that waits for its data, its hours or a price
    stands where it would without that.
    """
    requests = ResourceRequests(snapshot, book)
    shares = FairShare(snapshot, book, requests)
    sorted_out = triage(snapshot, book, requests)
    groups = [
        *promote(sorted_out.ready, snapshot, book, Slots(snapshot)),
        *sorted_out.waiting,
        *sorted_out.expired,
    ]
    positions: list[Position] = []
    for group in groups:
        use = shares.level(group.policy)
        positions += (after_use(group.position(run), use) for run in group.runs)
    return [run_id for *_, run_id in sorted(positions)]
