"""The order in which queued runs stand, for whoever looks at the queue."""

from adaptive_assets.planning.estimate import estimate
from adaptive_assets.planning.plan_state import PlanState
from adaptive_assets.planning.readiness import filter_ready
from adaptive_assets.planning.run_group import Position
from adaptive_assets.planning.snapshot import Snapshot
from adaptive_assets.planning.starvation import promote
from adaptive_assets.planning.tuning import TUNING
from adaptive_assets.policy import PolicyBook


def queue_positions(snapshot: Snapshot, book: PolicyBook) -> list[str]:
    """The ids of all queued runs, the first in the queue first, as they stand when a plan begins.

    Use counts as it is before anything is admitted.  A run that waits for its data, its hours or a price
    stands where it would without that.
    """
    state = PlanState.of(snapshot, book, TUNING)
    filtered = filter_ready(estimate(state), snapshot, book)
    positions: list[Position] = []
    for group in (*promote(filtered.ready, state), *filtered.waiting, *filtered.expired):
        used = state.shares.level(group.policy)
        positions += (group.position(run, used) for run in group.runs)
    return [run_id for *_, run_id in sorted(positions)]
