"""Inputs: what a run reads of one asset."""

import re
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Final

_BRACKET: Final = re.compile(r"[\[\]]")
_PLAIN: Final = re.compile(r"[^\[\]#?][^\[\]]{0,99}", re.DOTALL)
"""A partition key that stands in the key of an input as it is; another one is told by its digest."""


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
        """Its key in the snapshot's ``data``: the same for the same partitions, and for no others.

        It can be read where no bracket in it could be part of a name; else it is told by a digest.
        """
        if self.problem:
            return f"{self.asset}[?{self._digest}]"
        if self.partitions is None and not _BRACKET.search(self.asset):
            return self.asset
        only = self.partitions[0] if self.partitions and len(self.partitions) == 1 else ""
        if _PLAIN.fullmatch(only) and not _BRACKET.search(self.asset):
            return f"{self.asset}[{only}]"
        return f"{self.asset}[#{self._digest}]"

    @cached_property
    def label(self) -> str:
        """Its partitions, for people: ``2013-02-08``, ``2013-02-01 to 2013-02-28 (28)``; or nothing."""
        if not self.partitions:
            return ""
        if len(self.partitions) == 1:
            return self.partitions[0]
        return f"{self.partitions[0]} to {self.partitions[-1]} ({len(self.partitions)})"

    @property
    def _digest(self) -> str:
        texts = (self.problem, str(self.partitions is None), *(self.partitions or ()))
        return sha256("\0".join(texts).encode("utf-8", "surrogatepass")).hexdigest()[:16]
