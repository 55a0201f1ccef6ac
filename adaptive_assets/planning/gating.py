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
    states = [snapshot.data.get(key) or DataState(_asset_of(key)) for key in run.reads]
    return unknown + tuple(
        reason
        for state in states
        if gates.waits_for(state.asset)
        for reason in _closed(gates, state, snapshot.at)
    )


def _asset_of(key: str) -> str:
    """The asset of an input of which no state is known."""
    return key.partition("[")[0] if key.endswith("]") else key


def _inputs_unknown(undefined: tuple[str, ...]) -> Reason:
    return Reason(ReasonCode.INPUTS_UNKNOWN, {"undefined": ", ".join(undefined)}, names=undefined)


def _closed(gates: Gates, state: DataState, at: float) -> Iterator[Reason]:
    if state.unreadable:
        yield Reason(ReasonCode.INPUTS_UNKNOWN, {**_numbers(state), "problem": state.problem})
        return
    if state.missing or (state.materialized_at is None and not state.external):
        number = len(state.missing) + state.more_missing
        numbers = _numbers(state, state.missing[0] if number == 1 else "")
        if number > 1:
            numbers["missing"] = number
        yield Reason(ReasonCode.DATA_MISSING, numbers, names=state.missing)
        return
    age = None if state.materialized_at is None else max(0.0, at - state.materialized_at)
    if gates.fresh is not None:
        yield from _stale(gates.fresh, state, age)
    if gates.checks is not None:
        asked = [one for one in state.outcomes if gates.checks.asks_for(state.asset, one.check)]
        yield from _unchecked(gates.checks.accept, state, asked, at)
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


def _unchecked(worst: str, state: DataState, asked: list[CheckOutcome], at: float) -> Iterator[Reason]:
    failed = [one for one in asked if one.state in (CheckState.FAIL, CheckState.WARN)]
    if any(one.state is CheckState.FAIL or worst != "warn" for one in failed):
        failed.sort(key=lambda one: one.state is CheckState.WARN)  # what is worse is told first
        numbers = _evidence(state, failed, at)
        if all(one.state is CheckState.WARN for one in failed):
            numbers["severity"] = "warn"
        if state.good_at is not None and failed[0].partition == _first_failed(state).partition:
            numbers["good_s"] = max(0.0, at - state.good_at)
        yield Reason(ReasonCode.CHECK_FAILED, numbers, names=_names(failed))
    if missing := [one for one in asked if one.state is CheckState.NOT_EVALUATED]:
        yield Reason(ReasonCode.CHECK_NOT_EVALUATED, _evidence(state, missing, at), names=_names(missing))


def _first_failed(state: DataState) -> CheckOutcome:
    """The one whose partition ``good_at`` is about, whichever checks a gate asks for."""
    return next((one for one in state.outcomes if one.state is CheckState.FAIL), state.outcomes[0])


def _evidence(state: DataState, outcomes: list[CheckOutcome], at: float) -> dict[str, Number]:
    """What the checks looked at, and what the first of them found: by which run, and when."""
    first = outcomes[0]
    numbers: dict[str, Number] = {
        **_numbers(state, first.partition),
        "age_s": None if state.materialized_at is None else max(0.0, at - state.materialized_at),
        "checks": ", ".join(_names(outcomes)),
    }
    if others := {one.partition for one in outcomes} - {first.partition}:
        numbers["other_partitions"] = len(others)
    if first.said:
        numbers["said"] = first.said
    if first.run_id:
        numbers["run"] = first.run_id
    if first.at is not None:
        numbers |= {"evaluated_at": first.at, "evaluated_s": max(0.0, at - first.at)}
    return numbers


def _names(outcomes: list[CheckOutcome]) -> tuple[str, ...]:
    """The checks of the first partition that is told."""
    told = [one.check for one in outcomes if one.partition == outcomes[0].partition]
    return tuple(dict.fromkeys(told))


def _numbers(state: DataState, partition: str = "") -> dict[str, Number]:
    return {"asset": state.asset, "partition": partition or state.partitions}
