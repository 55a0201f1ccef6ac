"""More memory for the next attempt of a run, by what the attempts before it held when they ended."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from adaptive_assets.learning.ended_run import EndedRun, Ending
from adaptive_assets.learning.tuning import LearningTuning
from adaptive_assets.planning.estimates import Estimate, Source

__all__ = ["Attempts"]


@dataclass(slots=True)
class _Last:
    """What the attempts of a root run showed; bytes, 0 for nothing."""

    asked: float = 0.0
    """What the next one asks for at least, because one was killed for want of memory."""
    held: float = 0.0
    """The most that any held when it was canceled."""
    run_id: str = ""
    """The attempt that ended last."""
    told: tuple[Estimate, float, float, Estimate] | None = None
    """What was made of which estimate with which floors, so that it is one object while nothing changes."""


class Attempts:
    """Remembers root runs of which an attempt was killed for want of memory, or canceled, until one succeeds.

    Attempts belong together by their root run, whoever repeated it: Dagster's run retries, a user, or a plan
    that made the run give way.
    """

    def __init__(self, tuning: LearningTuning) -> None:
        self._tuning = tuning
        self._last: OrderedDict[str, _Last] = OrderedDict()

    def observe(self, ended: EndedRun) -> None:
        """Learn from an attempt that ended; told twice of the same one, learn once."""
        root = ended.run.root_run_id
        if ended.succeeded:
            self._last.pop(root, None)
        elif ended.memory and ended.ending is not Ending.FAILED:
            last = self._last.setdefault(root, _Last())
            if ended.run_id and last.run_id == ended.run_id:
                return
            last.run_id, last.told = ended.run_id, None
            if ended.ending is Ending.OUT_OF_MEMORY:
                last.asked = self._tuning.kill_more * max(ended.memory, last.asked)
            else:
                last.held = max(last.held, ended.memory)
            self._last.move_to_end(root)
            if len(self._last) > self._tuning.attempts_kept:
                self._last.popitem(last=False)

    def __contains__(self, root_run_id: str) -> bool:
        return root_run_id in self._last

    def asked(self, root_run_id: str) -> float:
        """The bytes that the next attempt of the run asks for, because one was killed; 0 if none was."""
        last = self._last.get(root_run_id)
        return last.asked if last else 0.0

    def refine(self, known: Estimate, root_run_id: str, most_memory: float) -> Estimate:
        """What is ``known`` of a run, and that its next attempt takes at least so much memory.

        After a kill it asks for 1.5 times what it then held, or had asked for, if that was more.  Its median
        is what it held: it may have been the machine that was full, and of others.

        After it was canceled it takes at least as much again as it held.  If that is more than nine of ten of
        its kind take, it is not one of these, and nobody knows how far it was: then it asks for more, as
        after a kill.  ``most_memory`` (bytes) is what the largest machine gives.
        """
        last, memory, more = self._last.get(root_run_id), known.memory, self._tuning.kill_more
        if last is None:
            return known
        if last.asked:
            least = min(last.asked, most_memory)
            median = least / more
        else:
            least = median = min(last.held, most_memory)
            if median <= memory.p50:
                return known
            if median > memory.p90:
                least = min(most_memory, max(more, 1.0) * median)
        told = last.told
        if told is None or told[0] is not known or told[1:3] != (least, median):
            refined = replace(known, memory=memory.at_least(least, median=median), source=Source.OWN)
            told = last.told = (known, least, median, refined)
        return told[3]

    def snapshot(self) -> Sequence[Any]:
        """All that is remembered, plain."""
        return [[root, last.asked, last.held, last.run_id] for root, last in self._last.items()]

    def restore(self, plain: Sequence[Any]) -> None:
        """Become what ``plain`` was made of."""
        self._last = OrderedDict((root, _Last(*each)) for root, *each in plain)
