"""The tags that a run is to carry, by what was decided about it."""

import json
from collections.abc import Mapping
from itertools import islice
from types import MappingProxyType

from adaptive_assets.assets import tags
from adaptive_assets.dagster_compat.runs import MAX_RETRIES_TAG
from adaptive_assets.planning.composition import WHOLE
from adaptive_assets.planning.decisions import Decision
from adaptive_assets.planning.short_forms import with_start
from adaptive_assets.planning.snapshot import DataState, QueuedRun
from adaptive_assets.policy.text import quoted

REASON_LENGTH = 300
"""Characters; the event in the run's log has every reason in full."""

MOST_INPUTS = 10
"""Degraded inputs that a tag names."""
LONGEST_INPUT = 200
"""Characters of each."""
NOTHING: Mapping[str, str] = MappingProxyType({})

QUEUED = "queued: waits for its first cycle"
FIRST_CYCLE = "first cycle"


def reason_text(decision: Decision) -> str:
    """The reason as the tag has it: ``memory: needs 2.0 GiB, …``."""
    text = f"{decision.reason.code}: {decision.reason.sentence}"
    return text if len(text) <= REASON_LENGTH else text[: REASON_LENGTH - 1] + "…"


def submitted(policy: str, tier: str) -> dict[str, str]:
    """Of a run that no cycle has seen yet."""
    return {
        tags.ADMISSION: tags.HELD,
        tags.POLICY: policy,
        tags.TIER: tier,
        tags.WAITS: FIRST_CYCLE,
        tags.REASON: QUEUED,
    }


def waiting(decision: Decision, starts_in_s: float | None) -> dict[str, str]:
    """Of a run that waits; it starts in ``starts_in_s`` seconds, if that can be foreseen."""
    return {
        tags.ADMISSION: tags.HELD,
        tags.POLICY: decision.work.policy,
        tags.TIER: decision.tier,
        tags.WAITS: with_start(decision.reason.short, starts_in_s),
        tags.REASON: reason_text(decision),
    }


def admitted(
    decision: Decision, decision_id: int | None, degraded: Mapping[str, str] = NOTHING
) -> dict[str, str]:
    """Of a run that is free to launch; ``decision_id`` is the ledger's, if it could be written.

    ``degraded`` are the modes of the inputs that were made below full.
    """
    carried = {
        tags.ADMISSION: tags.ADMITTED,
        tags.POLICY: decision.work.policy,
        tags.TIER: decision.tier,
        tags.LAUNCH_REASON: reason_text(decision),
        **_decided(decision_id),
    }
    if decision.mode != tags.FULL:
        carried[tags.MODE] = decision.mode
    if decision.parameters:
        carried[tags.MODE_PARAMETERS] = json.dumps(dict(decision.parameters), sort_keys=True)
    if degraded:
        carried[tags.INPUTS_DEGRADED] = json.dumps(dict(degraded))
    return carried


def failed(decision: Decision, decision_id: int | None) -> dict[str, str]:
    """Of a run that fails rather than wait longer: it is not tried again, and goes on showing why."""
    return {
        tags.ADMISSION: tags.HELD,
        tags.POLICY: decision.work.policy,
        tags.TIER: decision.tier,
        tags.REASON: reason_text(decision),
        MAX_RETRIES_TAG: "0",
        **_decided(decision_id),
    }


def degraded_inputs(run: QueuedRun, data: Mapping[str, DataState]) -> dict[str, str]:
    """The modes of what ``run`` reads and was made below full, the first few, by asset and partition."""
    read = [data[key] for key in run.reads if key in data]
    below = (state for state in read if state.mode not in WHOLE and not state.unreadable)
    return {
        quoted(_named(state), LONGEST_INPUT): quoted(state.mode, LONGEST_INPUT)
        for state in islice(below, MOST_INPUTS)
    }


def _named(state: DataState) -> str:
    partition = state.degraded or state.partitions
    return f"{state.asset}[{partition}]" if partition else state.asset


def _decided(decision_id: int | None) -> dict[str, str]:
    return {} if decision_id is None else {tags.DECISION: str(decision_id)}
