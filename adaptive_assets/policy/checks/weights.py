"""CPU weights that can be written and are not what a run gets."""

from collections.abc import Iterator, Sequence

from adaptive_assets.policy.findings import Finding
from adaptive_assets.policy.terms import Tier
from adaptive_assets.policy.weights import USUAL_CPU_WEIGHT


def weight_findings(tiers: Sequence[Tier]) -> Iterator[Finding]:
    """Weights above that of nice 0: to lower a nice takes privileges that a daemon does not have."""
    for position, tier in enumerate(tiers):
        if tier.cpu_weight is not None and tier.cpu_weight > USUAL_CPU_WEIGHT:
            yield Finding(
                ("tiers", position, "cpu_weight"),
                f"where nice gives the weights, no more than {USUAL_CPU_WEIGHT} has an effect",
                f"write at most `{USUAL_CPU_WEIGHT}`, and less for the tiers below",
                "warning",
            )
