"""What ``adaptive replay`` finds: recorded cycles planned again, one by one."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from adaptive_assets.cli.errors import one_line
from adaptive_assets.planning.replay import Comparison, Difference, compared, planned_again

if TYPE_CHECKING:
    from adaptive_assets.ledger import Ledger
    from adaptive_assets.ledger.recorded_cycles import RecordedCycle
    from adaptive_assets.planning.decisions import Plan
    from adaptive_assets.planning.snapshot import Snapshot
    from adaptive_assets.policy import PolicyBook

SHOWN: Final = 20
"""How many differences are kept to be shown; all are counted."""


@dataclass(slots=True)
class Cycles:
    """The cycles that were read, and those of them that cannot be planned again.

    ``unplanned`` counts those by the reason; ``first_at`` and ``last_at`` are POSIX seconds.
    """

    ledger: str
    count: int = 0
    first_at: float = 0.0
    last_at: float = 0.0
    revisions: set[str] = field(default_factory=set)
    unplanned: Counter[str] = field(default_factory=Counter)

    def seen(self, cycle: "RecordedCycle") -> None:
        """Count a cycle."""
        self.first_at = cycle.at if not self.count else min(self.first_at, cycle.at)
        self.last_at = max(self.last_at, cycle.at)
        self.count += 1
        self.revisions.add(cycle.revision)


@dataclass(frozen=True, slots=True)
class Found:
    """A difference, in which cycle it is, and the kind of work by its name."""

    cycle: int
    at: float
    revision: str
    version: str | None
    name: str
    difference: Difference


@dataclass(slots=True)
class Replay:
    """How many ``decisions`` were recorded, and how many of these are ``identical`` when they are made again.

    ``versions`` counts the cycles that another version of this package planned (``None``: which one is not
    recorded), ``of_versions`` the differences in them.  ``differences`` counts all, and ``missing`` is as in
    ``Comparison``.
    """

    cycles: Cycles
    version: str | None
    decisions: int = 0
    identical: int = 0
    missing: int = 0
    differences: int = 0
    shown: list[Found] = field(default_factory=list)
    versions: Counter[str | None] = field(default_factory=Counter)
    of_versions: int = 0

    @property
    def is_identical(self) -> bool:
        """Whether every cycle was planned again, and nothing differs."""
        return not self.differences and not self.cycles.unplanned


def planned_cycles(
    ledger: "Ledger", cycles: Cycles, since: float, until: float
) -> "Iterator[tuple[RecordedCycle, Snapshot, Plan]]":
    """Every recorded cycle that can be planned again, with its snapshot and the plan."""
    books: dict[str, PolicyBook | str] = {}
    for cycle in ledger.recorded_cycles(since=since, until=until):
        cycles.seen(cycle)
        if cycle.revision not in books:
            books[cycle.revision] = _book(ledger, cycle.revision)
        book = books[cycle.revision]
        if isinstance(book, str):
            cycles.unplanned[book] += 1
        elif cycle.snapshot is None:
            cycles.unplanned[f"The snapshot is not whole: {cycle.damage}."] += 1
        else:
            try:
                plan = planned_again(cycle.snapshot, book, cycle.planned.left_out)
            except Exception as error:  # noqa: BLE001  it is a finding, and ends the planning of no other cycle
                cycles.unplanned[f"Planning fails now: {type(error).__name__}: {one_line(error)}."] += 1
                continue
            yield cycle, cycle.snapshot, plan


def replayed(ledger: "Ledger", since: float, until: float) -> Replay:
    """Plan the cycles from ``since`` to ``until`` again, and compare.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    from adaptive_assets.ledger.package_version import package_version
    from adaptive_assets.ledger.recorded_cycles import tell

    found = Replay(Cycles(ledger.safe_url), package_version())
    names: dict[str, str] = {}
    for cycle, _, plan in planned_cycles(ledger, found.cycles, since, until):
        in_force = partial(ledger.told_before, cycle.id)
        result = compared(plan, cycle.decisions, cycle.planned.digest, tell=tell, in_force=in_force)
        if result.differences and not names:
            names = {key: work.name for key, work in ledger.works().items()}
        _add(found, cycle, result, names.get)
    return found


def _add(
    found: Replay, cycle: "RecordedCycle", result: Comparison, name_of: Callable[[str, str], str]
) -> None:
    found.decisions += len(cycle.decisions)
    found.identical += result.identical
    found.missing += result.missing
    found.differences += len(result.differences)
    version = cycle.planned.version
    if version != found.version:
        found.versions[version] += 1
        found.of_versions += len(result.differences)
    for difference in result.differences[: SHOWN - len(found.shown)]:
        decision = difference.recorded or difference.decided
        name = name_of(decision.work_key, decision.work_key) if decision else ""
        found.shown.append(Found(cycle.id, cycle.at, cycle.revision, version, name, difference))


def _book(ledger: "Ledger", revision: str) -> "PolicyBook | str":
    """The policy book of a revision, or why there is none."""
    from adaptive_assets.policy import PolicyBook

    content = ledger.policy_book(revision)
    if content is None:
        return (
            f"The policy book of revision {revision} is not in the ledger. It is recorded when it comes into"
            " force, so the ledger was replaced or is not whole: take a backup, or other cycles with --since"
            " and --until."
        )
    try:
        return PolicyBook.model_validate_json(content)
    except ValueError:
        return (
            f"The policy book of revision {revision} was recorded by a version of adaptive_assets that knows"
            " other keys than this one: replay its cycles with that version."
        )
