"""What people read of data that is not ready: which data, what is wrong with it, and who found out when."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from adaptive_assets.planning.formatting import seconds
from adaptive_assets.planning.reason_codes import ReasonCode
from adaptive_assets.policy.text import quoted

N = Mapping[str, Any]

MOST_NAMED: Final = 3
"""Checks, partitions or assets that a sentence names; the numbers have them all."""
LONGEST_NAME: Final = 200
"""Characters of an asset's or check's name: whatever it holds, the sentence stays one line."""
LONGEST_FINDING: Final = 120
"""Characters of what a check said."""
RUN_ID: Final = 8
"""Characters of a run's id: as many as Dagster's UI shows."""


def data_sentence(code: ReasonCode, n: N, names: tuple[str, ...]) -> str:
    """The sentence of a reason with one of ``DATA_CODES``."""
    waiting = n.get("waiting") or 0
    return _SENTENCES[code](n, names) + (f"; {waiting} runs wait for it" if waiting > 1 else "")


def _inputs_unknown(n: N, names: tuple[str, ...]) -> str:
    if "asset" not in n:
        return (
            f"what it reads is not known: no code location that is loaded defines {_named(names)}, so mend or"
            " reload the one that does"
        )
    if problem := n.get("problem"):
        return f"the state of {input_name(n)} is not known: {quoted(problem, LONGEST_NAME)}"
    return f"the state of {input_name(n)} could not be read"


def _data_missing(n: N, names: tuple[str, ...]) -> str:
    if len(names) > 1:
        partitions = _named(names, n.get("missing"))
        return f"partitions {partitions} of {_name(n['asset'])} have never been materialized"
    return f"{input_name(n)} has never been materialized"


def _data_stale(n: N, _: tuple[str, ...]) -> str:
    state = n["freshness"].upper()
    if n["age_s"] is None:
        return f"the freshness of {input_name(n)} is {state}, nothing tells of a version of it"
    return f"the freshness of {input_name(n)} is {state}, its latest version is {seconds(n['age_s'])} old"


def _freshness_not_evaluated(n: N, _: tuple[str, ...]) -> str:
    return f"the freshness of {input_name(n)} has not been evaluated yet"


def _check_failed(n: N, names: tuple[str, ...]) -> str:
    severity = " with severity WARN" if n.get("severity") == "warn" else ""
    others = n.get("other_partitions")
    more = f"; checks of {others} more partition{'s' * (others > 1)} failed too" if others else ""
    good = n.get("good_s")
    last = "" if good is None else f"; the last good version is {seconds(good)} old"
    evaluated = _evaluated(n) or (
        "" if n["age_s"] is None else f" on the version made {seconds(n['age_s'])} ago"
    )
    return f"{input_name(n)} failed {_checks(names)}{severity}{_said(n)}{evaluated}{more}{last}"


def _check_not_evaluated(n: N, names: tuple[str, ...]) -> str:
    have = "has" if len(names) == 1 and names[0] else "have"
    known = tuple(filter(None, names))
    checks = f"check{'s' * (len(known) > 1)} {_named(known)}" if known else "blocking checks"
    made = "" if n["age_s"] is None else f", made {seconds(n['age_s'])} ago"
    tried = f"; it was tried{_evaluated(n)}{_said(n)}" if _evaluated(n) or _said(n) else ""
    return f"{checks} of {input_name(n)} {have} not been evaluated on its latest version{made}{tried}"


def _data_degraded(n: N, _: tuple[str, ...]) -> str:
    mode = quoted(n["mode"], LONGEST_NAME)
    return f"{input_name(n)} was last made in mode {mode}, and the policy accepts it only in full"


_SENTENCES: Final[Mapping[ReasonCode, Callable[[N, tuple[str, ...]], str]]] = {
    ReasonCode.INPUTS_UNKNOWN: _inputs_unknown,
    ReasonCode.DATA_MISSING: _data_missing,
    ReasonCode.DATA_STALE: _data_stale,
    ReasonCode.FRESHNESS_NOT_EVALUATED: _freshness_not_evaluated,
    ReasonCode.CHECK_FAILED: _check_failed,
    ReasonCode.CHECK_NOT_EVALUATED: _check_not_evaluated,
    ReasonCode.DATA_DEGRADED: _data_degraded,
}

DATA_CODES: Final = frozenset(_SENTENCES)
"""The reasons that gates give."""


def _name(asset: str) -> str:
    return f"`{quoted(asset, LONGEST_NAME)}`"


def input_name(n: N) -> str:
    """The asset, with the partitions that the run would read, as sentences have it."""
    partition = n.get("partition")
    return _name(f"{n['asset']}[{partition}]" if partition else n["asset"])


def _checks(names: tuple[str, ...]) -> str:
    return _named(tuple(filter(None, names))) or "blocking checks"


def _named(names: tuple[str, ...], of: int | None = None) -> str:
    """The first few names, and how many more there are ``of`` them all."""
    shown = names[:MOST_NAMED]
    more = (of or len(names)) - len(shown)
    return ", ".join(map(_name, shown)) + (f" and {more} more" if more > 0 else "")


def _said(n: N) -> str:
    said = n.get("said")
    return f" ({quoted(said, LONGEST_FINDING)})" if said else ""


def _evaluated(n: N) -> str:
    """By which run, and when: the day is told where it is another than that of the decision."""
    run = n.get("run")
    by = f" in run {quoted(run[:RUN_ID], RUN_ID)}" if run else ""
    at = n.get("evaluated_at")
    try:
        when = None if at is None else datetime.fromtimestamp(at, UTC)
        told = None if at is None else datetime.fromtimestamp(at + n["evaluated_s"], UTC)
    except (ValueError, OverflowError, OSError):  # an instant that no calendar has
        return by
    if when is None or told is None:
        return by
    return f"{by} at {when:%H:%M} UTC" if when.date() == told.date() else f"{by} at {when:%Y-%m-%d %H:%M} UTC"
