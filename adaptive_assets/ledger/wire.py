"""The names under which values stand in the ledger, whatever they are called in Python.

A name in this table is in rows of long ago and is never changed.  Where a field, or the value of an enum,
gets another name in Python, its word here becomes ``new:old``: Python's name, then the ledger's.
"""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Final

from adaptive_assets.ledger.rows import OutOfMemory
from adaptive_assets.planning.estimates import Estimate, Source, Spread
from adaptive_assets.planning.snapshot import (
    Action,
    ActiveRun,
    CheckOutcome,
    CheckState,
    Claims,
    DataState,
    Declaration,
    Freshness,
    MachineReading,
    Node,
    Pressure,
    QueuedRun,
    RunState,
    SlotKind,
    SlotLimit,
    Snapshot,
    Work,
)


def _names(words: str) -> Mapping[str, str]:
    """By Python's name, the ledger's."""
    pairs = [word.partition(":") for word in words.split()]
    return {python: wire or python for python, _, wire in pairs}


FIELDS: Final[Mapping[type, Mapping[str, str]]] = {
    Snapshot: _names(
        "at queued active machine data run_limit actions nodes estimates usage limits"
        " paused launches clock_certain weighted promoted_at"
    ),
    Work: _names("name policy location assets reads degradable composable gated_by undefined"),
    QueuedRun: _names(
        "run_id work submitted_at priority admitted_mode deadline_at estimate preempted root_run_id"
        " input_size claims declared inputs"
    ),
    ActiveRun: _names(
        "run_id work mode launched_at started_at cpu_used memory_used node state submitted_at"
        " deadline_at estimate actions ran_s preempted acted_at root_run_id input_size declared"
    ),
    Declaration: _names("cpu memory duration"),
    Claims: _names("taken every some"),
    SlotLimit: _names("kind name size free"),
    DataState: _names(
        "asset materialized_at freshness outcomes mode external unreadable partitions missing more_missing"
        " degraded stale problem good_at"
    ),
    CheckOutcome: _names("check state partition said run_id at"),
    Node: _names("name reading heard_at node_class lease_s weighted"),
    MachineReading: _names(
        "at cpu_capacity cpu_used memory_capacity memory_used pressure disk_read disk_write network_received"
        " network_sent our_cpu"
    ),
    Pressure: _names("cpu memory io"),
    Estimate: _names("duration cpu memory runs source"),
    Spread: _names("p50 p90 p99"),
    OutOfMemory: _names("killed_at counter kills since until"),
}
"""By dataclass, the ledger's name of each field."""

VALUES: Final[Mapping[type[Enum], Mapping[str, str]]] = {
    Freshness: _names("pass warn fail not_evaluated no_policy"),
    CheckState: _names("warn fail not_evaluated"),
    SlotKind: _names("pool tag"),
    RunState: _names("running suspended leaving"),
    Action: _names("suspend requeue"),
    Source: _names("own kin declared"),
}
"""By enum, the ledger's name of each value."""

_FORMER_CODES: Final[Mapping[str, str]] = {"room_again": "capacity_again"}
"""Codes of reasons as ledgers of 0.1.0 have them."""


def reason_code(recorded: str) -> str:
    """The code by which a recorded reason is known now."""
    return _FORMER_CODES.get(recorded, recorded)


GONE: Final[Mapping[type, frozenset[str]]] = {
    Snapshot: frozenset({"backlogs", "pace", "slowdown"}),
    QueuedRun: frozenset({"passes"}),
    ActiveRun: frozenset({"slowed"}),
    Action: frozenset({"renice"}),
}
"""By dataclass or enum, the ledger's names of fields and values that older rows have and nothing reads."""


def _data_state(plain: Mapping[str, Any]) -> Mapping[str, Any]:
    """A state that was of an asset as a whole, with the names of the checks that had failed or were missing.

    Such an asset was never waited for where nothing materialized it.
    """
    if plain.get("source"):
        return {"asset": plain["asset"], "external": True}
    was = {"checks", "checks_failed", "checks_missing", "source"}
    if not was & plain.keys():
        return plain
    said = plain.get("checks")
    failed = plain.get("checks_failed") or ([""] if said in ("warn", "fail") else [])
    missing = plain.get("checks_missing") or ([""] if said == "not_evaluated" else [])
    state = "warn" if said == "warn" else "fail"
    outcomes = [{"check": name, "state": state} for name in failed]
    outcomes += [{"check": name, "state": "not_evaluated"} for name in missing]
    return {**{key: value for key, value in plain.items() if key not in was}, "outcomes": outcomes}


FORMER: Final[Mapping[type, Callable[[Mapping[str, Any]], Mapping[str, Any]]]] = {DataState: _data_state}
"""By dataclass, what makes a row of an earlier version one of this."""
