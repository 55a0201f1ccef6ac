"""Decisions on active runs: what the few are told that must change, and that the others go on."""

from collections import defaultdict
from collections.abc import Mapping

from adaptive_assets.planning.decisions import ActiveDecision, Verdict
from adaptive_assets.planning.explanation import kept
from adaptive_assets.planning.preemption import Move
from adaptive_assets.planning.snapshot import ActiveRun, Snapshot, Work
from adaptive_assets.policy import PolicyBook

__all__ = ["on_active"]

PLACE = {
    verdict: place
    for place, verdict in enumerate((Verdict.REQUEUE, Verdict.SUSPEND, Verdict.SLOW, Verdict.RESUME))
}
"""What gives room comes before what takes it."""


def on_active(snapshot: Snapshot, book: PolicyBook, moves: Mapping[str, Move]) -> tuple[ActiveDecision, ...]:
    """One decision for each run that is moved, and one for the others of each kind of work and mode."""
    changed = []
    going_on: defaultdict[tuple[Work, str], list[ActiveRun]] = defaultdict(list)
    for run in snapshot.active:
        move = moves.get(run.run_id)
        if move is None:
            going_on[run.work, run.mode].append(run)
            continue
        tier = book.policy(run.work.policy).tier
        changed.append(ActiveDecision(move.verdict, run.work, tier, run.mode, (move.reason,), (run,)))
    changed.sort(key=lambda decision: (PLACE[decision.verdict], decision.runs[0].run_id))
    unchanged = [
        ActiveDecision(Verdict.KEEP, work, book.policy(work.policy).tier, mode, (kept(work),), tuple(runs))
        for (work, mode), runs in sorted(going_on.items(), key=lambda item: (item[0][0].name, item[0][1]))
    ]
    return (*changed, *unchanged)
