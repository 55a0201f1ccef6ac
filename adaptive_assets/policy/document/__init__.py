"""YAML text to plain values that know where they are written."""

from adaptive_assets.policy.document.tree import position, read_document

__all__ = ["position", "read_document"]
