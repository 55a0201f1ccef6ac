"""The checks of a policy book that no schema can make, one module for each subject."""

from adaptive_assets.policy.checks.costs import cost_findings, price_findings
from adaptive_assets.policy.checks.governing import Resolve, governing_findings
from adaptive_assets.policy.checks.ladders import ladder_findings
from adaptive_assets.policy.checks.pacing import pacing_findings
from adaptive_assets.policy.checks.preemption import preemption_findings
from adaptive_assets.policy.checks.promises import promise_findings
from adaptive_assets.policy.checks.sharing import sharing_findings
from adaptive_assets.policy.checks.stages import stage_findings

__all__ = [
    "Resolve",
    "cost_findings",
    "governing_findings",
    "ladder_findings",
    "pacing_findings",
    "preemption_findings",
    "price_findings",
    "promise_findings",
    "sharing_findings",
    "stage_findings",
]
