"""What an evaluation of a blocking check says of the version that it looked at."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import dagster as dg

from adaptive_assets.assets.check_states import CHECK_STATE, NOT_EVALUATED
from adaptive_assets.dagster_compat.versions import AssetCheckEvaluation, evaluation_of
from adaptive_assets.planning.snapshot import CheckState

_LONGEST: Final = 100


@dataclass(frozen=True, slots=True)
class Verdict:
    """``state`` is ``None`` for a check that passed; ``said`` is what it found, in at most 100 characters."""

    state: CheckState | None
    said: str = ""


PASSED: Final = Verdict(None)


def verdict(event: str, *, succeeded: bool) -> Verdict:
    """The verdict in a stored evaluation; ``succeeded`` is what its row says.

    An event that passed is read as a whole only where it may say that it was not evaluated. One that cannot
    be read is *not evaluated*.
    """
    if succeeded and not (CHECK_STATE in event and NOT_EVALUATED in event):
        return PASSED
    try:
        evaluation = evaluation_of(event)
        state = _state(evaluation)
        return PASSED if state is None else Verdict(state, _said(evaluation, state))
    except Exception as error:  # noqa: BLE001  an event of an unknown kind concerns this check alone
        return Verdict(CheckState.NOT_EVALUATED, _short(f"its evaluation cannot be read: {error}"))


def _state(evaluation: AssetCheckEvaluation) -> CheckState | None:
    said = evaluation.metadata.get(CHECK_STATE)
    if said is not None and said.value == NOT_EVALUATED:
        return CheckState.NOT_EVALUATED
    if evaluation.passed:
        return None
    return CheckState.WARN if evaluation.severity is dg.AssetCheckSeverity.WARN else CheckState.FAIL


def _said(evaluation: AssetCheckEvaluation, state: CheckState) -> str:
    rows, failing = (_count(evaluation.metadata, name) for name in ("rows", "failing_rows"))
    if state is not CheckState.NOT_EVALUATED and rows and failing:
        return f"{failing:,} of {rows:,} row{'' if rows == 1 else 's'}"
    if state is CheckState.NOT_EVALUATED and (cause := evaluation.metadata.get("cause")) is not None:
        return _short(str(cause.value))
    return _short(evaluation.description or "")


def _count(metadata: Mapping[str, Any], name: str) -> int | None:
    value = metadata.get(name)
    return value.value if isinstance(value, dg.IntMetadataValue) else None


def _short(text: str) -> str:
    """The first line with anything in it, printable, in at most 100 characters."""
    for line in text.splitlines():
        flat = " ".join("".join(one if one.isprintable() else " " for one in line).split())
        if flat:
            return flat if len(flat) <= _LONGEST else f"{flat[: _LONGEST - 1]}…"
    return ""
