"""An error in one part of a cycle: what goes on, what is told, and that nothing is lost."""

import ast
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from adaptive_assets.assets import tags
from adaptive_assets.assets.policy_assignment import facts_of
from adaptive_assets.coordinator.enactment import FAILURES_IN_A_ROW
from adaptive_assets.coordinator.parts import Parts
from adaptive_assets.dagster_compat.run_tags import rewrite_run_tags
from adaptive_assets.planning.decisions import Plan
from adaptive_assets.planning.plan import plan
from adaptive_assets.planning.snapshot import Snapshot
from adaptive_assets.policy import PolicyBook
from tests.coordinator.conftest import MakeWorld
from tests.coordinator.world import IDLE, World

COORDINATOR = Path(__file__).resolve().parents[2] / "adaptive_assets" / "coordinator"
GATED = (
    IDLE
    + """
policies:
  - {name: report, select: key:report, gates: {checks: pass}, estimate: {cpu: 0, memory: 1MiB, duration: 1s}}
"""
)


class InjectedError(Exception):
    """The fault of a test."""


def parts_of_the_cycle() -> list[str]:
    """The name of every part that is attempted in the coordinator: a new one is found by itself."""

    def names() -> Iterator[str]:
        for file in sorted(COORDINATOR.glob("*.py")):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                    first = node.args[0] if node.args else None
                    if node.func.attr in ("attempt", "attempt_once", "_act") and isinstance(
                        first, ast.Constant
                    ):
                        yield str(first.value)

    return sorted(set(names()))


