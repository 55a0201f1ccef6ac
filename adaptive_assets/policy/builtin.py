"""The policy book of a deployment that has no policy file."""

from typing import Final

from adaptive_assets.policy.model import PolicyBook
from adaptive_assets.policy.terms import DeclaredEstimate, Guards, Policy

BUILT_IN: Final = PolicyBook(
    version=1,
    guards=Guards(),
    default=Policy(name="default", estimate=DeclaredEstimate(cpu=0.0, memory=1, duration=60.0)),
)
"""The usual tiers, and nothing promised.

Work that no run has shown yet is taken to need nothing: somebody who has declared nothing expects his runs to
launch as they did before. What runs turn out to take still counts against the guards.
"""
