"""More memory for a kind of which runs ran out of it."""

from collections.abc import Sequence

from adaptive_assets.learning.tuning import LearningTuning

__all__ = ["MemoryMargin"]


class MemoryMargin:
    """The least that the next run must be expected to take at worst, in bytes; 0 where nothing asks for it.

    A run that failed took at least its peak, and one that was killed for want of memory wanted more.  Both
    say nothing of what success takes, so this is no evidence beside that of runs that succeeded, but a floor
    below it: each of those that takes less brings it down a quarter of the way, one that takes more ends it.
    """

    __slots__ = ("_kills", "_tuning", "floor")

    def __init__(self, tuning: LearningTuning) -> None:
        self.floor = 0.0
        self._kills = 0
        self._tuning = tuning

    @property
    def median(self) -> float:
        """The floor of the median as well: one killed may be a large one, two in a row are a change."""
        return self.floor if self._kills >= self._tuning.kill_change else 0.0

    def failed(self, peak: float, *, out_of_memory: bool) -> None:
        """A run ended without success when it held ``peak`` bytes at the most."""
        self.floor = max(self.floor, peak * (self._tuning.kill_more if out_of_memory else 1.0))
        self._kills += out_of_memory

    def succeeded(self, peak: float | None) -> None:
        """A run ended well; where its peak was not seen, it is taken to have needed half of the floor."""
        self._kills = 0
        took = self.floor / 2 if peak is None else peak
        if took * self._tuning.kill_gone >= self.floor or self.floor < 1:
            self.floor = 0.0
        else:
            left = self._tuning.kill_back
            self.floor = self.floor**left * max(took, 1.0) ** (1 - left)

    def snapshot(self) -> Sequence[float]:
        """Floor and kills, plain."""
        return self.floor, self._kills

    def restore(self, plain: Sequence[float]) -> None:
        """Become what ``plain`` was made of."""
        self.floor, self._kills = plain[0], int(plain[1])
