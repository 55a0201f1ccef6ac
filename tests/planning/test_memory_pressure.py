"""Who leaves before memory runs out: only where it does, no more than needed, and never the wrong ones."""

from dataclasses import replace

from hypothesis import given

from adaptive_assets.planning.decisions import Verdict
from adaptive_assets.planning.plan import plan
from adaptive_assets.planning.reasons import ReasonCode
from adaptive_assets.planning.snapshot import Action, ActiveRun, Snapshot
from adaptive_assets.planning.tuning import TUNING
from adaptive_assets.policy import PolicyBook
from tests.planning.compact import book_of
from tests.planning.forecast import BYTE, Forecast, expected
from tests.planning.strategies import UNHURRIED, books, snapshots

TIERS = [{"name": "high", "preempts": ["low"]}, {"name": "low", "preemption": "requeue"}]
BOOK = book_of(
    {
        "tiers": TIERS,
        "guards": {"cpu": "100%", "memory": "80%"},
        "policies": [{"name": "first", "tier": "high"}, {"name": "last", "tier": "low"}],
        "default": {"tier": "low"},
    }
)


def evicted(snapshot: Snapshot, book: PolicyBook) -> dict[str, ActiveRun]:
    """The active runs that are told to leave because memory runs out."""
    return {
        decision.runs[0].run_id: decision.runs[0]
        for decision in plan(snapshot, book).running
        if decision.reason.code is ReasonCode.MEMORY_RUNS_OUT
    }


@UNHURRIED
@given(books(), snapshots(busy=1))
def test_nobody_leaves_where_memory_suffices_and_no_more_than_needed(
    book: PolicyBook, snapshot: Snapshot
) -> None:
    """Too much is in use, or is to be on average, and would be with any of those that leave."""
    leave = evicted(snapshot, book)
    if not leave or snapshot.machine is None:
        return
    load = Forecast(snapshot, book)
    for admitted in plan(snapshot, book).admitted():
        load.take(admitted.runs[0], admitted.mode, admitted.node)
    machine = load.machines[""]
    capacity = snapshot.machine.memory_capacity
    in_use = max(snapshot.machine.memory_used, sum(run.memory_used or 0 for run in snapshot.active))
    edge = machine.most_memory + TUNING.memory_edge * (capacity - machine.most_memory)
    excess = max(machine.average() - capacity, in_use - edge)
    freed = sum(run.memory_used or 0 for run in leave.values())
    everybody = {run.run_id for run in snapshot.active if expected(run, run.mode, snapshot, book).evictable}
    assert leave.keys() <= everybody
    assert excess > -BYTE
    if freed >= excess:
        assert all(freed - (run.memory_used or 0) < excess + BYTE for run in leave.values())


@UNHURRIED
@given(books(), snapshots(busy=1))
def test_where_nothing_can_be_requeued_nothing_is(book: PolicyBook, snapshot: Snapshot) -> None:
    """As in Dagster today."""
    active = tuple(
        replace(run, actions=tuple(action for action in run.actions if action is not Action.REQUEUE))
        for run in snapshot.active
    )
    mild = replace(snapshot, actions=(), active=active)
    assert not evicted(mild, book)
    assert all(decision.verdict is not Verdict.REQUEUE for decision in plan(mild, book).running)
