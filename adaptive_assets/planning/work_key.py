"""A kind of work in plain values, and a short, stable name for it."""

import hashlib
import json
from functools import lru_cache
from typing import Final

from adaptive_assets.planning.snapshot import Work

_LATER: Final = ("composable", "gated_by", "undefined")
"""What came after the first version; at its default it is left out of the digest, so that keys stay."""


@lru_cache(maxsize=16_384)
def work_key(work: Work) -> str:
    """Sixteen hexadecimal digits that are the same for equal work in every process and on every day.

    The digest covers every field, so runs that share a key may be planned, explained and learned from alike.
    """
    told = {name: value for name, value in plain_work(work).items() if value or name not in _LATER}
    content = json.dumps(told, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def plain_work(work: Work) -> dict[str, object]:
    """Every field of ``work``, under the names that ledgers have for them, whatever Python calls them."""
    return {
        "name": work.name,
        "policy": work.policy,
        "location": work.location,
        "assets": work.assets,
        "reads": work.reads,
        "degradable": work.degradable,
        "composable": work.composable,
        "gated_by": work.gated_by,
        "undefined": work.undefined,
    }
