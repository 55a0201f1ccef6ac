"""What a benchmark finds: seconds of ours and of stock's, their ratio, and whether a bound on it is met."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

__all__ = ["Figure", "Seconds", "all_met"]


@dataclass(slots=True)
class Seconds:
    """Repeated measurements of one thing."""

    samples: list[float] = field(default_factory=list)

    def add(self, sample: float) -> None:
        """Take in one more measurement."""
        self.samples.append(sample)

    @property
    def median(self) -> float:
        """The median, in seconds."""
        return median(self.samples)


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of a table: ``what`` was measured on which ``storage`` with how many runs ``queued``.

    ``against`` says what of stock's is the measure; ``bound`` is the highest ratio that is good enough, or
    ``None`` where none was promised.
    """

    what: str
    storage: str
    queued: int | None
    ours: Seconds
    stock: Seconds
    against: str
    bound: float | None = None

    @property
    def ratio(self) -> float:
        """Our median by stock's."""
        return self.ours.median / self.stock.median

    @property
    def met(self) -> bool | None:
        """Whether the bound is met; ``None`` without one."""
        return None if self.bound is None else self.ratio <= self.bound


def all_met(figures: Sequence[Figure]) -> bool:
    """Whether every bound is met."""
    return all(figure.met is not False for figure in figures)
