"""``mode: observe``: decided, recorded and explained as ever, and launched as by stock Dagster."""

import json
import math
from pathlib import Path

import dagster as dg
import pytest
import yaml

from adaptive_assets.assets import tags
from adaptive_assets.cli.replay_cycles import replayed
from adaptive_assets.coordinator.coordinator_mode import CoordinatorMode, periods
from adaptive_assets.learning import start_calibration
from adaptive_assets.ledger import Ledger, sqlite_ledger_url
from tests.conftest import MakeInstance
from tests.coordinator.conftest import MakeWorld
from tests.coordinator.world import IDLE, World, coordinator_section, open_world

FULL_MACHINE = IDLE.replace("memory: 100%", "memory: 1%")
GATED = (
    FULL_MACHINE
    + """
policies:
  - name: reports
    select: group:reports
    tier: batch
    gates: {checks: pass, wait_at_most: 0s, then: fail}
    estimate: {cpu: 0, memory: 1MiB, duration: 1s}
"""
)
LADDER = """\
version: 1
guards: {cpu: 100%, memory: 100%}
policies:
  - name: sources
    select: group:sources
    tier: critical
    objective: {deadline: 1m}
    estimate: {cpu: 0, memory: 1MiB, duration: 1h}
    degrade:
      - {mode: reduced, with: {sample: 0.25}, estimate: {cpu: 0, memory: 1MiB, duration: 1s}}
default: {estimate: {cpu: 0, memory: 1MiB, duration: 1s}}
"""
OBSERVE = {"mode": "observe"}


def ledger_of(world: World) -> Ledger:
    """The ledger beside the storage of a world on SQLite."""
    return Ledger.open(sqlite_ledger_url(Path(world.instance.root_directory) / "storage" / "history"))


def ours(world: World, run_id: str) -> dict[str, str]:
    """The tags of ours that a run carries."""
    return {tag: value for tag, value in world.run(run_id).tags.items() if tags.is_ours(tag)}


def test_what_would_wait_is_launched_and_the_reason_recorded(make_world: MakeWorld) -> None:
    """No tag at submission; one tag, one event and the decisions after the pass, which launches it."""
    world = make_world(FULL_MACHINE, config=OBSERVE)
    run_id = world.submit(job="plain")
    assert ours(world, run_id) == {}
    assert world.pass_() == [run_id]
    assert ours(world, run_id) == {tags.WOULD: "defer: memory"}
    (row,) = ledger_of(world).decisions_for_run(run_id)
    assert (row.verdict, row.reason, row.runs) == ("defer", "memory", 1)
    records = world.instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT).records
    events = [record.event_log_entry.dagster_event for record in records]
    (event,) = [
        event for event in events if event and (event.message or "").startswith("Only observed: would defer")
    ]
    assert json.dumps(event.engine_event_data.metadata["reasons"].value)


def test_what_would_start_says_so(make_world: MakeWorld) -> None:
    """The same one tag."""
    world = make_world(config=OBSERVE)
    run_id = world.submit("readings")
    assert world.pass_() == [run_id]
    assert ours(world, run_id) == {tags.WOULD: "launch"}


def test_what_would_fail_or_be_degraded_runs_in_full(make_world: MakeWorld) -> None:
    """A closed gate with ``then: fail``, and a deadline that full mode would miss."""
    world = make_world(GATED, config=OBSERVE)
    failing = world.submit("report")
    assert world.pass_() == [failing]
    assert ours(world, failing) == {tags.WOULD: "fail: waited"}
    assert world.run(failing).status is dg.DagsterRunStatus.STARTING
    world.policies.write_text(LADDER)
    degraded = world.submit("readings")
    assert world.pass_() == [degraded]
    assert ours(world, degraded) == {tags.WOULD: "degrade to reduced: deadline"}


