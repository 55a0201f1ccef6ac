"""What changed from one plan to the next: only that is written, to the runs and to the ledger."""

from adaptive_assets.planning.verdicts import Decision, Plan, Verdict

__all__ = ["Stance", "stance", "transitions"]

Stance = tuple[str, ...]
"""The part of a decision whose change is worth writing: not its numbers, which change in every cycle."""


def stance(decision: Decision) -> Stance:
    """Verdict, mode and the codes of all reasons."""
    codes = dict.fromkeys(reason.code.value for reason in decision.reasons)
    return (decision.verdict.value, decision.mode, *codes)


def transitions(stances: dict[str, Stance], plan: Plan) -> tuple[list[Decision], dict[str, Stance]]:
    """The decisions of ``plan`` that differ from ``stances``, and the stances of ``plan``.

    Admissions and failures are compared run by run, deferrals by kind of work: ten thousand queued runs of
    one kind that start to wait for memory are one transition.
    """
    now: dict[str, Stance] = {}
    changed: list[Decision] = []
    for decision in plan.decisions:
        key = _key(decision)
        if key in now:
            continue  # a kind's first deferral speaks for it; what follows differs in detail only
        now[key] = stance(decision)
        if stances.get(key) != now[key]:
            changed.append(decision)
    return changed, now


def _key(decision: Decision) -> str:
    if decision.verdict is Verdict.DEFER:
        work = decision.work
        return f"kind:{work.policy}:{work.location}:{work.name}:{','.join(work.assets)}"
    return f"run:{decision.runs[0].run_id}"
