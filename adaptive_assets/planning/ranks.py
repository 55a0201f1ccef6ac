"""The place of a policy's work among all work."""

from typing import Final

from adaptive_assets.policy import Policy, PolicyBook
from adaptive_assets.policy.weights import nice_of

LEAST_CPU_WEIGHT: Final = 1


def rank_of(policy: Policy, book: PolicyBook) -> int:
    """The place of its tier, 0 for the highest; work ahead comes after all tiers."""
    return len(book.tiers) if policy.opportunity else book.rank(policy.tier)


def nice_by_rank(book: PolicyBook) -> tuple[int, ...]:
    """The nice of each rank's CPU weight: weights that come to the same one are as good as equal."""
    weights = (*(book.cpu_weight(tier.name) for tier in book.tiers), LEAST_CPU_WEIGHT)
    return tuple(map(nice_of, weights))


def cpu_weight_of(policy: Policy, book: PolicyBook) -> int:
    """The CPU weight of its runs, 1 to 10,000: that of its tier; work ahead has the least."""
    return LEAST_CPU_WEIGHT if policy.opportunity else book.cpu_weight(policy.tier)
