"""What changed from one plan to the next: only that is written, to the runs and to the ledger."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Final

from adaptive_assets.planning.decisions import AnyDecision, Plan, Verdict
from adaptive_assets.planning.snapshot import Work
from adaptive_assets.planning.work_key import work_key

Stance = tuple[str, ...]
"""The part of a decision whose change is worth writing: not its numbers, which change in every cycle."""

ONCE: Final = frozenset({Verdict.LAUNCH.value, Verdict.DEGRADE.value, Verdict.FAIL.value})
"""Decided once of a run, whatever the reasons in later cycles, until Dagster has launched or failed it."""


def stance(decision: AnyDecision) -> Stance:
    """Verdict, mode and the codes of all reasons."""
    return stance_of(
        decision.verdict.value, decision.mode, (reason.code.value for reason in decision.reasons)
    )


def stance_of(verdict: str, mode: str, codes: Iterable[str]) -> Stance:
    """The same of a decision that was recorded."""
    return (verdict, mode) if verdict in ONCE else (verdict, mode, *dict.fromkeys(codes))


def kind_key(work: Work) -> str:
    """Under which stances hold what a kind of work waits for."""
    return f"kind:{work_key(work)}"


def run_key(run_id: str) -> str:
    """Under which stances hold what was decided of a run."""
    return f"run:{run_id}"


def transitions(
    stances: Mapping[str, tuple[Stance, ...]], plan: Plan
) -> tuple[list[AnyDecision], dict[str, tuple[Stance, ...]]]:
    """The decisions of ``plan`` that differ from ``stances``, and the stances of ``plan``.

    Admissions, failures and what active runs are told are compared run by run, deferrals by kind of work:
    ten thousand queued runs of one kind that start to wait for memory are one transition. Runs of one kind
    may wait for different things; when that changes, all that the kind waits for is told, because the ledger
    takes what was told last of a kind for all there is.

    A run that was let go and is deferred before Dagster has launched it keeps that stance: let go again in
    the same mode, it is not another decision.
    """
    told: dict[str, dict[Stance, AnyDecision]] = {}
    changed_now = (decision for decision in plan.running if decision.verdict.changes)
    everything: Iterator[AnyDecision] = chain(plan.decisions, changed_now)
    for decision in everything:
        # the first in the queue speaks for those with the same stance: they differ in detail only
        told.setdefault(decision_key(decision), {}).setdefault(stance(decision), decision)
    now = {key: tuple(by_stance) for key, by_stance in told.items()}
    changed = [
        decision
        for key, by_stance in told.items()
        if stances.get(key) != now[key]
        for decision in by_stance.values()
    ]
    return changed, now | _let_go_before(stances, now, plan)


def _let_go_before(
    stances: Mapping[str, tuple[Stance, ...]], now: Mapping[str, object], plan: Plan
) -> dict[str, tuple[Stance, ...]]:
    """The stances of runs that were let go and are still in the queue."""
    before = {
        key: held
        for key, held in stances.items()
        if key.startswith("run:") and key not in now and held[0][0] in ONCE
    }
    if not before:
        return {}
    queued = {run_key(run.run_id) for decision in plan.decisions for run in decision.runs}
    return {key: held for key, held in before.items() if key in queued}


def decision_key(decision: AnyDecision) -> str:
    """Under which stances hold a decision."""
    if decision.verdict is Verdict.DEFER:
        return kind_key(decision.work)
    return run_key(decision.runs[0].run_id)
