"""What the kill campaign has found, as tables, and which of it must be nought."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Final

from benchmarks.bounds import Bound, bounds_table, plain_bounds
from benchmarks.kills_audit import Tally
from benchmarks.report import Finding, grid

__all__ = ["NO_FAULT", "TWO_DAEMONS", "Found", "finding"]

NO_FAULT: Final = "none"
TWO_DAEMONS: Final = "two daemons"
COLUMNS: Final = ("refused", "lost", "twice", "held", "undecided", "decided twice", "disagreeing")


@dataclass(frozen=True, slots=True)
class Found:
    """One deployment; ``second_named`` is the line of ``adaptive status`` that names two daemons.

    ``at_calls`` of the ``kills`` came at a call, the others after a time; ``ended`` is of daemons that ended
    by themselves.
    """

    storage: str
    part: str
    submitted: int
    kills: int
    at_calls: int
    ended: tuple[str, ...]
    refused: tuple[str, ...]
    lost: tuple[str, ...]
    held: tuple[str, ...]
    tally: Tally
    recovery_s: tuple[float, ...]
    second_named: str = ""

    @property
    def wrong(self) -> dict[str, int]:
        """How many runs each thing is wrong with; all must be 0."""
        tally = self.tally
        refused, lost, held = len(self.refused), len(self.lost), len(self.held)
        undecided, disagreeing = len(tally.undecided), len(tally.disagreeing)
        counts = (refused, lost, len(tally.twice), held, undecided, len(tally.decided_twice), disagreeing)
        return dict(zip(COLUMNS, counts, strict=True))

    @property
    def line(self) -> str:
        """In one line, for who waits."""
        wrong = ", ".join(f"{count} {what}" for what, count in self.wrong.items() if count)
        return (
            f"{self.storage}, {self.part}: {self.kills} kills, {self.submitted} runs: {wrong or 'all well'}"
        )


def finding(found: Sequence[Found]) -> Finding:
    """The whole campaign."""
    bounds = list(_bounds(found))
    first = ("storage", "fault", "kills", "at calls", "runs", "launched")
    header = (*first, *COLUMNS, "recovery s", "longest", "of")
    kills = sum(each.kills for each in found)
    rows = grid([header, *map(_row, found)])
    return Finding(
        "kills",
        f"{kills} kills; those at calls came before or after a named call, the others after a random time."
        " Counts of runs; recovery is from a kill to the next launch, its median and longest,"
        " of the kills after which a run was launched before the next kill.",
        f"{rows}\n\n{bounds_table(bounds)}",
        all(bound.met for bound in bounds),
        {"parts": [asdict(each) | {"wrong": each.wrong} for each in found], "bounds": plain_bounds(bounds)},
    )


def _bounds(found: Sequence[Found]) -> Iterator[Bound]:
    for what in COLUMNS:
        for storage in dict.fromkeys(each.storage for each in found):
            wrong = sum(each.wrong[what] for each in found if each.storage == storage)
            yield Bound.at_most(f"runs {what}", storage, wrong, 0)
    yield Bound.at_most("daemons ended by themselves", "all", sum(len(each.ended) for each in found), 0)
    for each in found:
        if each.part == TWO_DAEMONS:
            named = int(bool(each.second_named))
            yield Bound.at_least("second daemon named by `adaptive status`", each.storage, named, 1)


def _row(found: Found) -> tuple[str, ...]:
    recovery = found.recovery_s
    return (
        found.storage,
        found.part,
        str(found.kills),
        str(found.at_calls),
        str(found.submitted),
        str(found.tally.launched),
        *map(str, found.wrong.values()),
        f"{median(recovery):.1f}" if recovery else "",
        f"{max(recovery):.1f}" if recovery else "",
        str(len(recovery)) if found.kills else "",
    )
