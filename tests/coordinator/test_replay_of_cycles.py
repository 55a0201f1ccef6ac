"""Cycles that a coordinator has recorded decide the same when they are planned again, whatever happened."""

import math
import random
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import update

from adaptive_assets.cli.replay_cycles import Replay, replayed
from adaptive_assets.cli.replay_policies import decided_otherwise
from adaptive_assets.ledger import Ledger, sqlite_ledger_url, tables
from adaptive_assets.planning.decisions import Plan
from adaptive_assets.planning.plan import plan
from adaptive_assets.planning.planner import Planner
from adaptive_assets.planning.snapshot import Snapshot
from adaptive_assets.policy import PolicyBook, load_policy_book
from tests.coordinator.conftest import MakeWorld
from tests.coordinator.world import World

BUSY = """\
version: 1
guards: {cpu: 100%, memory: 100%}
policies:
  - name: reports
    select: "group:reports"
    tier: batch
    gates: {checks: pass, wait_at_most: 10m, then: degrade}
    estimate: {cpu: 0, memory: 1MiB, duration: 20s}
    degrade: [{mode: brief, with: {rows: 10}, estimate: {cpu: 0, memory: 1MiB, duration: 1s}}]
default: {estimate: {cpu: 0, memory: 1MiB, duration: 5s}}
"""
OPEN = BUSY.replace("gates: {checks: pass, wait_at_most: 10m, then: degrade}", "gates: {fresh: warn}")
FULL = OPEN.replace("memory: 1MiB, duration: 20s", "memory: 900000GiB, duration: 20s")
ASSETS = ("report", "summary", "readings")


class OddError(Exception):
    """What a kind of work causes."""


def ledger_of(world: World) -> Ledger:
    """The ledger beside the storage of a world on SQLite."""
    return Ledger.open(sqlite_ledger_url(Path(world.instance.root_directory) / "storage" / "history"))


def everything(ledger: Ledger) -> Replay:
    """All cycles planned again."""
    return replayed(ledger, -math.inf, math.inf)


def play(world: World, cycles: int, seed: int) -> None:
    """So many passes: runs arrive and end, data comes and goes, the book changes, the daemon restarts."""
    lot = random.Random(seed)
    launched: list[str] = []
    for number in range(cycles):
        if lot.random() < 0.4:
            world.submit(*lot.sample(ASSETS, lot.choice((1, 1, 2))), tags=lot.choice(({}, {"owner": "x"})))
        if lot.random() < 0.1:
            world.materialize("readings", check=lot.random() < 0.6)
        if lot.random() < 0.05:
            world.policies.write_text(lot.choice((BUSY, OPEN, FULL)))
        if number % 15 == 14:
            world.coordinator._cycle = None  # as after a restart of the daemon
        launched += world.pass_()
        for run_id in launched[: lot.choice((0, 1, 2))]:
            launched.remove(run_id)
            run = world.run(run_id)
            end = (
                world.instance.report_run_failed if lot.random() < 0.1 else world.instance.report_run_canceled
            )
            end(run)


