"""Which runs ask for more memory than their kind takes, because one that they repeat ran out of it."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from adaptive_assets.learning import next_asked
from adaptive_assets.ledger import RunUsageRow

__all__ = ["RetryMemory"]

_KEPT: Final = 1_000
"""Runs whose next attempts are remembered: those killed last."""


@dataclass(frozen=True, slots=True)
class _Asked:
    memory: float
    run_id: str
    """Who was killed last."""


class RetryMemory:
    """What the next attempt of a run asks for at least, from the attempts that were killed.

    Attempts belong together by their root run, whoever repeated it: Dagster's run retries or a user.
    """

    def __init__(self) -> None:
        self._asked: OrderedDict[str, _Asked] = OrderedDict()

    def ended(self, usage: RunUsageRow) -> None:
        """Learn from a run that ended; told twice of the same one, learn once."""
        root = usage.root_run_id or usage.run_id
        before = self._asked.get(root)
        if usage.status == "SUCCESS":
            self._asked.pop(root, None)
        elif usage.out_of_memory and usage.memory_peak and not (before and before.run_id == usage.run_id):
            memory = next_asked(usage.memory_peak, before.memory if before else 0.0)
            self._asked[root] = _Asked(memory, usage.run_id)
            self._asked.move_to_end(root)
            if len(self._asked) > _KEPT:
                self._asked.popitem(last=False)

    def of(self, root_run_id: str) -> float:
        """The bytes that attempts of this root run ask for; 0 for no more than their kind takes."""
        asked = self._asked.get(root_run_id)
        return asked.memory if asked else 0.0
