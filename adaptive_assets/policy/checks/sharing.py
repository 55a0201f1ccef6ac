"""Owners that share the machine: one weight each."""

from collections.abc import Iterator

from adaptive_assets.policy.findings import Finding
from adaptive_assets.policy.model import PolicyBook
from adaptive_assets.policy.names import DEFAULT
from adaptive_assets.policy.places import Path


def sharing_findings(book: PolicyBook) -> Iterator[Finding]:
    """Owners to whom two policies give different weights, by paths from the book.

    A policy without an owner is its own, by its name.
    """
    first: dict[str, tuple[str, float]] = {}
    places: list[Path] = [("policies", position) for position in range(len(book.policies))]
    for path, policy in zip([*places, (DEFAULT,)], [*book.policies, book.default], strict=True):
        owner = policy.owner or policy.name
        name, weight = first.setdefault(owner, (policy.name, policy.weight))
        if weight != policy.weight:
            yield Finding(
                (*path, "weight"),
                f"the owner `{owner}` has the weight `{policy.weight:g}` here, and `{weight:g}` in the policy"
                f" `{name}`",
                f"write `weight: {weight:g}` in both, or name another owner",
            )
