"""What a benchmark against stock finds: seconds of both, their ratio, and whether a bound on it is met."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from benchmarks.report import Finding, grid

__all__ = ["Figure", "Seconds", "finding"]


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


def finding(name: str, figures: Sequence[Figure]) -> Finding:
    """The figures of one benchmark as a table."""
    header = ("storage", "queued", "ours", "ms", "stock's", "ms", "ratio", "bound", "met")
    return Finding(
        name,
        "Medians in milliseconds; a ratio is ours by stock's.",
        grid([header, *map(_row, figures)]),
        all(figure.met is not False for figure in figures),
        {"figures": [_plain(figure) for figure in figures]},
    )


def _row(figure: Figure) -> tuple[str, ...]:
    return (
        figure.storage,
        "" if figure.queued is None else f"{figure.queued:,}",
        figure.what,
        f"{figure.ours.median * 1000:.1f}",
        figure.against,
        f"{figure.stock.median * 1000:.1f}",
        f"{figure.ratio:.2f}",
        "" if figure.bound is None else f"{figure.bound:.2f}",
        {True: "yes", False: "NO", None: ""}[figure.met],
    )


def _plain(figure: Figure) -> dict[str, Any]:
    return {
        "what": figure.what,
        "storage": figure.storage,
        "queued": figure.queued,
        "against": figure.against,
        "ours_s": figure.ours.samples,
        "stock_s": figure.stock.samples,
        "ours_median_s": figure.ours.median,
        "stock_median_s": figure.stock.median,
        "ratio": figure.ratio,
        "bound": figure.bound,
        "met": figure.met,
    }
