"""Gates: is the data that a run would read fit to be read?"""

from collections.abc import Iterator

from adaptive_assets.planning.composition import WHOLE
from adaptive_assets.planning.decisions import Reason, ReasonCode
from adaptive_assets.planning.snapshot import CheckState, DataState, Freshness, Snapshot, Work
from adaptive_assets.planning.wording import seconds
from adaptive_assets.policy import Gates
from adaptive_assets.policy.text import quoted

__all__ = ["not_ready"]

MOST_NAMED = 3
"""Checks or assets that a sentence names; the numbers have them all."""
LONGEST_NAME = 100
"""Characters."""

LONGEST_NAME = 200
"""Characters of a key or name in a sentence: whatever it holds, the sentence stays one line."""


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
    return Reason(
        ReasonCode.INPUTS_UNKNOWN,
        f"what it reads is not known: no code location that is loaded defines {_named(undefined)}, so mend or"
        " reload the one that does",
        {"undefined": ", ".join(undefined)},
    )


def _closed(gates: Gates, state: DataState, at: float) -> Iterator[Reason]:
    name = quoted(state.asset, LONGEST_NAME)
    if state.unreadable:
        yield Reason(
            ReasonCode.INPUTS_UNKNOWN, f"the state of `{name}` could not be read", {"asset": state.asset}
        )
        return
    if state.materialized_at is None:
        yield Reason(ReasonCode.DATA_MISSING, f"`{name}` has never been materialized", {"asset": state.asset})
        return
    age = max(0.0, at - state.materialized_at)
    if gates.fresh is not None:
        yield from _stale(gates.fresh, state, age)
    if gates.checks is not None:
        yield from _unchecked(gates.checks, state, age)
    if not gates.accept_degraded and state.mode not in WHOLE:
        yield Reason(
            ReasonCode.DATA_DEGRADED,
            f"`{name}` was last made in mode {quoted(state.mode)}, and the policy accepts it only in full",
            {"asset": state.asset, "mode": state.mode},
        )


def _stale(worst: str, state: DataState, age: float) -> Iterator[Reason]:
    name = quoted(state.asset, LONGEST_NAME)
    numbers: dict[str, float | int | str | None] = {
        "asset": state.asset,
        "age_s": age,
        "freshness": state.freshness.value,
    }
    match state.freshness:
        case Freshness.PASS | Freshness.NO_POLICY:
            return
        case Freshness.WARN if worst == "warn":
            return
        case Freshness.NOT_EVALUATED:
            yield Reason(
                ReasonCode.FRESHNESS_NOT_EVALUATED,
                f"the freshness of `{name}` has not been evaluated yet",
                numbers,
            )
        case Freshness.WARN | Freshness.FAIL:
            yield Reason(
                ReasonCode.DATA_STALE,
                f"the freshness of `{name}` is {state.freshness.upper()}, its latest version is"
                f" {seconds(age)} old",
                numbers,
            )


def _unchecked(worst: str, state: DataState, age: float) -> Iterator[Reason]:
    name = quoted(state.asset, LONGEST_NAME)
    if state.checks is CheckState.FAIL or (state.checks is CheckState.WARN and worst != "warn"):
        severity = " with severity WARN" if state.checks is CheckState.WARN else ""
        yield Reason(
            ReasonCode.CHECK_FAILED,
            f"{_checks(state.checks_failed)} of `{name}` failed{severity} on the version made"
            f" {seconds(age)} ago",
            {"asset": state.asset, "age_s": age, "checks": ", ".join(state.checks_failed)},
        )
    if state.checks is CheckState.NOT_EVALUATED or state.checks_missing:
        have = "has" if len(state.checks_missing) == 1 else "have"
        yield Reason(
            ReasonCode.CHECK_NOT_EVALUATED,
            f"{_checks(state.checks_missing)} of `{name}` {have} not been evaluated on its latest version,"
            f" made {seconds(age)} ago",
            {"asset": state.asset, "age_s": age, "checks": ", ".join(state.checks_missing)},
        )


def _checks(names: tuple[str, ...]) -> str:
    if not names:
        return "blocking checks"
    return f"check{'s' * (len(names) > 1)} {_named(names)}"


def _named(names: tuple[str, ...]) -> str:
    shown = ", ".join(f"`{quoted(name, LONGEST_NAME)}`" for name in names[:MOST_NAMED])
    return f"{shown} and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else shown
