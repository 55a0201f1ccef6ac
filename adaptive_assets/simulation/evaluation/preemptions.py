"""A planner under observation: when it made which run give way, and why."""

from dataclasses import dataclass
from typing import Final

from adaptive_assets.planning.decisions import ActiveDecision, Plan, Verdict
from adaptive_assets.planning.snapshot import Snapshot
from adaptive_assets.policy import PolicyBook
from adaptive_assets.simulation.engine.settings import Planner

_GIVES_WAY: Final = {
    Verdict.SUSPEND: "suspended",
    Verdict.REQUEUE: "sent back to the queue",
}


@dataclass(frozen=True, slots=True)
class PreemptionRecord:
    """A run had to give way, ``at`` so many seconds from the start; ``told`` says how and why."""

    at: float
    told: str


class Observed:
    """Decides as ``planner`` does, and remembers every run that has to give way.

    ``starts_at`` is the POSIX time at which the workload starts.
    """

    def __init__(self, planner: Planner, starts_at: float) -> None:
        self._planner = planner
        self._starts_at = starts_at
        self.preemptions: list[PreemptionRecord] = []

    def __call__(self, snapshot: Snapshot, book: PolicyBook) -> Plan:
        """Plan."""
        plan = self._planner(snapshot, book)
        for decision in plan.running:
            if decision.verdict in _GIVES_WAY:
                self._note(decision, snapshot.at - self._starts_at)
        return plan

    def _note(self, decision: ActiveDecision, at: float) -> None:
        told = f"{decision.work.name} {_GIVES_WAY[decision.verdict]}: {decision.reason.sentence}"
        self.preemptions += [PreemptionRecord(at, told)] * len(decision.runs)