@pytest.mark.parametrize("part", parts_of_the_cycle())
def test_an_error_in_a_part_of_the_cycle_is_its_own(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    """The innocent run is launched in the first pass, the fault is told, and once it is mended all go on."""
    world = make_world(GATED)
    failing = True
    attempt = Parts.attempt

    def breaking(self: Parts, name: str, action: Callable[[], Any], otherwise: Any, **where: str) -> Any:
        def broken() -> Any:
            raise InjectedError(f"a fault in {part}")

        of_report = not where.get("subject") or reports in where["subject"] or "readings" in where["subject"]
        hit = failing and name == part and of_report
        return attempt(self, name, broken if hit else action, otherwise, **where)

    world.materialize("readings", check=True)
    reports = world.submit("report")
    innocent = world.submit("summary")
    monkeypatch.setattr(Parts, "attempt", breaking)
    break_writes(monkeypatch, world, reports, part)
    launched = world.pass_()
    assert innocent in launched
    failing = False
    monkeypatch.setattr(Parts, "attempt", attempt)
    monkeypatch.undo()
    launched += world.pass_() + world.pass_()
    assert sorted(launched) == sorted([reports, innocent])


def break_writes(monkeypatch: pytest.MonkeyPatch, world: World, run_id: str, part: str) -> None:
    """For the parts that write to runs: every write to ``run_id`` fails."""
    if part not in ("admit", "hold", "fail"):
        return

    def failing(
        instance: dg.DagsterInstance, run: str, wanted: Mapping[str, str], gone: Collection[str]
    ) -> None:
        if run == run_id:
            raise InjectedError(f"a fault in {part}")
        rewrite_run_tags(instance, run, wanted, gone)

    monkeypatch.setattr("adaptive_assets.coordinator.enactment.rewrite_run_tags", failing)


def test_any_number_of_runs_that_cannot_be_written_to_stop_no_other(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They stand before the innocent run, one after another, and the storage itself is well."""
    world = make_world()
    odd = {world.submit("report") for _ in range(7)}
    innocent = world.submit("summary")

    def failing(
        instance: dg.DagsterInstance, run: str, wanted: Mapping[str, str], gone: Collection[str]
    ) -> None:
        if run in odd:
            raise InjectedError("no tags")
        rewrite_run_tags(instance, run, wanted, gone)

    monkeypatch.setattr("adaptive_assets.coordinator.enactment.rewrite_run_tags", failing)
    assert world.pass_() == [innocent]
    assert any("no tags" in error for error in world.daemon_errors())


def test_a_storage_that_takes_no_writes_ends_the_cycle(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To try each of thousands of runs would take the longer, the slower the storage fails."""
    world = make_world()
    for _ in range(7):
        world.submit("report")
    tried = []

    def failing(
        instance: dg.DagsterInstance, run: str, wanted: Mapping[str, str], gone: Collection[str]
    ) -> None:
        tried.append(run)
        raise InjectedError(f"no {wanted}")

    monkeypatch.setattr("adaptive_assets.coordinator.enactment.rewrite_run_tags", failing)
    monkeypatch.setattr(type(world.instance.daemon_cursor_storage), "set_cursor_values", broken_write)
    with pytest.raises(InjectedError):
        world.pass_()
    assert len(tried) == FAILURES_IN_A_ROW


def broken_write(*_: object) -> None:
    """A storage that takes nothing."""
    raise InjectedError("no writes")


def test_a_run_whose_work_cannot_be_told_waits_for_nobody_else(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is governed by `default`, and the fault names it."""
    world = make_world()
    odd, plain = world.submit("report"), world.submit("summary")

    def failing(run: dg.DagsterRun) -> Any:
        if run.run_id == odd:
            raise InjectedError("no facts")
        return facts_of(run)

    monkeypatch.setattr("adaptive_assets.coordinator.cycle.facts_of", failing)
    assert sorted(world.pass_()) == sorted([odd, plain])
    assert any(odd in error or "no facts" in error for error in world.daemon_errors())


def test_a_kind_of_work_that_breaks_planning_is_left_out(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All others are launched in the same pass, the fault names the work, and later it is planned again."""
    world = make_world()
    broken, plain = world.submit("report"), world.submit("summary")

    def planner(_: object, snapshot: Snapshot, book: PolicyBook) -> Plan:
        if any("report" in run.work.assets for run in snapshot.queued):
            raise InjectedError("this work is odd")
        return plan(snapshot, book)

    monkeypatch.setattr("adaptive_assets.coordinator.cycle.Planner.__call__", planner)
    assert world.pass_() == [plain]
    (error,) = (error for error in world.daemon_errors() if "this work is odd" in error)
    assert "report" in error
    assert world.run(broken).tags[tags.ADMISSION] == tags.HELD
    monkeypatch.undo()
    assert world.pass_() == [broken]


def test_an_asset_whose_state_cannot_be_read_holds_its_readers_alone(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gated reader waits and says what is not known; once it can be read, the reader goes."""
    world = make_world(GATED)
    world.materialize("readings", check=True)
    reader, plain = world.submit("report"), world.submit("summary")

    def failing(*_: object) -> None:
        raise InjectedError("no records")

    monkeypatch.setattr("adaptive_assets.assets.version_reads.asset_records", failing)
    assert world.pass_() == [plain]
    assert world.run(reader).tags[tags.REASON].startswith("inputs_unknown: ")
    monkeypatch.undo()
    assert world.pass_() == [reader]


def test_a_run_that_a_user_deletes_meanwhile_concerns_nobody(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deleted between observation and enactment: the other run is launched, and nothing is a fault."""
    world = make_world()
    deleted, plain = world.submit("report"), world.submit("summary")
    meanwhile(monkeypatch, lambda: world.instance.delete_run(deleted))
    assert world.pass_() == [plain]
    assert not world.daemon_errors()


def test_a_run_that_a_user_cancels_meanwhile_stays_cancelled(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under ``then: fail`` it does not become a failure."""
    impatient = GATED.replace("checks: pass", "checks: pass, wait_at_most: 0s, then: fail")
    world = make_world(impatient)
    run_id = world.submit("report")
    meanwhile(monkeypatch, lambda: world.instance.run_coordinator.cancel_run(run_id))
    world.pass_()
    assert world.run(run_id).status is dg.DagsterRunStatus.CANCELED
    assert "dagster/max_retries" not in world.run(run_id).tags


def meanwhile(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Let ``act`` happen after the next plan was made and before it is enacted."""

    def planner(_: object, snapshot: Snapshot, book: PolicyBook) -> Plan:
        decided = plan(snapshot, book)
        act()
        return decided

    monkeypatch.setattr("adaptive_assets.coordinator.cycle.Planner.__call__", planner)


def test_no_run_fails_because_the_clock_jumps(make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour forward: the run waits on, keeps its retries, and the operator is told."""
    world = make_world(GATED.replace("checks: pass", "checks: pass, wait_at_most: 10m, then: fail"))
    run_id = world.submit("report")
    world.pass_()
    jumped(monkeypatch, 3600)
    world.pass_()
    assert world.run(run_id).status is dg.DagsterRunStatus.QUEUED
    assert "dagster/max_retries" not in world.run(run_id).tags
    assert any("clock has jumped" in error for error in world.daemon_errors())


def test_a_run_fails_once_the_time_has_really_passed(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both clocks an hour on: the policy's patience is over."""
    world = make_world(GATED.replace("checks: pass", "checks: pass, wait_at_most: 10m, then: fail"))
    run_id = world.submit("report")
    world.pass_()
    jumped(monkeypatch, 3600, really=3600)
    world.pass_()
    assert world.run(run_id).status is dg.DagsterRunStatus.FAILURE


def jumped(monkeypatch: pytest.MonkeyPatch, seconds: float, really: float = 0.0) -> None:
    """Set the coordinator's clock forward, and the one that nobody sets by what has ``really`` passed."""
    import time

    from adaptive_assets.coordinator import run_coordinator
    from adaptive_assets.coordinator.clock import since_boot

    class Shifted:
        @staticmethod
        def time() -> float:
            return time.time() + seconds

    monkeypatch.setattr(run_coordinator, "time", Shifted)
    monkeypatch.setattr(run_coordinator, "since_boot", lambda: since_boot() + really)
