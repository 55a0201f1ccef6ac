"""Gates: is the data that a run would read fit to be read?"""

from collections.abc import Iterator

from adaptive_assets.planning.composition import WHOLE
from adaptive_assets.planning.reasons import Number, Numbers, Reason, ReasonCode
from adaptive_assets.planning.snapshot import (
    CheckOutcome,
    CheckState,
    DataState,
    Freshness,
    QueuedRun,
    Snapshot,
)
from adaptive_assets.policy import Gates


def not_ready(gates: Gates, run: QueuedRun, snapshot: Snapshot) -> tuple[Reason, ...]:
    """Every gate that is closed for ``run``, in the order of what it reads; empty when it is ready.

    A policy without gates is always ready.  *Not evaluated* never counts as a pass, nor does data of which
    it is not known whether the run reads it.
    """
    if not gates.any_given:
        return ()
    unknown = (_inputs_unknown(run.work.undefined),) if run.work.undefined else ()
    return unknown + tuple(
        reason
        for key in run.reads
        for reason in _closed(gates, snapshot.data.get(key, DataState(key)), snapshot.at)
    )


def _inputs_unknown(undefined: tuple[str, ...]) -> Reason:
    return Reason(ReasonCode.INPUTS_UNKNOWN, {"undefined": ", ".join(undefined)}, names=undefined)


def _closed(gates: Gates, state: DataState, at: float) -> Iterator[Reason]:
    if state.unreadable:
        yield Reason(ReasonCode.INPUTS_UNKNOWN, {**_numbers(state), "problem": state.problem})
        return
    if state.missing or (state.materialized_at is None and not state.external):
        yield Reason(ReasonCode.DATA_MISSING, _numbers(state), names=state.missing)
        return
    age = None if state.materialized_at is None else max(0.0, at - state.materialized_at)
    if gates.fresh is not None:
        yield from _stale(gates.fresh, state, age)
    if gates.checks is not None:
        yield from _unchecked(gates.checks, state, age)
    if not gates.accept_degraded and state.mode not in WHOLE:
        yield Reason(ReasonCode.DATA_DEGRADED, {**_numbers(state, state.degraded), "mode": state.mode})


def _stale(worst: str, state: DataState, age: float | None) -> Iterator[Reason]:
    numbers: Numbers = {**_numbers(state, state.stale), "age_s": age, "freshness": state.freshness.value}
    match state.freshness:
        case Freshness.PASS | Freshness.NO_POLICY:
            return
        case Freshness.WARN if worst == "warn":
            return
        case Freshness.NOT_EVALUATED:
            yield Reason(ReasonCode.FRESHNESS_NOT_EVALUATED, numbers)
        case Freshness.WARN | Freshness.FAIL:
            yield Reason(ReasonCode.DATA_STALE, numbers)


def _unchecked(worst: str, state: DataState, age: float | None) -> Iterator[Reason]:
    failed = [one for one in state.outcomes if one.state in (CheckState.FAIL, CheckState.WARN)]
    if any(one.state is CheckState.FAIL or worst != "warn" for one in failed):
        numbers = _evidence(state, age, failed)
        if all(one.state is CheckState.WARN for one in failed):
            numbers["severity"] = "warn"
        yield Reason(ReasonCode.CHECK_FAILED, numbers, names=_names(failed))
    if missing := [one for one in state.outcomes if one.state is CheckState.NOT_EVALUATED]:
        yield Reason(ReasonCode.CHECK_NOT_EVALUATED, _evidence(state, age, missing), names=_names(missing))


def _evidence(state: DataState, age: float | None, outcomes: list[CheckOutcome]) -> dict[str, Number]:
    return {
        **_numbers(state, outcomes[0].partition),
        "age_s": age,
        "checks": ", ".join(_names(outcomes)),
        "said": outcomes[0].said,
        "run": outcomes[0].run_id,
        "evaluated_at": outcomes[0].at,
        "good_at": state.good_at,
    }


def _names(outcomes: list[CheckOutcome]) -> tuple[str, ...]:
    return tuple(one.check for one in outcomes)


def _numbers(state: DataState, partition: str = "") -> dict[str, Number]:
    return {"asset": state.asset, "partition": partition or state.partitions}
