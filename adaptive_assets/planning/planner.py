"""``plan()`` in cycle after cycle."""

from adaptive_assets.planning.decisions import Plan
from adaptive_assets.planning.plan import plan
from adaptive_assets.planning.plan_cache import PlanCache
from adaptive_assets.planning.snapshot import Snapshot
from adaptive_assets.planning.tuning import TUNING, Tuning
from adaptive_assets.policy import PolicyBook


class Planner:
    """Makes the plans that ``plan()`` makes, and keeps between them what is still true.

    That is the same object from one snapshot to the next: queued runs, kinds of work and estimates. Not to be
    called from two threads at once.
    """

    name = "plan"

    def __init__(self, tuning: Tuning = TUNING) -> None:
        self._tuning = tuning
        self._cache = PlanCache()

    def __call__(self, snapshot: Snapshot, book: PolicyBook) -> Plan:
        """The plan for ``snapshot`` under ``book``."""
        cache, self._cache = self._cache, PlanCache()  # a plan that fails leaves nothing behind
        made = plan(snapshot, book, self._tuning, cache)
        self._cache = cache
        return made
