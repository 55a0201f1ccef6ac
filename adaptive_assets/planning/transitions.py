"""What changed from one plan to the next: only that is written, to the runs and to the ledger."""

from collections.abc import Iterator, Mapping
from itertools import chain

from adaptive_assets.planning.verdicts import AnyDecision, Plan, Verdict
from adaptive_assets.planning.work_key import work_key

__all__ = ["Stance", "stance", "transitions"]

Stance = tuple[str, ...]
"""The part of a decision whose change is worth writing: not its numbers, which change in every cycle."""


def stance(decision: AnyDecision) -> Stance:
    """Verdict, mode and the codes of all reasons."""
    codes = dict.fromkeys(reason.code.value for reason in decision.reasons)
    return (decision.verdict.value, decision.mode, *codes)


def transitions(
    stances: Mapping[str, tuple[Stance, ...]], plan: Plan
) -> tuple[list[AnyDecision], dict[str, tuple[Stance, ...]]]:
    """The decisions of ``plan`` that differ from ``stances``, and the stances of ``plan``.

    Admissions, failures and what active runs are told are compared run by run, deferrals by kind of work:
    ten thousand queued runs of one kind that start to wait for memory are one transition. Runs of one kind
    may wait for different things; when that changes, all that the kind waits for is told, because the ledger
    takes what was told last of a kind for all there is.
    """
    told: dict[str, dict[Stance, AnyDecision]] = {}
    changed_now = (decision for decision in plan.running if decision.verdict.changes)
    everything: Iterator[AnyDecision] = chain(plan.decisions, changed_now)
    for decision in everything:
        # the first in line speaks for those with the same stance: they differ in detail only
        told.setdefault(_key(decision), {}).setdefault(stance(decision), decision)
    now = {key: tuple(by_stance) for key, by_stance in told.items()}
    changed = [
        decision
        for key, by_stance in told.items()
        if stances.get(key) != now[key]
        for decision in by_stance.values()
    ]
    return changed, now


def _key(decision: AnyDecision) -> str:
    if decision.verdict is Verdict.DEFER:
        return f"kind:{work_key(decision.work)}"
    return f"run:{decision.runs[0].run_id}"
