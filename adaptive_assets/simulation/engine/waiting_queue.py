"""The queue of the world, as planners see it, and who waited in it for what."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from adaptive_assets.planning.decisions import Decision, Verdict
from adaptive_assets.planning.snapshot import QueuedRun
from adaptive_assets.simulation.engine.run_state import Run

__all__ = ["WaitingQueue"]

NOTED_AT_ONCE: Final = 100
"""Waiting is noted down for so many runs in a cycle on average, however long the queue is."""


class WaitingQueue:
    """Queued runs in the order of submission, each with the one ``QueuedRun`` that all snapshots share."""

    def __init__(self, starts_at: float, cycle_s: float) -> None:
        self.by_tier: dict[str, int] = {}
        """How many wait, by tier."""
        self._starts_at = starts_at
        self._cycle_s = cycle_s
        self._runs: dict[str, Run] = {}
        self._queued: dict[str, QueuedRun] = {}
        self._seen: tuple[QueuedRun, ...] | None = ()
        self._sorted = True
        self._noted_at = 0.0

    def __len__(self) -> int:
        return len(self._runs)

    def __contains__(self, run_id: str) -> bool:
        return run_id in self._runs

    def add(self, run: Run, now: float) -> None:
        """``run`` joins the queue, where its submission places it."""
        run.queued_since = now
        run.blocked_by = ""
        traced, run_id, starts_at = run.traced, run.traced.run_id, self._starts_at
        self._runs[run_id] = run
        self._queued[run_id] = QueuedRun(
            run_id,
            run.kind.work,
            starts_at + run.submitted,
            priority=traced.priority,
            deadline_at=None if run.deadline is None else starts_at + run.deadline,
            estimate=run.estimate,
            preempted=run.preempted,
        )
        tier = run.kind.policy.tier
        self.by_tier[tier] = self.by_tier.get(tier, 0) + 1
        self._sorted = self._sorted and run.submitted == now
        self._seen = None

    def remove(self, run_id: str, now: float) -> Run:
        """The run leaves the queue; :class:`ValueError` if it is not in it."""
        run = self._runs.pop(run_id, None)
        if run is None:
            raise ValueError(f"the planner decided about `{run_id}`, which is not in the queue")
        del self._queued[run_id]
        if run.blocked_by:
            rest = now - max(self._noted_at, run.queued_since)
            run.blocked[run.blocked_by] = run.blocked.get(run.blocked_by, 0.0) + rest
        run.waited += now - run.queued_since
        self.by_tier[run.kind.policy.tier] -= 1
        self._seen = None
        return run

    def tell(self, run: Run) -> None:
        """From now on the planner is told what is now known of a queued ``run``."""
        run_id = run.traced.run_id
        self._queued[run_id] = replace(self._queued[run_id], estimate=run.estimate)
        self._seen = None

    def seen(self) -> tuple[QueuedRun, ...]:
        """The queue in the order of submission."""
        if not self._sorted:
            order = sorted(self._runs.values(), key=_submission)
            self._runs = {run.traced.run_id: run for run in order}
            self._queued = {run_id: self._queued[run_id] for run_id in self._runs}
            self._sorted = True
            self._seen = None
        if self._seen is None:
            self._seen = tuple(self._queued.values())
        return self._seen

    def note(self, decisions: Iterable[Decision], now: float) -> None:
        """Note what the deferred wait for.

        A long queue is looked at less often, and then for the whole time since it was last looked at.
        """
        if now - self._noted_at < self._cycle_s * (len(self._runs) // NOTED_AT_ONCE):
            return
        runs, noted_at = self._runs, self._noted_at
        for decision in decisions:
            if decision.verdict is not Verdict.DEFER or not decision.reasons:
                continue
            code = decision.reasons[0].code.value
            for queued in decision.runs:
                run = runs[queued.run_id]
                since = max(noted_at, run.queued_since)
                blocked = run.blocked
                blocked[code] = blocked.get(code, 0.0) + now - since
                run.blocked_by = code
        self._noted_at = now


def _submission(run: Run) -> tuple[float, int]:
    return (run.submitted, run.number)
