"""A planner under observation: when it made which run give way, and why."""

from typing import Final

from adaptive_assets.planning.snapshot import Snapshot
from adaptive_assets.planning.verdicts import ActiveDecision, Plan, Verdict
from adaptive_assets.policy import PolicyBook
from adaptive_assets.simulation.report.history import Mark
from adaptive_assets.simulation.settings import Planner

__all__ = ["Watched"]

_GIVES_WAY: Final = {
    Verdict.SLOW: "slowed down",
    Verdict.SUSPEND: "suspended",
    Verdict.REQUEUE: "sent back to the queue",
}


class Watched:
    """Decides as ``planner`` does, and keeps a mark for every run that has to give way.

    ``starts_at`` is the POSIX time at which the workload starts.
    """

    def __init__(self, planner: Planner, starts_at: float) -> None:
        self._planner = planner
        self._starts_at = starts_at
        self.marks: list[Mark] = []

    def __call__(self, snapshot: Snapshot, book: PolicyBook) -> Plan:
        """Plan."""
        plan = self._planner(snapshot, book)
        for decision in plan.running:
            if decision.verdict in _GIVES_WAY:
                self._note(decision, snapshot.at - self._starts_at)
        return plan

    def _note(self, decision: ActiveDecision, at: float) -> None:
        told = f"{decision.work.name} {_GIVES_WAY[decision.verdict]}: {decision.reason.sentence}"
        self.marks += [Mark(at, "preempted", told)] * len(decision.runs)
