"""A plan that is made again, held against what was recorded of it."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from adaptive_assets.ledger.recorded_cycles import tell
from adaptive_assets.planning.decisions import Plan
from adaptive_assets.planning.isolation import plan_the_rest, without
from adaptive_assets.planning.plan import plan
from adaptive_assets.planning.plan_digest import plan_digest
from adaptive_assets.planning.replay import Comparison, compared, planned_again
from adaptive_assets.planning.snapshot import Snapshot
from adaptive_assets.planning.told_decision import ToldDecision
from adaptive_assets.planning.transitions import transitions
from adaptive_assets.policy import PolicyBook
from tests.planning.compact import book_of, snapshot_of
from tests.planning.strategies import UNHURRIED, books, snapshots

FULL: dict[str, Any] = {"machine": {"memory_used": "6.4GiB"}, "active": [{"run": "a1"}]}
TWO_KINDS: list[dict[str, Any]] = [{"run": "r1", "reads": ["a"]}, {"run": "r2", "reads": ["b"]}]


def planned(**snapshot: Any) -> Plan:
    """The plan of a snapshot that is written shortly."""
    return plan(snapshot_of(**snapshot), book_of(None))


def told(decided: Plan) -> list[ToldDecision]:
    """What a ledger has of a plan that nothing came before."""
    return [each for decision in transitions({}, decided)[0] for each in tell(decision)]


def against(
    decided: Plan,
    recorded: Sequence[ToldDecision],
    before: Iterable[ToldDecision] = (),
    digest: str | None = None,
) -> Comparison:
    """Compare ``decided`` with what a ledger holds."""

    def in_force(keys: Collection[str]) -> list[ToldDecision]:
        return [each for each in before if each.key in keys]

    return compared(decided, recorded, digest, tell=tell, in_force=in_force)


@UNHURRIED
@given(books(), snapshots())
def test_the_same_plan_is_identical(book: PolicyBook, snapshot: Snapshot) -> None:
    """Whether all of it was recorded in this cycle or before, with the digest of the plan and without."""
    decided = planned_again(snapshot, book)
    recorded = told(decided)
    whole = Comparison(len(recorded))
    assert against(decided, recorded, digest=plan_digest(decided)) == whole
    assert against(decided, recorded) == whole
    assert against(decided, (), recorded, plan_digest(decided)) == Comparison(0)
    here = [each for each in recorded if each.key == recorded[0].key] if recorded else []
    assert against(decided, here, recorded) == Comparison(len(here), missing=0 if here else len(recorded))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("verdict", "launch"),
        ("mode", "reduced"),
        ("tier", "critical"),
        ("reasons", [{"code": "cpu", "sentence": "needs more", "numbers": {"needs": 1}}]),
        ("parameters", {"sample": 0.5}),
        ("runs", 2),
        ("run_ids", ["r7"]),
    ],
)
def test_the_first_field_that_differs_is_named(field: str, value: object) -> None:
    """Both sides are told."""
    decided = planned(queued=TWO_KINDS, **FULL)
    first, second = told(decided)
    doctored = replace(first, **{field: value})  # type: ignore[arg-type]
    found = against(decided, [doctored, second], digest=plan_digest(decided))
    assert [(each.field, each.recorded, each.decided) for each in found.differences] == [
        (field, doctored, first)
    ]
    assert found.identical == 1


def test_a_sentence_in_other_words_is_no_difference() -> None:
    """The codes and the numbers behind it are what was decided."""
    decided = planned(queued=TWO_KINDS[:1], **FULL)
    (told_now,) = told(decided)
    reworded = replace(told_now, reasons=[{**each, "sentence": "waits"} for each in told_now.reasons])
    assert against(decided, [reworded], digest=plan_digest(decided)) == Comparison(1)


def test_what_one_side_alone_decides_is_a_difference() -> None:
    """The recorded deferral of one kind became a launch of its run."""
    before, now = planned(queued=TWO_KINDS[:1], **FULL), planned(queued=TWO_KINDS[:1])
    (was,), (decided,) = told(before), told(now)
    found = against(now, [was], digest=plan_digest(before))
    assert [(each.recorded, each.decided) for each in found.differences] == [(was, None), (None, decided)]
    assert found.identical == 0


def test_what_was_in_force_before_must_be_so_still() -> None:
    """Its numbers may have moved on; another reason is a difference, unless the plan is the same."""
    decided = planned(queued=TWO_KINDS, **FULL)
    first, second = told(decided)
    older = replace(second, reasons=[{**each, "numbers": {}} for each in second.reasons], runs=7)
    assert against(decided, [first], [older], "another").differences[0].recorded is None
    assert against(decided, [first], [older]) == Comparison(1)
    other = replace(second, reasons=[{"code": "cpu", "sentence": ""}])
    (difference,) = against(decided, [first], [other]).differences
    assert (difference.field, difference.recorded, difference.decided) == ("reasons", other, second)


def test_a_plan_that_is_another_as_a_whole_is_a_difference() -> None:
    """Though each decision that the ledger has is the same: the other run of a kind goes first, say."""
    decided = planned(queued=TWO_KINDS)
    (difference,) = against(decided, told(decided), digest="another").differences
    assert (difference.field, difference.recorded, difference.decided) == ("plan", None, None)


def test_what_the_ledger_lost_is_no_difference_where_the_plan_is_the_same() -> None:
    """It is missing, and counted."""
    decided = planned(queued=TWO_KINDS, **FULL)
    first, second = told(decided)
    digest = plan_digest(decided)
    assert against(decided, [first], (), digest) == Comparison(1, missing=1)
    assert against(decided, [first], [replace(second, mode="reduced")], digest) == Comparison(1, missing=1)
    assert against(decided, ()) == Comparison(0, missing=2)


def test_the_digest_tells_every_plan_from_every_other() -> None:
    """Another order, another run of the kind, another reason."""
    launched = planned(queued=TWO_KINDS)
    plans = [
        launched,
        replace(launched, decisions=launched.decisions[::-1]),
        replace(launched, promoted_at=1.0),
        planned(queued=TWO_KINDS[:1]),
        planned(queued=TWO_KINDS, **FULL),
        planned(queued=TWO_KINDS, **FULL, run_limit=1),
    ]
    assert len({plan_digest(each) for each in plans}) == len(plans)
    assert plan_digest(plans[0]) == plan_digest(planned(queued=TWO_KINDS))


class OddError(Exception):
    """What a kind of work causes."""


def test_what_could_not_be_planned_for_is_left_out_again() -> None:
    """By the keys alone, the plan is the same: of queued work the whole kind, of active runs the one."""
    runs = [*TWO_KINDS, {"run": "r3", "reads": ["a"]}]
    snapshot, book = snapshot_of(queued=runs, active=[{"run": "a1"}, {"run": "a2"}]), book_of(None)

    def odd(part: Snapshot) -> Plan:
        if any("a" in run.work.reads for run in part.queued) or any(
            run.run_id == "a2" for run in part.active
        ):
            raise OddError
        return plan(part, book)

    decided, left_out = plan_the_rest(snapshot, odd, OddError())
    keys = tuple(each.key for each in left_out)
    assert planned_again(snapshot, book, keys) == decided
    rest = without(snapshot, keys)
    assert [run.run_id for run in rest.queued] == ["r2"]
    assert [run.run_id for run in rest.active] == ["a1"]
