"""Gates: is the data that a run would read fit to be read?"""

from collections.abc import Iterator

from adaptive_assets.planning.composition import WHOLE
from adaptive_assets.planning.reasons import Number, Numbers, Reason, ReasonCode
from adaptive_assets.planning.snapshot import CheckState, DataState, Freshness, Snapshot, Work
from adaptive_assets.policy import Gates


def not_ready(gates: Gates, work: Work, snapshot: Snapshot) -> tuple[Reason, ...]:
    """Every gate that is closed for ``work``, in the order of the assets it reads; empty when it is ready.

    A policy without gates is always ready.  *Not evaluated* never counts as a pass, nor does data of which
    it is not known whether the run reads it.
    """
    if gates.fresh is None and gates.checks is None and gates.accept_degraded:
        return ()
    unknown = (_inputs_unknown(work.undefined),) if work.undefined else ()
    return unknown + tuple(
        reason
        for asset in work.reads
        if not (state := snapshot.data.get(asset, DataState(asset))).source
        for reason in _closed(gates, state, snapshot.at)
    )


def _inputs_unknown(undefined: tuple[str, ...]) -> Reason:
    return Reason(ReasonCode.INPUTS_UNKNOWN, {"undefined": ", ".join(undefined)}, names=undefined)


def _closed(gates: Gates, state: DataState, at: float) -> Iterator[Reason]:
    if state.unreadable:
        yield Reason(ReasonCode.INPUTS_UNKNOWN, {"asset": state.asset})
        return
    if state.materialized_at is None:
        yield Reason(ReasonCode.DATA_MISSING, {"asset": state.asset})
        return
    age = max(0.0, at - state.materialized_at)
    if gates.fresh is not None:
        yield from _stale(gates.fresh, state, age)
    if gates.checks is not None:
        yield from _unchecked(gates.checks, state, age)
    if not gates.accept_degraded and state.mode not in WHOLE:
        yield Reason(ReasonCode.DATA_DEGRADED, {"asset": state.asset, "mode": state.mode})


def _stale(worst: str, state: DataState, age: float) -> Iterator[Reason]:
    numbers: Numbers = {"asset": state.asset, "age_s": age, "freshness": state.freshness.value}
    match state.freshness:
        case Freshness.PASS | Freshness.NO_POLICY:
            return
        case Freshness.WARN if worst == "warn":
            return
        case Freshness.NOT_EVALUATED:
            yield Reason(ReasonCode.FRESHNESS_NOT_EVALUATED, numbers)
        case Freshness.WARN | Freshness.FAIL:
            yield Reason(ReasonCode.DATA_STALE, numbers)


def _unchecked(worst: str, state: DataState, age: float) -> Iterator[Reason]:
    if state.checks is CheckState.FAIL or (state.checks is CheckState.WARN and worst != "warn"):
        numbers = _numbers(state, age, state.checks_failed)
        if state.checks is CheckState.WARN:
            numbers["severity"] = "warn"
        yield Reason(ReasonCode.CHECK_FAILED, numbers, names=state.checks_failed)
    if state.checks is CheckState.NOT_EVALUATED or state.checks_missing:
        numbers = _numbers(state, age, state.checks_missing)
        yield Reason(ReasonCode.CHECK_NOT_EVALUATED, numbers, names=state.checks_missing)


def _numbers(state: DataState, age: float, checks: tuple[str, ...]) -> dict[str, Number]:
    return {"asset": state.asset, "age_s": age, "checks": ", ".join(checks)}
