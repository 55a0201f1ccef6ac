"""The place of a policy's work among all work."""

from adaptive_assets.policy import Policy, PolicyBook


def rank_of(policy: Policy, book: PolicyBook) -> int:
    """The place of its tier, 0 for the highest; work ahead comes after all tiers."""
    return len(book.tiers) if policy.opportunity else book.rank(policy.tier)
