"""What another policy book would have decided in the cycles that were recorded."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from adaptive_assets.cli.errors import one_line
from adaptive_assets.cli.installation import dagster_home
from adaptive_assets.cli.policy_files import policy_file
from adaptive_assets.cli.replay_cycles import SHOWN, Cycles, planned_cycles
from adaptive_assets.cli.simulate_inputs import BadInputError
from adaptive_assets.planning.decisions import AnyDecision, Plan
from adaptive_assets.planning.estimates import Estimate
from adaptive_assets.planning.isolation import without
from adaptive_assets.planning.replay import planned_again
from adaptive_assets.planning.snapshot import ActiveRun, QueuedRun, Snapshot, Work
from adaptive_assets.planning.work_key import work_key

if TYPE_CHECKING:
    from adaptive_assets.assets.policy_assignment import PolicyAssignment
    from adaptive_assets.ledger import Ledger
    from adaptive_assets.policy import PolicyBook

Brief = tuple[str, str, str]
"""Verdict, mode and the code of the first reason."""


@dataclass(frozen=True, slots=True)
class OtherwiseRun:
    """A run, and the first cycle in which it is decided otherwise; a verdict is empty where there is none."""

    run_id: str
    name: str
    at: float
    was: Brief
    would_be: Brief


@dataclass(slots=True)
class Otherwise:
    """The runs that the book of ``revision`` decides otherwise in some cycle, of all ``runs``.

    ``changes`` counts them by the verdicts in the first such cycle.  ``differing`` counts the cycles.
    """

    cycles: Cycles
    revision: str
    runs: set[str] = field(default_factory=set)
    otherwise: set[str] = field(default_factory=set)
    differing: int = 0
    changes: Counter[tuple[str, str]] = field(default_factory=Counter)
    shown: list[OtherwiseRun] = field(default_factory=list)


def loaded(file: Path, home: Path | None) -> "PolicyBook":
    """The policy book in ``file``; raises :class:`BadInputError` with all that is wrong with it.

    For a relative path see :func:`policy_file`.
    """
    from adaptive_assets.policy import PolicyError, load_policy_book

    try:
        return load_policy_book(policy_file(file, home), dagster_home(home))
    except PolicyError as error:
        raise BadInputError(error.problems) from None


def decided_otherwise(ledger: "Ledger", book: "PolicyBook", since: float, until: float) -> Otherwise:
    """Plan the cycles from ``since`` to ``until`` under ``book`` as well as under their own, and compare.

    Each cycle is taken as it was: what ``book`` would have done in the cycles before it is not played on.

    Raises:
        LedgerError: the ledger cannot be read.
        BadInputError: the selections of ``book`` do not fit the assets.
    """
    assignment = _assignment(ledger, book)
    found = Otherwise(Cycles(ledger.safe_url), book.revision)
    for cycle, snapshot, plan in planned_cycles(ledger, found.cycles, since, until):
        planned = without(snapshot, cycle.planned.left_out)
        try:
            other = planned_again(_under(planned, assignment), book)
        except Exception as error:  # noqa: BLE001  it is a finding, and ends the planning of no other cycle
            found.cycles.unplanned[f"Under this book planning fails: {one_line(error)}."] += 1
            continue
        _compare(found, cycle.at, _by_run(plan), _by_run(other))
    return found


def _compare(
    found: Otherwise, at: float, was: Mapping[str, AnyDecision], other: Mapping[str, AnyDecision]
) -> None:
    found.runs |= was.keys()
    moved = [run_id for run_id in was if _brief(was[run_id]) != _brief(other.get(run_id))]
    found.differing += bool(moved)
    for run_id in moved:
        if run_id in found.otherwise:
            continue
        found.otherwise.add(run_id)
        before, after = _brief(was[run_id]), _brief(other.get(run_id))
        found.changes[before[0], after[0]] += 1
        if len(found.shown) < SHOWN:
            found.shown.append(OtherwiseRun(run_id, was[run_id].work.name, at, before, after))


def _by_run(plan: Plan) -> Mapping[str, AnyDecision]:
    everything: tuple[AnyDecision, ...] = (*plan.decisions, *plan.running)
    return {run.run_id: decision for decision in everything for run in decision.runs}


def _brief(decision: AnyDecision | None) -> Brief:
    if decision is None:
        return "", "", ""
    return decision.verdict.value, decision.mode, decision.reason.code.value


def _assignment(ledger: "Ledger", book: "PolicyBook") -> "PolicyAssignment":
    from adaptive_assets.assets.catalogues import merged
    from adaptive_assets.assets.policy_assignment import PolicyAssignment
    from adaptive_assets.policy import Catalogue

    bodies = ledger.catalogues()
    catalogue = merged({name: Catalogue.from_json(body) for name, body in bodies.items()})
    assignment = PolicyAssignment(book, catalogue)
    if assignment.problems:
        raise BadInputError(assignment.problems)
    return assignment


def _under(snapshot: Snapshot, assignment: "PolicyAssignment") -> Snapshot:
    """``snapshot`` with each run under the policy that the book gives it."""
    works: dict[Work, Work] = {}

    def moved(run: QueuedRun | ActiveRun) -> Work:
        if run.work not in works:
            works[run.work] = _assigned(run.work, assignment)
        return works[run.work]

    queued = tuple([replace(run, work=moved(run)) for run in snapshot.queued])
    active = tuple([replace(run, work=moved(run)) for run in snapshot.active])
    estimates = _moved_estimates(snapshot, works)
    return replace(snapshot, queued=queued, active=active, estimates=estimates)


def _assigned(work: Work, assignment: "PolicyAssignment") -> Work:
    """``work`` under the policy that selects its assets or names its job.

    What a run's tags asked for is not recorded: one whose policy is chosen by tags, in the book too, stays
    under it, and so does work of no assets that no policy names.
    """
    from adaptive_assets.assets.policy_assignment import RunFacts

    book = assignment.book
    mine = next((policy for policy in book.policies if policy.name == work.policy), None)
    named = any(work.name in policy.jobs for policy in book.policies)
    if (mine and mine.run_tags) or not (work.assets or named):
        return work
    now = assignment.work_of(RunFacts(work.name, work.location, work.assets, {}))
    return replace(work, policy=now.policy, gated_by=now.gated_by, degradable=now.degradable)


def _moved_estimates(snapshot: Snapshot, works: Mapping[Work, Work]) -> Mapping[str, Estimate]:
    """What was learned of work, also under the key that it has under another policy."""
    keys = {work_key(old): work_key(new) for old, new in works.items() if old != new}
    parted = ((key.partition("/"), estimate) for key, estimate in snapshot.estimates.items())
    moved = {f"{keys[key]}/{mode}": estimate for (key, _, mode), estimate in parted if key in keys}
    return {**moved, **snapshot.estimates}