def test_order_and_limits_are_those_of_stock(make_world: MakeWorld, make_instance: MakeInstance) -> None:
    """Ten at once unless a number is given, the user's tag limits, ``dagster/priority`` and then in order."""
    stock = make_instance().get_concurrency_config().run_queue_config
    assert make_world(config=OBSERVE).instance.get_concurrency_config().run_queue_config == stock
    limits = [{"key": "database", "value": "small", "limit": 1}]
    settings = {**OBSERVE, "max_concurrent_runs": 3, "tag_concurrency_limits": limits}
    world = make_world(FULL_MACHINE, config=settings)
    first, second = (world.submit(job="plain", tags={"database": "small"}) for _ in range(2))
    third, fourth, fifth = (
        world.submit(job="plain", tags={"dagster/priority": str(each)}) for each in (0, 7, 0)
    )
    assert [world.pass_() for _ in range(2)] == [[fourth, first, third], []]
    assert ours(world, second) == {tags.WOULD: "defer: tag_limit"}
    assert ours(world, fifth) == {tags.WOULD: "defer: memory"}


def test_each_run_that_joins_a_waiting_kind_is_recorded(make_world: MakeWorld) -> None:
    """Though no decision changes: where stock launches it, no later cycle would say that it was there.

    Planned again, these cycles decide the same.
    """
    world = make_world(FULL_MACHINE, config={**OBSERVE, "max_concurrent_runs": 1})
    runs = [world.submit(job="plain")]
    world.pass_()
    for _ in range(2):
        runs.append(world.submit(job="plain"))
        world.pass_()
    snapshots = [cycle.snapshot for cycle in ledger_of(world).recorded_cycles() if cycle.snapshot]
    seen = [run.run_id for snapshot in snapshots for run in snapshot.queued]
    assert set(runs) == set(seen)
    assert [row.verdict for row in ledger_of(world).decisions_for_run(runs[2])] == ["defer"]
    assert replayed(ledger_of(world), -math.inf, math.inf).is_identical


def test_nothing_is_learned_of_starts_that_stock_decides(make_world: MakeWorld) -> None:
    """They tell nothing of the plans that are predicted, and would spoil what was learned while acting."""
    world = make_world(FULL_MACHINE, config={**OBSERVE, "max_concurrent_runs": 0})
    world.submit(job="plain")
    world.pass_()
    assert ledger_of(world).kept(start_calibration.KEY) is None


def test_from_act_to_observe_held_runs_go(
    make_world: MakeWorld, make_instance: MakeInstance, tmp_path: Path
) -> None:
    """One word and a restart: what was held is launched, and keeps nothing that would now be untrue."""
    world = make_world(FULL_MACHINE)
    run_id = world.submit(job="plain")
    assert world.pass_() == []
    assert world.run(run_id).tags[tags.ADMISSION] == tags.HELD
    with restarted(world, "observe") as again, open_world(again, tmp_path, world.policies) as observing:
        assert observing.pass_() == [run_id]
        assert ours(observing, run_id) == {tags.WOULD: "defer: memory"}
        modes = [period.mode for period in periods(ledger_of(observing))]
    assert modes == [CoordinatorMode.ACT, CoordinatorMode.OBSERVE]


def test_from_act_to_observe_an_admitted_run_does_everything(make_world: MakeWorld, tmp_path: Path) -> None:
    """It was told to do less and is not launched yet, because a limit of the user's holds it back."""
    world = make_world(LADDER, config={"tag_concurrency_limits": [{"key": "lane", "limit": 0}]})
    run_id = world.submit("readings")
    admitted = {tags.ADMISSION: tags.ADMITTED, tags.MODE: "reduced", tags.MODE_PARAMETERS: '{"sample": 0.25}'}
    world.instance.add_run_tags(run_id, admitted)
    with (
        restarted(world, "observe", tag_concurrency_limits=None) as again,
        open_world(again, tmp_path, world.policies) as observing,
    ):
        assert observing.pass_() == [run_id]
        found = observing.run(run_id).tags
    assert tags.mode(found) == "full"
    assert tags.MODE_PARAMETERS not in found


