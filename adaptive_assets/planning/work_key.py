"""A short, stable name for a kind of work."""

import hashlib
import json
from dataclasses import asdict
from functools import lru_cache

from adaptive_assets.planning.snapshot import Work

__all__ = ["work_key"]


@lru_cache(maxsize=16_384)
def work_key(work: Work) -> str:
    """Sixteen hexadecimal digits that are the same for equal work in every process and on every day.

    The digest covers every field, so runs that share a key may be planned, explained and learned from alike.
    A field that came later is left out at its default, so that a ledger's keys stay what they were.
    """
    fields = asdict(work)
    for later in ("composable", "gated_by", "undefined"):
        if not fields[later]:
            del fields[later]
    content = json.dumps(fields, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(content.encode()).hexdigest()[:16]
