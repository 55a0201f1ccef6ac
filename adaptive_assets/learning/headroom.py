"""More memory for what ran out of it."""

from dataclasses import replace
from typing import Final

from adaptive_assets.planning.estimates import Estimate, Source

__all__ = ["Headroom", "asking_for", "next_asked"]

MORE: Final = 1.5
"""What the next attempt is given, in peaks at which the last one was killed."""

_BACK: Final = 0.75
"""What is left of the distance (of logarithms) to what a run took that succeeded."""

_GONE: Final = 1.05


def next_asked(held: float, asked: float) -> float:
    """The bytes that the next attempt of a run asks for at least, which was killed for want of memory.

    It then held ``held`` bytes, and had asked for ``asked`` (0: for nothing beyond what its kind takes).
    """
    return MORE * max(held, asked)


def asking_for(known: Estimate, memory: float) -> Estimate:
    """What is ``known`` of a run, and that it asks for ``memory`` bytes at least, whatever its kin take."""
    return replace(known, memory=known.memory.at_least(memory), source=Source.OWN)


class Headroom:
    """The least that the next run must be expected to take, in bytes; 0 where nothing asks for it.

    A run that failed took at least its peak, and one that was killed for want of memory wanted more.  Both
    say nothing of what success takes, so this is no evidence beside that of runs that succeeded, but a floor
    below it: each of those that takes less brings it down a quarter of the way, one that takes more ends it.
    """

    __slots__ = ("floor",)

    def __init__(self) -> None:
        self.floor = 0.0

    def failed(self, peak: float, *, out_of_memory: bool) -> None:
        """A run ended without success when it held ``peak`` bytes at the most."""
        self.floor = max(self.floor, peak * (MORE if out_of_memory else 1.0))

    def succeeded(self, peak: float | None) -> None:
        """A run ended well; where its peak was not seen, it is taken to have needed half of the floor."""
        took = self.floor / 2 if peak is None else peak
        if took * _GONE >= self.floor or self.floor < 1:
            self.floor = 0.0
        else:
            self.floor = self.floor**_BACK * max(took, 1.0) ** (1 - _BACK)
