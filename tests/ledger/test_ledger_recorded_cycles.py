"""Recorded cycles are read in order, a chain at a time, with what is needed to plan them again."""

import math
from dataclasses import replace

import pytest
from sqlalchemy import create_engine, delete, text

from adaptive_assets.ledger import Ledger, migrating, tables
from adaptive_assets.ledger.entries import Planned
from adaptive_assets.ledger.recorded_cycles import tell
from adaptive_assets.planning.decisions import AnyDecision
from adaptive_assets.planning.snapshot import Snapshot
from tests.ledger.conftest import OpenLedger
from tests.ledger.examples import FORECAST, REPORT, deferral, degrade, launch, queued, snapshot_of
from tests.ledger.test_ledger_snapshots import BALLAST

BASE = replace(snapshot_of(queued("a"), queued("b", REPORT), queued("c")), active=BALLAST)
A, B, C = BASE.queued
PLANNED = Planned("0.1.0", "digest", ("kind:k", "run:r"))


def record(ledger: Ledger, at: float, *decisions: AnyDecision, planned: Planned = PLANNED) -> Snapshot:
    """A cycle of the node `a` with these decisions; its snapshot."""
    snapshot = replace(BASE, at=at)
    ledger.record_cycle(
        at=at, node="a", revision="rev", snapshot=snapshot, decisions=decisions, planned=planned
    )
    return snapshot


def test_what_was_recorded_is_read(url: str, open_ledger: OpenLedger) -> None:
    """Of two processes after each other: snapshots, decisions, and how they were planned."""
    first, second = open_ledger(url), open_ledger(url)
    told: list[tuple[AnyDecision, ...]] = [
        (launch(A), deferral(REPORT, B)),
        (degrade(C),),
        (deferral(REPORT, B, sentence="other"),),
    ]
    snapshots = [
        record(first, 1.0, *told[0]),
        record(first, 2.0, *told[1], planned=Planned()),
        record(second, 3.0, *told[2]),
    ]
    cycles = list(second.recorded_cycles())
    assert [cycle.snapshot for cycle in cycles] == snapshots
    assert [cycle.planned for cycle in cycles] == [PLANNED, Planned(), PLANNED]
    assert [cycle.at for cycle in cycles] == [1.0, 2.0, 3.0]
    assert {(cycle.node, cycle.revision, cycle.damage) for cycle in cycles} == {("a", "rev", "")}
    expected = [[each for decision in decisions for each in tell(decision)] for decisions in told]
    assert [list(cycle.decisions) for cycle in cycles] == expected


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [(2.0, 3.0, [2.0, 3.0]), (2.5, math.inf, [3.0, 4.0]), (-math.inf, 1.5, [1.0]), (8.0, 9.0, [])],
)
def test_a_part_of_a_chain(ledger: Ledger, since: float, until: float, expected: list[float]) -> None:
    """Its snapshots are those that were recorded, though reading them begins before."""
    snapshots = {at: record(ledger, at, launch(A)) for at in (1.0, 2.0, 3.0, 4.0)}
    cycles = list(ledger.recorded_cycles(since=since, until=until))
    assert [(cycle.at, cycle.snapshot) for cycle in cycles] == [(at, snapshots[at]) for at in expected]


def test_what_was_told_last_before_a_cycle(ledger: Ledger) -> None:
    """Of each key the last, of a kind that waits for several things all of the last cycle that told any."""
    record(ledger, 1.0, launch(A), deferral(FORECAST, C))
    record(ledger, 2.0, degrade(A), deferral(REPORT, B), deferral(REPORT, A))
    record(ledger, 3.0, deferral(FORECAST, C, sentence="later"))
    first, second, third = (cycle.id for cycle in ledger.recorded_cycles())
    keys = [told.key for told in (*tell(launch(A)), *tell(deferral(FORECAST, C)), *tell(deferral(REPORT, B)))]
    assert ledger.told_before(first, keys) == []
    assert ledger.told_before(second, keys) == [*tell(launch(A)), *tell(deferral(FORECAST, C))]
    assert {told.key for told in ledger.told_before(third, keys)} == set(keys)
    assert [told.run_ids for told in ledger.told_before(third, keys[2:])] == [["b"], ["a"]]
    assert ledger.told_before(third, keys[:1]) == tell(degrade(A))


def test_a_snapshot_that_lost_what_it_builds_upon_is_not_read_as_another(ledger: Ledger) -> None:
    """A delta alone looks like a small snapshot: it is told as not whole, and so are those after it."""
    for at in (1.0, 2.0, 3.0):
        record(ledger, at, launch(A))
    first, second, _ = (cycle.id for cycle in ledger.recorded_cycles())
    table = tables.cycles
    ledger._database.write(
        "lose", lambda c: c.execute(table.update().where(table.c.id > second).values(checkpoint_id=second))
    )
    ledger._database.write(
        "lose", lambda c: c.execute(table.update().where(table.c.id == second).values(checkpoint_id=None))
    )
    ledger._database.write("lose", lambda c: c.execute(delete(table).where(table.c.id == first)))
    cycles = list(ledger.recorded_cycles())
    assert [(cycle.snapshot, cycle.damage) for cycle in cycles] == [
        (None, "what it builds upon was lost"),
        (None, "what it builds upon was lost"),
    ]


def test_cycles_of_the_version_before_are_read(url: str, open_ledger: OpenLedger) -> None:
    """Which recorded neither its version nor the digest of the plan."""
    ledger = open_ledger(url)
    record(ledger, 1.0, launch(A))
    (cycle,) = ledger.recorded_cycles()
    ledger.dispose()
    schema = None if url.startswith("sqlite") else "adaptive_assets"
    engine = create_engine(url)
    with engine.begin() as connection:
        if schema is not None:
            connection.execute(text(f"SET LOCAL search_path TO {schema}"))
        for column in ("planner_version", "digest", "left_out"):
            connection.execute(text(f"ALTER TABLE cycles DROP COLUMN {column}"))
        connection.execute(text("ALTER TABLE usages DROP COLUMN declared"))
        connection.execute(text("DROP TABLE run_requests"))
        connection.execute(text(f"UPDATE {migrating.VERSION_TABLE} SET version_num = '0003'"))
    engine.dispose()
    assert list(open_ledger(url).recorded_cycles()) == [replace(cycle, planned=Planned())]


def test_the_content_of_a_revision(ledger: Ledger) -> None:
    """Whichever came into force since."""
    ledger.record_revision(at=1.0, revision="one", source="p", content={"version": 1})
    ledger.record_revision(at=2.0, revision="two", source="p", content={"version": 2})
    assert ledger.policy_book("one") == '{"version":1}'
    assert ledger.policy_book("three") is None
