"""What changed from one plan to the next: only that is written, to the runs and to the ledger."""

from collections.abc import Mapping

from adaptive_assets.planning.verdicts import Decision, Plan, Verdict
from adaptive_assets.planning.work_key import work_key

__all__ = ["Stance", "stance", "transitions"]

Stance = tuple[str, ...]
"""The part of a decision whose change is worth writing: not its numbers, which change in every cycle."""


def stance(decision: Decision) -> Stance:
    """Verdict, mode and the codes of all reasons."""
    codes = dict.fromkeys(reason.code.value for reason in decision.reasons)
    return (decision.verdict.value, decision.mode, *codes)


def transitions(stances: Mapping[str, Stance], plan: Plan) -> tuple[list[Decision], dict[str, Stance]]:
    """The decisions of ``plan`` that differ from ``stances``, and the stances of ``plan``.

    Admissions and failures are compared run by run; deferrals by kind of work and by what comes first in
    their way: ten thousand queued runs of one kind that start to wait for memory are one transition.
    """
    now: dict[str, Stance] = {}
    changed: list[Decision] = []
    for decision in plan.decisions:
        key = _key(decision)
        if key in now:
            continue  # the first of them in line speaks for the others; they differ in detail only
        now[key] = stance(decision)
        if stances.get(key) != now[key]:
            changed.append(decision)
    return changed, now


def _key(decision: Decision) -> str:
    if decision.verdict is Verdict.DEFER:
        return f"kind:{work_key(decision.work)}:{decision.reason.code}"
    return f"run:{decision.runs[0].run_id}"
