"""A miss is a run that was due and has not ended in time, whoever planned it and whatever came of others."""

from dataclasses import replace

import pytest

from adaptive_assets.planning.plan import plan
from adaptive_assets.policy import Objective, Policy, PolicyBook
from adaptive_assets.simulation.baselines.stock import Edf, Stock
from adaptive_assets.simulation.engine.due import soonest_ends
from adaptive_assets.simulation.engine.settings import Knowledge, Planner
from adaptive_assets.simulation.evaluation.measures import measure
from adaptive_assets.simulation.traces.trace import Workload
from tests.simulation.worlds import BARE, GIB, Scripted, by_id, play, traced

PLAYERS = [
    pytest.param(plan, Knowledge.LEARNED, id="ours"),
    pytest.param(plan, Knowledge.PERFECT, id="oracle"),
    pytest.param(Stock(4), Knowledge.DECLARED, id="stock"),
    pytest.param(Edf(4), Knowledge.DECLARED, id="edf"),
]
FAR = 90 * 86_400.0
"""Beyond the time after which a simulation in which nothing moves is given up."""


@pytest.mark.parametrize(("planner", "knowledge"), PLAYERS)
def test_who_finishes_nothing_has_missed_all_that_is_due(planner: Planner, knowledge: Knowledge) -> None:
    """No run fits on the machine: one that knows it lets them wait, another launches them in vain."""
    outcome = play(
        traced("big", memory=99 * GIB, deadline_s=60),
        traced("patient", memory=99 * GIB, deadline_s=FAR),
        traced("child", depends_on=("big",), deadline_s=60),
        traced("grandchild", depends_on=("child",), deadline_s=FAR),
        cores=4,
        memory=8 * GIB,
        planner=planner,
        knowledge=knowledge,
    )
    measures = measure(outcome)
    assert (measures.all.finished, measures.all.with_deadline, measures.all.missed) == (0, 4, 4)


@pytest.mark.parametrize(("deadline_s", "missed"), [(9.0, True), (10.0, True), (11.0, False)])
def test_what_waits_for_a_parent_is_due_all_the_same(deadline_s: float, missed: bool) -> None:
    """No sooner than it could have been released: here at 40, and the end is at 50."""
    outcome = play(
        traced("parent", 40),
        traced("child", 10, at=20, depends_on=("parent",), deadline_s=deadline_s),
        cores=4,
        planner=Scripted(hold={"parent": 500.0}),
        settings=replace(BARE, horizon_s=50.0),
    )
    child = by_id(outcome)["child"]
    assert (child.released_s, child.deadline_s, child.missed) == (None, 40 + deadline_s, missed)


def test_what_a_policy_promises_of_runs_that_never_came_is_counted() -> None:
    """As with those that have a deadline of their own."""
    book = PolicyBook(
        version=1, policies=(Policy(name="p", jobs=("child",), objective=Objective(deadline=5)),)
    )
    outcome = play(
        traced("big", memory=99 * GIB),
        traced("child", depends_on=("big",)),
        memory=8 * GIB,
        settings=replace(BARE, oom_retries=0),
        book=book,
    )
    measures = measure(outcome)
    assert (measures.all.with_deadline, measures.all.missed) == (1, 1)


def test_the_soonest_end_of_a_run_is_that_of_its_longest_chain() -> None:
    """In any order of submission, with time that passes between a parent's end and a submission."""
    runs = [
        traced("c", 10, depends_on=("a", "b")),
        traced("a", 100, depends_on=("b",)),
        traced("b", 100),
        traced("late", 5, at=500, depends_on=("c",)),
    ]
    assert soonest_ends(Workload.of("w", runs).runs) == {"a": 200, "b": 100, "c": 210, "late": 505}
