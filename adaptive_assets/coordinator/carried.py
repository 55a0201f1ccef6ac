"""The tags that a run is to carry, by what was decided about it."""

import json

from adaptive_assets.assets import tags
from adaptive_assets.dagster_compat.runs import MAX_RETRIES_TAG
from adaptive_assets.planning.decisions import Decision
from adaptive_assets.planning.short_forms import with_start

REASON_LENGTH = 300
"""Characters; the event in the run's log has every reason in full."""

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


def admitted(decision: Decision, decision_id: int | None) -> dict[str, str]:
    """Of a run that is free to launch; ``decision_id`` is the ledger's, if it could be written."""
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


def _decided(decision_id: int | None) -> dict[str, str]:
    return {} if decision_id is None else {tags.DECISION: str(decision_id)}
