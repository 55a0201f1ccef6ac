"""``plan()``: from what is true now and what people want, one decision for every run.

A pure function: no clock, no I/O, no randomness. The same snapshot, policy book and tuning give the same
plan.
"""

from adaptive_assets.planning.admission import admit
from adaptive_assets.planning.decisions import Plan
from adaptive_assets.planning.estimate import estimate
from adaptive_assets.planning.explain import explain
from adaptive_assets.planning.memory_pressure import evict
from adaptive_assets.planning.plan_cache import PlanCache
from adaptive_assets.planning.plan_state import PlanState
from adaptive_assets.planning.preemption import give_way
from adaptive_assets.planning.queue_order import Queue
from adaptive_assets.planning.readiness import filter_ready
from adaptive_assets.planning.resumption import resumable
from adaptive_assets.planning.snapshot import Snapshot
from adaptive_assets.planning.starvation import promote
from adaptive_assets.planning.tuning import TUNING, Tuning
from adaptive_assets.policy import PolicyBook


def plan(
    snapshot: Snapshot, book: PolicyBook, tuning: Tuning = TUNING, cache: PlanCache | None = None
) -> Plan:
    """Decide every run of ``snapshot`` under the policies of ``book``, in six steps over one working state.

    Gates, hours and prices are looked at first. What remains forms one queue. Down the queue, each run is
    admitted in full if there is capacity, else in a mode that ends in time; a run for which there is none
    gets a reserved start, and those behind it are backfilled as long as they do not delay that. Active runs
    give way where the tier of a blocked run preempts theirs.

    ``cache`` is what the plan before left behind; it saves time, and the plan is the same without.
    """
    state = PlanState.of(snapshot, book, tuning, cache)
    state.resumable = resumable(state)

    groups = estimate(state)  # 1 what each group of runs requests
    filtered = filter_ready(groups, snapshot, book)  # 2 which may run at all: data, hours, price
    queue = Queue(promote(filtered.ready, state), state.shares)  # 3 one order
    admit(queue, state)  # 4 down the queue: full, degraded, reserved, backfilled
    give_way(state)  # 5 what running work does for the blocked, and before memory runs out
    evict(state)
    return explain(filtered, state)  # 6 reasons from codes and numbers
