"""The checks of a policy book that no schema can make, one module for each subject."""

from adaptive_assets.policy.checks.governing import Resolve, governing_findings
from adaptive_assets.policy.checks.ladders import ladder_findings
from adaptive_assets.policy.checks.preemption import preemption_findings
from adaptive_assets.policy.checks.promises import promise_findings

__all__ = ["Resolve", "governing_findings", "ladder_findings", "preemption_findings", "promise_findings"]
