"""A recorded cycle that is planned again: what of it is the same, and what is not."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final, TypeVar

from adaptive_assets.planning.decisions import AnyDecision, Plan, Verdict
from adaptive_assets.planning.isolation import without
from adaptive_assets.planning.plan import plan
from adaptive_assets.planning.plan_digest import plan_digest
from adaptive_assets.planning.snapshot import Snapshot
from adaptive_assets.planning.told_decision import ToldDecision
from adaptive_assets.planning.transitions import decision_key, transitions
from adaptive_assets.policy import PolicyBook

T = TypeVar("T")

WHOLE: Final = "plan"
"""Named where the plan as a whole is another one, though no decision that the ledger has differs."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What was recorded and what is decided now, and the first ``field`` in which they differ.

    One of the two is ``None`` where only the other side has a decision; both are where it is not known which
    decision of the plan it is.
    """

    field: str
    recorded: ToldDecision | None = None
    decided: ToldDecision | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Of the decisions that a cycle recorded, how many are ``identical``, and the ``differences``.

    ``missing`` are decisions that were in force in that cycle and are not in the ledger: forgotten by
    retention, or lost while it could not be written.
    """

    identical: int
    differences: tuple[Difference, ...] = ()
    missing: int = 0


def planned_again(snapshot: Snapshot, book: PolicyBook, left_out: Collection[str] = ()) -> Plan:
    """The plan of a recorded snapshot, without what its own cycle could not plan for."""
    return plan(without(snapshot, left_out), book)


def compared(
    plan: Plan,
    recorded: Sequence[ToldDecision],
    digest: str | None,
    *,
    tell: Callable[[AnyDecision], Iterable[ToldDecision]],
    in_force: Callable[[Collection[str]], Iterable[ToldDecision]],
) -> Comparison:
    """Hold ``plan``, made again from the snapshot of a cycle, against what the cycle ``recorded``.

    A cycle records the decisions that have changed, so each of these is compared in all fields.  The others
    that ``plan`` has were in force before: they must be what the ledger told last, which ``in_force`` gives
    by the keys of transitions.  ``digest`` is that of the plan that the cycle made, ``None`` if it was not
    recorded: where it is the same, all decisions are, and what the ledger says otherwise is missing in it.
    ``tell`` gives a decision as a ledger would have it.
    """
    tellable, stances = transitions({}, plan)
    decided = _grouped(tellable, decision_key)
    here = _grouped(recorded, _key)
    if not here and digest is None:
        return Comparison(0, missing=len(decided))  # all that it recorded is forgotten

    def now(key: str) -> list[ToldDecision]:
        return [told for decision in decided.get(key, ()) for told in tell(decision)]

    differences = [each for key, was in here.items() for each in _pairs(was, now(key), ToldDecision.apart)]
    same, missing = digest == plan_digest(plan), 0
    others = [key for key in decided if key not in here]
    before = _grouped(in_force(others), _key)
    for key in others:
        was = before.get(key, [])
        if tuple([each.stance for each in was]) == stances[key]:
            continue
        if same or (not was and decided[key][0].verdict is Verdict.DEFER):
            missing += 1
        else:
            differences += _pairs(was, now(key), ToldDecision.opposed)
    if digest is not None and not same and not differences:
        differences.append(Difference(WHOLE))
    found = {id(each.recorded) for each in differences}
    return Comparison(sum(id(each) not in found for each in recorded), tuple(differences), missing)


def _key(told: ToldDecision) -> str:
    return told.key


def _grouped(values: Iterable[T], key: Callable[[T], str]) -> dict[str, list[T]]:
    found: defaultdict[str, list[T]] = defaultdict(list)
    for value in values:
        found[key(value)].append(value)
    return dict(found)


def _pairs(
    recorded: Sequence[ToldDecision],
    decided: Sequence[ToldDecision],
    apart: Callable[[ToldDecision, ToldDecision], str | None],
) -> Iterator[Difference]:
    """One by one: where a kind of work waits for several things, each of them has a decision, in order."""
    for was, now in zip_longest(recorded, decided):
        field = "verdict" if was is None or now is None else apart(was, now)
        if field:
            yield Difference(field, was, now)
