"""What was decided of each run when a cycle first saw it, from the recorded cycles."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from adaptive_assets.ledger.recorded_cycles import RecordedCycle
from adaptive_assets.planning.decisions import Verdict
from adaptive_assets.planning.reason_codes import ReasonCode
from adaptive_assets.planning.snapshot import Work
from adaptive_assets.planning.told_decision import ToldDecision
from adaptive_assets.planning.work_key import work_key

STOCKS_OWN: Final = frozenset({ReasonCode.POOL, ReasonCode.TAG_LIMIT, ReasonCode.LOCATION_PAUSED})
"""Reasons for which stock Dagster holds a run, too."""

UNPLANNED: Final = "unplanned"
"""In place of a reason: the run could not be planned for, or its decision is not in the ledger."""


@dataclass(slots=True)
class Decided:
    """The runs that cycles saw queued, by what was decided when the first of them did.

    ``held`` are by the code of their first reason; ``degraded`` (by mode) and ``failed`` are those of which
    that was decided at any time.  ``priorities`` are those that are not 0, by run id.
    """

    seen: set[str] = field(default_factory=set)
    launched: int = 0
    held: Counter[str] = field(default_factory=Counter)
    degraded: Counter[str] = field(default_factory=Counter)
    failed: int = 0
    priorities: dict[str, int] = field(default_factory=dict)
    damaged: int = 0
    """Cycles that cannot be read."""


def decided(cycles: Iterable[RecordedCycle], since: float, until: float) -> Decided:
    """Of the runs that were submitted from ``since`` to ``until``.

    ``cycles`` are all from the time on at which the coordinator began to observe, in their order: a deferral
    is recorded when it changes, and holds for the runs of its kind that come later.  A cycle in which a run
    comes or goes is recorded in any case.
    """
    found = Decided()
    deferrals: dict[str, Sequence[ToldDecision]] = {}
    told: set[str] = set()
    for cycle in cycles:
        deferrals |= _deferrals(cycle.decisions)
        own = {each.run_id: each for each in cycle.decisions if each.run_id is not None}
        if cycle.snapshot is None:
            found.damaged += 1
            continue
        for run in cycle.snapshot.queued:
            if not since <= run.submitted_at <= until:
                continue
            if (decision := own.get(run.run_id)) and run.run_id not in told:
                told.add(run.run_id)
                found.failed += decision.verdict == Verdict.FAIL
                if decision.verdict == Verdict.DEGRADE:
                    found.degraded[decision.mode] += 1
            if run.run_id in found.seen:
                continue
            found.seen.add(run.run_id)
            if run.priority:
                found.priorities[run.run_id] = run.priority
            if decision is None:
                found.held[_code(run.run_id, deferrals, run.work)] += 1
            else:
                found.launched += decision.verdict == Verdict.LAUNCH
    return found


def _deferrals(decisions: Sequence[ToldDecision]) -> Mapping[str, Sequence[ToldDecision]]:
    """By kind of work, all that it was told to wait for; what was told before does not hold any more."""
    found: defaultdict[str, list[ToldDecision]] = defaultdict(list)
    for each in decisions:
        if each.verdict == Verdict.DEFER:
            found[each.work_key].append(each)
    return found


def _code(run_id: str, deferrals: Mapping[str, Sequence[ToldDecision]], work: Work) -> str:
    """Why a run of that kind waits: by the deferral that names it, else by the first of its kind."""
    of_kind = deferrals.get(work_key(work), ())
    named = next((each for each in of_kind if run_id in each.run_ids), None)
    deferral = named or next(iter(of_kind), None)
    return str(deferral.reasons[0]["code"]) if deferral and deferral.reasons else UNPLANNED
