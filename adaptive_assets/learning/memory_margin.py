"""More memory for what ran out of it."""

from dataclasses import replace
from typing import Final

from adaptive_assets.planning.estimates import Estimate, Source

__all__ = ["MemoryMargin", "asking_for", "having_held", "next_asked"]

MORE: Final = 1.5
"""What the next attempt is given, in peaks at which the last one was killed."""

_BACK: Final = 0.75
"""What is left of the distance (of logarithms) to what a run took that succeeded."""

_GONE: Final = 1.05

_CHANGED: Final = 2
"""Runs killed in a row from which on all runs of their kind are expected to need more."""


def next_asked(held: float, asked: float) -> float:
    """The bytes that the next attempt of a run asks for at least, which was killed for want of memory.

    It then held ``held`` bytes, and had asked for ``asked`` (0: for nothing beyond what its kind takes).
    """
    return MORE * max(held, asked)


def asking_for(known: Estimate, memory: float) -> Estimate:
    """What is ``known`` of a run, and that it asks for ``memory`` bytes at least, whatever its kin take.

    Its median is what it held when it was killed: it may have been the machine that was full, and of others.
    """
    return replace(known, memory=known.memory.at_least(memory, median=memory / MORE), source=Source.OWN)


def having_held(known: Estimate, held: float, most: float) -> Estimate:
    """What is ``known`` of a run, and that it held ``held`` bytes before it was sent back to the queue.

    It takes at least as much again. If that is more than nine of ten of its kind take, it is not one of
    these, and nobody knows how far it was: then it asks for more, as after a kill. ``most`` is what the
    largest machine gives.
    """
    held = min(held, most)
    if held <= known.memory.p50:
        return known
    least = held if held <= known.memory.p90 else min(most, MORE * held)
    return replace(known, memory=known.memory.at_least(least, median=held), source=Source.OWN)


class MemoryMargin:
    """The least that the next run must be expected to take at worst, in bytes; 0 where nothing asks for it.

    A run that failed took at least its peak, and one that was killed for want of memory wanted more.  Both
    say nothing of what success takes, so this is no evidence beside that of runs that succeeded, but a floor
    below it: each of those that takes less brings it down a quarter of the way, one that takes more ends it.
    """

    __slots__ = ("_kills", "floor")

    def __init__(self) -> None:
        self.floor = 0.0
        self._kills = 0

    @property
    def median(self) -> float:
        """The floor of the median as well: one killed may be a large one, two in a row are a change."""
        return self.floor if self._kills >= _CHANGED else 0.0

    def failed(self, peak: float, *, out_of_memory: bool) -> None:
        """A run ended without success when it held ``peak`` bytes at the most."""
        self.floor = max(self.floor, peak * (MORE if out_of_memory else 1.0))
        self._kills += out_of_memory

    def succeeded(self, peak: float | None) -> None:
        """A run ended well; where its peak was not seen, it is taken to have needed half of the floor."""
        self._kills = 0
        took = self.floor / 2 if peak is None else peak
        if took * _GONE >= self.floor or self.floor < 1:
            self.floor = 0.0
        else:
            self.floor = self.floor**_BACK * max(took, 1.0) ** (1 - _BACK)
