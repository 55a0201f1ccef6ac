"""Books and snapshots written shortly, as cases write them."""

from adaptive_assets.policy_cases import book_of, snapshot_of

__all__ = ["book_of", "snapshot_of"]
