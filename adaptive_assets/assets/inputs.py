"""Inputs: what a run reads of one asset."""

from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Final

_LONGEST: Final = 100
"""Characters of a partition key in a key of an input; a longer one is told by its digest."""


@dataclass(frozen=True)
class Input:
    """Some partitions of an asset, or all of an asset that has none.

    ``asset`` is the asset's key as one text. ``partitions`` are partition keys, never empty, always in one
    order, of time or of the alphabet; ``None`` for an asset without partitions. ``problem`` says why it
    is not known what would be read, in a sentence that names the cause; the partitions are then those that
    are known.
    """

    asset: str
    partitions: tuple[str, ...] | None = None
    problem: str = ""

    @cached_property
    def key(self) -> str:
        """Its key in the snapshot's ``data``: the same for the same partitions, and for no others."""
        if self.problem:
            return f"{self.asset}[?{_digest(self.problem, *self.partitions or ())}]"
        if self.partitions is None:
            return self.asset
        only = self.partitions[0] if len(self.partitions) == 1 else None
        if only is not None and len(only) <= _LONGEST:
            return f"{self.asset}[{only}]"
        return f"{self.asset}[#{_digest(*self.partitions)}]"

    @cached_property
    def label(self) -> str:
        """Its partitions, for people: ``2013-02-08``, ``2013-02-01 to 2013-02-28 (28)``; or nothing."""
        if not self.partitions:
            return ""
        if len(self.partitions) == 1:
            return self.partitions[0]
        return f"{self.partitions[0]} to {self.partitions[-1]} ({len(self.partitions)})"


def _digest(*texts: str) -> str:
    return sha256("\0".join(texts).encode("utf-8", "surrogatepass")).hexdigest()[:16]
