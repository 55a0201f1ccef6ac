"""A plan in a few characters, so that a plan that is made again can be told to be the same."""

import hashlib
import json
from itertools import chain

from adaptive_assets.planning.decisions import ActiveDecision, AnyDecision, Plan
from adaptive_assets.planning.work_key import work_key


def plan_digest(plan: Plan) -> str:
    """32 hexadecimal digits (128 bits of SHA-256) of all decisions of ``plan`` and what it leaves behind.

    They cover, in the order of the plan, verdict, mode, tier, node, kind of work, reason codes and runs of
    each decision.  The numbers of reasons are left out, because making them would take longer than all else;
    where a decision is recorded, they are recorded with it.
    """
    told = [
        [_plain(decision) for decision in chain[AnyDecision](plan.decisions, plan.running)],
        plan.promoted_at,
    ]
    return hashlib.sha256(json.dumps(told, separators=(",", ":")).encode()).hexdigest()[:32]


def _plain(decision: AnyDecision) -> list[object]:
    return [
        decision.verdict,
        decision.mode,
        decision.tier,
        "" if isinstance(decision, ActiveDecision) else decision.node,
        work_key(decision.work),
        [reason.code for reason in decision.reasons],
        [run.run_id for run in decision.runs],
    ]