def test_from_observe_to_act_queued_runs_come_under_rule(make_world: MakeWorld, tmp_path: Path) -> None:
    """What stock's limit had kept in the queue is held by our rules, then launched when they let it go."""
    world = make_world(FULL_MACHINE, config={**OBSERVE, "max_concurrent_runs": 0})
    run_id = world.submit(job="plain")
    assert world.pass_() == []
    assert ours(world, run_id) == {tags.WOULD: "defer: memory"}
    with (
        restarted(world, "act", max_concurrent_runs=5) as again,
        open_world(again, tmp_path, world.policies) as acting,
    ):
        assert acting.pass_() == []
        held = ours(acting, run_id)
        assert (held[tags.ADMISSION], held.get(tags.WOULD)) == (tags.HELD, None)
        assert held[tags.REASON].startswith("memory: ")
        acting.policies.write_text(IDLE + "# edited\n")
        assert acting.pass_() == [run_id]


def test_a_repeated_run_brings_nothing_of_ours_along(make_world: MakeWorld) -> None:
    """Neither in observe, of a run that was degraded or observed, nor in act, of one that was observed."""
    inherited = {tags.ADMISSION: tags.ADMITTED, tags.MODE: "reduced", tags.DECISION: "7", tags.REASON: "x: y"}
    world = make_world(config=OBSERVE)
    assert ours(world, world.submit(job="plain", tags=inherited)) == {}
    assert ours(world, world.submit(job="plain", tags={tags.MODE: "reduced"})) == {tags.MODE: "reduced"}
    assert ours(world, world.submit(job="plain", tags={tags.WOULD: "defer: memory"})) == {}
    acting = make_world()
    assert tags.WOULD not in ours(acting, acting.submit(job="plain", tags={tags.WOULD: "defer: memory"}))


def test_while_planning_fails_stock_goes_on(make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever ``on_failure`` says: an observer that is broken holds nothing either."""
    world = make_world(config={**OBSERVE, "on_failure": "hold"})

    def broken(*_: object) -> None:
        raise ZeroDivisionError("a fault in planning")

    monkeypatch.setattr("adaptive_assets.coordinator.cycle.Planner.__call__", broken)
    run_id = world.submit(job="plain")
    assert world.pass_() == [run_id]
    assert any("a fault in planning" in error for error in world.daemon_errors())


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [("observ", "did you mean `observe`?"), ("", "a mode is `act` or `observe`")],
)
def test_a_mode_that_there_is_not_is_refused_with_its_line(
    make_instance: MakeInstance, tmp_path: Path, wrong: str, hint: str
) -> None:
    """When ``dagster.yaml`` is loaded: file, line, what is wrong, and what would be right."""
    section = coordinator_section(tmp_path / "policies.yaml", mode=wrong)
    instance = make_instance(run_coordinator=section)
    with pytest.raises(dg.DagsterInvariantViolationError) as raised:
        _ = instance.run_coordinator
    file = Path(instance.root_directory) / "dagster.yaml"
    line = 1 + next(
        place for place, text in enumerate(file.read_text().splitlines()) if text.lstrip().startswith("mode:")
    )
    assert str(raised.value) == f"{file}:{line}: `mode: {wrong}` of the run coordinator is no mode ({hint})"


def restarted(world: World, mode: str, **config: object) -> dg.DagsterInstance:
    """The same home with another word in ``dagster.yaml``, opened by a process that begins."""
    world.coordinator.dispose()
    file = Path(world.instance.root_directory) / "dagster.yaml"
    settings = yaml.safe_load(file.read_text())
    section = {**settings["run_coordinator"]["config"], "mode": mode, **config}
    settings["run_coordinator"]["config"] = {
        key: value for key, value in section.items() if value is not None
    }
    file.write_text(yaml.safe_dump(settings))
    return dg.DagsterInstance.from_config(world.instance.root_directory)
