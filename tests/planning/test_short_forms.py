"""Reasons in a few words, as Dagster's list of runs shows them."""

from collections.abc import Iterator
from itertools import chain

import pytest

from adaptive_assets.planning.decisions import AnyDecision
from adaptive_assets.planning.plan import plan
from adaptive_assets.planning.reasons import Reason, ReasonCode
from adaptive_assets.planning.short_forms import LONGEST, still_holds, tells_start, with_start
from adaptive_assets.policy import PolicyBook
from tests.planning.test_cases import CASES
from tests.planning.toy import GIB, Toy

MEMORY = "memory 6.2 GiB"
MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0


def reasons() -> Iterator[Reason]:
    """Of all decisions of all cases: there is a case for each code."""
    for case in CASES.values():
        decided = plan(case.terms.snapshot.snapshot(), case.book)
        for decision in chain[AnyDecision](decided.decisions, decided.running):
            for reason in decision.reasons:
                yield reason
                if reason.because:
                    yield reason.because


def test_every_code_has_a_short_form() -> None:
    """Of the numbers that the planner gives it, on one line and short enough for the list."""
    told = {reason.code: reason.short for reason in reasons()}
    assert told.keys() == set(ReasonCode)
    for code, short in told.items():
        assert 4 < len(short) <= LONGEST, (code, short)
        assert short.isprintable(), (code, short)


@pytest.mark.parametrize(
    ("reason", "short"),
    [
        (Reason(ReasonCode.MEMORY, {"needs": 6.2 * GIB}), MEMORY),
        (Reason(ReasonCode.CPU, {"needs": 1.5}), "cpu 1.5"),
        (Reason(ReasonCode.BEHIND, {"behind": "delay_model"}), "behind delay_model"),
        (Reason(ReasonCode.BEHIND, {"behind": "flights/airport_punctuality"}), "behind flights/airport_pu…"),
        (Reason(ReasonCode.POOL, {"pool": "db\n", "taken": 3, "limit": 4}), "pool db\\n 3/4"),
        (
            Reason(ReasonCode.POOL, {"pool": "warehouse_connections", "taken": 3, "limit": 4}),
            "pool warehouse_connec… 3/4",
        ),
        (Reason(ReasonCode.CHECK_FAILED, {"asset": "raw"}, names=("rows", "keys")), "check failed: rows"),
        (Reason(ReasonCode.CHECK_FAILED, {"asset": "raw"}), "check failed: raw"),
        (Reason(ReasonCode.OUTSIDE_WINDOW, {"window": "22:00-06:00"}), "hours 22:00-06:00"),
        (Reason(ReasonCode.TAG_LIMIT, sentence="a planner's own words"), "tag limit"),
    ],
)
def test_the_number_that_matters_is_there_and_names_are_cut(reason: Reason, short: str) -> None:
    """What follows a name stays, and no character of a name acts on a terminal."""
    assert reason.short == short


@pytest.mark.parametrize(
    ("starts_in_s", "told"),
    [
        (None, MEMORY),
        (0.0, f"{MEMORY} · <1 min"),
        (42.0, f"{MEMORY} · <1 min"),
        (43.0, f"{MEMORY} · ~1 min"),
        (250.0, f"{MEMORY} · ~4 min"),
        (20 * MINUTE, f"{MEMORY} · ~15 min"),
        (50 * MINUTE, f"{MEMORY} · ~1 h"),
        (3 * HOUR, f"{MEMORY} · ~4 h"),
        (30 * HOUR, f"{MEMORY} · ~1 d"),
        (90 * DAY, f"{MEMORY} · ~8 d"),
    ],
)
def test_an_expected_start_is_told_by_its_order_of_magnitude(starts_in_s: float | None, told: str) -> None:
    """Each is about twice the one before."""
    assert with_start(MEMORY, starts_in_s) == told
    assert tells_start(told) is (starts_in_s is not None)
    assert still_holds(told, MEMORY, starts_in_s)


def test_a_start_is_told_a_dozen_times_in_a_day() -> None:
    """However often it is looked at, and although every look expects it some per cent sooner or later."""
    told, writes = "", 0
    for second in range(0, int(DAY), 5):
        expected = (DAY - second) * (1.1 if second % 2 else 0.9)
        if not still_holds(told, MEMORY, expected):
            told, writes = with_start(MEMORY, expected), writes + 1
    assert told.endswith("<1 min")
    assert writes <= 13


def test_a_start_that_is_not_expected_any_more_does_not_hold() -> None:
    """Nor does another reason, nor a start that is expected for the first time."""
    assert not still_holds(f"{MEMORY} · ~4 min", MEMORY, None)
    assert not still_holds(f"{MEMORY} · ~4 min", "cpu 1", 240.0)
    assert not still_holds(MEMORY, MEMORY, 240.0)


def test_the_plan_tells_the_start_of_the_runs_for_which_one_is_reserved() -> None:
    """The first of the line waits for the end of what runs; nothing is told of the others."""
    estimate = {"cpu": 0, "memory": "6GiB", "duration": "10m"}
    policies = [{"name": "large", "select": "*", "estimate": estimate}]
    book = PolicyBook.model_validate({"version": 1, "guards": {"memory": "100%"}, "policies": policies})
    toy = Toy(book, {"": (4.0, 8 * GIB)})
    for ago, name in enumerate(("later", "next", "active")):
        toy.submit("large", name, ago=ago)
    assert toy.cycle().starts.keys() == {"next"}
    toy.run(300.0)
    starts = toy.cycle().starts
    assert starts.keys() == {"next"}
    assert 200.0 < starts["next"] < 330.0
