"""The policy book of a deployment that has no policy file."""

from typing import Final

from adaptive_assets.policy.model import PolicyBook
from adaptive_assets.policy.terms import DeclaredEstimate, Guards, Policy

BUILT_IN: Final = PolicyBook(
    version=1,
    guards=Guards(),
    default=Policy(name="default", estimate=DeclaredEstimate(cpu=0.1, memory=256 * 2**20, duration=60.0)),
)
"""The usual tiers, and nothing promised.

Work that no run has shown yet is taken to need what the process of a run takes that does nothing itself:
little enough that at least the ten runs are launched at once that stock Dagster launches, and enough that a
first backfill of hundreds does not take all memory. No CPU at all would be a declaration that the work is
done elsewhere, and what it turned out to use would never count.
"""