def test_the_cycles_of_a_deployment_are_identical(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Arrivals, exits, restarts, new books, and a kind of work for which planning fails in the middle."""
    world = make_world(BUSY)
    play(world, 20, seed=1)

    def odd(_: Planner, snapshot: Snapshot, book: PolicyBook) -> Plan:
        if any("summary" in run.work.assets for run in snapshot.queued):
            raise OddError("this work is odd")
        return plan(snapshot, book)

    with monkeypatch.context() as patch:
        patch.setattr(Planner, "__call__", odd)
        play(world, 10, seed=2)
    play(world, 20, seed=3)
    ledger = ledger_of(world)
    found = everything(ledger)
    assert found.shown == []
    assert found.is_identical
    assert found.decisions == found.identical >= 20
    assert len(found.cycles.revisions) > 1
    assert (found.missing, found.versions) == (0, {})
    assert any(cycle.planned.left_out for cycle in ledger.recorded_cycles())


def doctor(ledger: Ledger, **values: object) -> int:
    """Change the last decision on a run behind the ledger's back; the id of its cycle."""
    (row,) = [row for row in ledger.recent_decisions(1000) if row.run_id][:1]
    table = tables.decisions
    change = update(table).where(table.c.id == row.id).values(**values)
    ledger._database.write("doctor", lambda connection: connection.execute(change))
    return row.cycle_id


def test_a_row_that_was_changed_is_named(make_world: MakeWorld) -> None:
    """The cycle, the run, both decisions and the field."""
    world = make_world(BUSY)
    play(world, 6, seed=4)
    ledger = ledger_of(world)
    cycle = doctor(ledger, mode="brief")
    (found,) = everything(ledger).shown
    assert (found.cycle, found.difference.field) == (cycle, "mode")
    assert found.difference.recorded is not None
    assert found.difference.decided is not None
    assert (found.difference.recorded.mode, found.difference.decided.mode) == ("brief", "full")
    assert found.difference.recorded.run_id == found.difference.decided.run_id


def test_cycles_recorded_before_digests_are_compared_by_their_decisions(make_world: MakeWorld) -> None:
    """All of them are the same, and it is said that no more is known."""
    world = make_world(BUSY)
    play(world, 15, seed=5)
    ledger = ledger_of(world)
    earlier = update(tables.cycles).values(planner_version=None, digest=None)
    ledger._database.write("age", lambda connection: connection.execute(earlier))
    found = everything(ledger)
    assert found.shown == []
    assert found.decisions == found.identical >= 5
    assert found.versions == {None: found.cycles.count}
    doctor(ledger, verdict="fail")
    assert everything(ledger).differences >= 1


def test_a_part_of_the_time_gives_the_cycles_of_that_part(make_world: MakeWorld) -> None:
    """In the middle of a chain too, which is read from its checkpoint."""
    world = make_world(BUSY)
    play(world, 12, seed=6)
    ledger = ledger_of(world)
    cycles = list(ledger.recorded_cycles())
    middle = cycles[len(cycles) // 3 : 2 * len(cycles) // 3]
    assert list(ledger.recorded_cycles(since=middle[0].at, until=middle[-1].at)) == middle
    assert [cycle.snapshot for cycle in cycles] == [ledger.snapshot(cycle.id) for cycle in cycles]
    part = replayed(ledger, middle[0].at, middle[-1].at)
    assert (part.cycles.count, part.is_identical) == (len(middle), True)


def test_another_book_decides_otherwise(make_world: MakeWorld, tmp_path: Path) -> None:
    """A report that waited for its check goes where there is no gate, and is told once."""
    world = make_world(BUSY)
    world.materialize("readings", check=False)
    waits, goes = world.submit("report"), world.submit(job="plain")
    world.pass_()
    world.instance.report_run_canceled(world.run(goes))
    world.submit(job="plain")
    world.pass_()
    other = tmp_path / "other.yaml"
    other.write_text(OPEN)
    found = decided_otherwise(ledger_of(world), load_policy_book(other), -math.inf, math.inf)
    (told,) = found.shown
    assert (told.run_id, told.was[0], told.would_be[0]) == (waits, "defer", "launch")
    assert (found.otherwise, found.differing) == ({waits}, 2)
    other.write_text(BUSY)
    same = decided_otherwise(ledger_of(world), load_policy_book(other), -math.inf, math.inf)
    assert (same.otherwise, same.differing) == (set(), 0)
    assert world.run(waits).status is dg.DagsterRunStatus.QUEUED


def test_another_book_may_select_otherwise(make_world: MakeWorld, tmp_path: Path) -> None:
    """The run stands under the policy that selects it there, with what was learned of it."""
    world = make_world(BUSY)
    run_id = world.submit("summary")
    world.pass_()
    other = tmp_path / "other.yaml"
    other.write_text(
        'version: 1\npolicies: [{name: parked, select: "key:summary", estimate: {memory: 900000GiB}}]\n'
    )
    found = decided_otherwise(ledger_of(world), load_policy_book(other), -math.inf, math.inf)
    (told,) = found.shown
    assert (told.run_id, told.would_be) == (run_id, ("defer", "full", "never_fits"))
