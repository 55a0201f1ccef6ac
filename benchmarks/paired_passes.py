"""Whole dequeue passes of our daemon and of stock's in turn: the ratio of each pair."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Final

from benchmarks.passes import SLOTS, end_active, start_launched
from benchmarks.queues import Template, add_copies, queued_runs, untold_runs
from benchmarks.report import Finding, grid
from benchmarks.selection import add_fresh, prepare_ours, prepare_stock, timed
from benchmarks.sites import OURS, STOCK, Storage, homes
from benchmarks.workers import Worker

__all__ = ["QUEUED", "Pairs", "finding", "measure"]

QUEUED: Final = (1_000, 10_000)

FIRST, LATER, FULL = "first of a daemon, launches ten", "later, launches ten", "later, all slots taken"


@dataclass(frozen=True, slots=True)
class Pairs:
    """One line of the table: the seconds of our passes, and of the pass of stock's that goes with each."""

    what: str
    storage: str
    queued: int
    ours_s: list[float] = field(default_factory=list)
    stock_s: list[float] = field(default_factory=list)

    @property
    def ratios(self) -> list[float]:
        """Ours by stock's, of each pair."""
        return [ours / stock for ours, stock in zip(self.ours_s, self.stock_s, strict=True)]


@dataclass(frozen=True, slots=True)
class Side:
    """The daemon of one coordinator, and the rows that its queue is made of: its head first."""

    worker: Worker
    templates: Sequence[Template]

    def fill(self, length: int, fresh: int) -> None:
        """Make the queue so long; ``fresh`` runs at its head can be launched."""
        head, *rest = self.templates
        add_copies(self.worker.home, rest, length - fresh - self.worker.call(queued_runs))
        add_fresh(self.worker, head, fresh)

    def first(self) -> float:
        """The seconds of the first pass of a daemon that finds all slots free."""
        self.worker.call(end_active)
        self.worker.restart()
        return self._launching()

    def later(self) -> float:
        """The seconds of a later pass that finds all slots free."""
        self.worker.call(end_active)
        return self._launching()

    def full(self) -> float:
        """The seconds of a later pass that finds all slots taken."""
        return timed(self.worker, 0).whole_s

    def _launching(self) -> float:
        took = timed(self.worker, SLOTS).whole_s
        self.worker.call(start_launched)
        return took


def measure(storage: Storage, queued: Sequence[int] = QUEUED, repeats: int = 5) -> list[Pairs]:
    """For each length of the queue ``repeats`` pairs of first passes, and of later ones of two kinds."""
    found: list[Pairs] = []
    with ExitStack() as stack:
        ours_at, stock_at = (
            stack.enter_context(Worker(home)) for home in stack.enter_context(homes(storage, OURS, STOCK))
        )
        ours, stock = Side(ours_at, prepare_ours(ours_at)), Side(stock_at, prepare_stock(stock_at))
        stock.later()
        for size in sorted(queued):
            for side in (ours, stock):
                side.fill(size, fresh=2 * SLOTS * repeats)
            while ours.worker.call(untold_runs):
                ours.full()
            found += _pairs(storage, size, ours, stock, repeats)
    return found


def _pairs(storage: Storage, queued: int, ours: Side, stock: Side, repeats: int) -> list[Pairs]:
    """In turn, so that what else the machine does falls on both; who goes first changes as well."""
    kinds = {FIRST: Side.first, LATER: Side.later, FULL: Side.full}
    found = {what: Pairs(what, storage, queued) for what in kinds}
    for number in range(repeats):
        for what, timing in kinds.items():
            pair = found[what]
            sides = [(ours, pair.ours_s), (stock, pair.stock_s)]
            for side, samples in sides if number % 2 else reversed(sides):
                samples.append(timing(side))
    return list(found.values())


def finding(pairs: Sequence[Pairs]) -> Finding:
    """All of them as one table."""
    header = ("storage", "queued", "pass", "ours, ms", "stock, ms", "ours ÷ stock", "least", "most", "pairs")
    return Finding(
        "passes",
        "Whole passes of the dequeue daemon, launches included; medians, and the ratio of each pair. With all"
        " slots taken stock ends its pass before it reads its queue.",
        grid([header, *map(_row, pairs)]),
        met=True,
        content={"pairs": [{**asdict(each), "ratios": each.ratios} for each in pairs]},
    )


def _row(pairs: Pairs) -> tuple[str, ...]:
    return (
        pairs.storage,
        f"{pairs.queued:,}",
        pairs.what,
        f"{median(pairs.ours_s) * 1000:.1f}",
        f"{median(pairs.stock_s) * 1000:.1f}",
        f"{median(pairs.ratios):.2f}",
        f"{min(pairs.ratios):.2f}",
        f"{max(pairs.ratios):.2f}",
        str(len(pairs.ratios)),
    )
