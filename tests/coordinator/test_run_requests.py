"""Acting on data that is not ready: what is requested becomes a run or an event of Dagster's, once."""

import json
import multiprocessing
import os
import signal
import time
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData,
)
from dagster._core.execution.api import execute_run
from dagster._utils.hosted_user_process import recon_job_from_origin

from adaptive_assets.assets import tags
from adaptive_assets.coordinator.deployment import open_ledger
from adaptive_assets.coordinator.parts import Parts
from adaptive_assets.coordinator.run_requests import RunRequests
from adaptive_assets.ledger import RunRequestRow
from adaptive_assets.planning.wanted_requests import RequestKind, Wanted
from tests.coordinator.conftest import MakeWorld
from tests.coordinator.locations import workspace_of
from tests.coordinator.world import IDLE, World
from tests.data_events import latest

POLICIES = """\
version: 1
guards: {cpu: 100%, memory: 100%}
policies:
  - name: reports
    select: group:reports
    gates: {checks: pass}
    on_unready: {validate_after: 0s}
    estimate: {cpu: 0, memory: 1MiB, duration: 1s}
default: {estimate: {cpu: 0, memory: 1MiB, duration: 1s}}
"""
CODE = """
import dagster as dg

DAYS = dg.StaticPartitionsDefinition(["mon", "tue"])

@dg.asset
def readings() -> int: return 1

@dg.asset_check(asset=readings, blocking=True)
def plausible() -> dg.AssetCheckResult: return dg.AssetCheckResult(passed=True)

@dg.asset_check(asset=readings, blocking=True)
def whole() -> dg.AssetCheckResult: return dg.AssetCheckResult(passed=True)

@dg.asset(partitions_def=DAYS)
def daily() -> None: ...

@dg.asset_check(asset=daily, blocking=True)
def full() -> dg.AssetCheckResult: return dg.AssetCheckResult(passed=True)

@dg.asset(deps=[readings], group_name="reports")
def report() -> None: ...

@dg.op
def mend() -> None: ...

@dg.job
def repair_readings() -> None: mend()

defs = dg.Definitions(
    assets=[readings, report, daily], asset_checks=[plausible, whole, full], jobs=[repair_readings]
)
"""
REPAIRED = POLICIES.replace(
    "default:",
    "  - name: sources\n    select: key:readings\n"
    "    on_failed_check: {then: repair, job: repair_readings, tries: 2}\ndefault:",
)


def evaluate(world: World, name: str, passed: bool, asset: str = "readings") -> None:
    """Report an evaluation of the latest version."""
    world.instance.report_runless_asset_event(
        dg.AssetCheckEvaluation(dg.AssetKey(asset), name, passed, blocking=True)
    )


def rows(world: World, asset: str = "readings", partition: str = "") -> list[RunRequestRow]:
    """The requests about an asset, the newest first."""
    ledger = open_ledger(world.instance, None)
    try:
        return ledger.run_requests.of(asset, partition)
    finally:
        ledger.dispose()


def requested(world: World) -> list[dg.DagsterRun]:
    """The runs that were requested, the oldest first."""
    runs = world.instance.get_runs()
    return [run for run in reversed(runs) if tags.REQUEST in run.tags]


def execute(world: World, run: dg.DagsterRun) -> None:
    """Run what Dagster was asked to run, in this process, as a run worker does."""
    assert run.job_code_origin is not None
    job = recon_job_from_origin(run.job_code_origin)
    job = job.get_subset(asset_selection=run.asset_selection, asset_check_selection=run.asset_check_selection)
    execute_run(job, world.run(run.run_id), world.instance)


def end(world: World, run_id: str, kind: dg.DagsterEventType = dg.DagsterEventType.RUN_SUCCESS) -> None:
    """End a run that was launched."""
    world.instance.report_dagster_event(dg.DagsterEvent(kind.value, world.run(run_id).job_name), run_id)


def test_a_check_that_was_not_evaluated_is_run_alone_and_once(make_world: MakeWorld) -> None:
    """The checks that are missing, and no other; the run that waits goes once they have passed."""
    world = make_world(POLICIES, code=CODE)
    world.materialize("readings")
    evaluate(world, "whole", True)
    waiting = world.submit("report")
    assert world.pass_() == []
    (validation,) = requested(world)
    assert validation.asset_check_selection == {dg.AssetCheckKey(dg.AssetKey("readings"), "plausible")}
    assert validation.asset_selection is None
    assert "plausible of readings" in validation.tags[tags.REQUESTED_BY]
    assert world.pass_() == [validation.run_id]
    world.pass_()
    assert requested(world) == [world.run(validation.run_id)]
    execute(world, validation)
    assert world.pass_() == [waiting]
    assert [row.state for row in rows(world)] == ["done"]


def test_a_check_that_stays_not_evaluated_is_not_asked_for_without_end(make_world: MakeWorld) -> None:
    """Two runs for one version; then it is told, and a new version begins anew."""
    world = make_world(POLICIES, code=CODE)
    world.materialize("readings")
    evaluate(world, "whole", True)
    world.submit("report")
    for _ in range(8):
        for run_id in world.pass_():
            end(world, run_id, dg.DagsterEventType.RUN_FAILURE)
    assert len(requested(world)) == 2
    assert [row.state for row in rows(world)] == ["failed"]
    assert any("not asked for again" in error for error in world.daemon_errors())
    world.materialize("readings")
    for _ in range(2):
        world.pass_()
    assert len(requested(world)) == 3


def test_nothing_is_requested_of_what_is_young_under_way_or_only_observed(make_world: MakeWorld) -> None:
    """By default a version is a minute old before its checks are asked for."""
    world = make_world(POLICIES.replace("    on_unready: {validate_after: 0s}\n", ""), code=CODE)
    world.materialize("readings")
    world.submit("report")
    world.pass_()
    assert requested(world) == []


def test_a_policy_that_waits_requests_nothing(make_world: MakeWorld) -> None:
    """As it says."""
    world = make_world(
        POLICIES.replace("{validate_after: 0s}", "{unevaluated: wait, validate_after: 0s}"), code=CODE
    )
    world.materialize("readings")
    world.submit("report")
    world.pass_()
    assert requested(world) == []


def test_while_it_only_observes_nothing_is_requested(make_world: MakeWorld) -> None:
    """Nothing at all is done then."""
    world = make_world(POLICIES, code=CODE, config={"mode": "observe"})
    world.materialize("readings")
    world.submit("report")
    world.pass_()
    assert requested(world) == []


def test_a_failed_version_is_repaired_and_validated_and_given_up_after_its_tries(
    make_world: MakeWorld,
) -> None:
    """Repair, checks, repair, checks; then it is told."""
    world = make_world(REPAIRED, code=CODE)
    world.materialize("readings")
    evaluate(world, "whole", True)
    evaluate(world, "plausible", False)
    waiting = world.submit("report")
    jobs = []
    for _ in range(14):
        for run_id in world.pass_():
            run = world.run(run_id)
            jobs.append(run.job_name)
            if run.asset_check_selection:
                evaluate_in(world, run_id, passed=False)
            end(world, run_id)
    assert jobs == ["repair_readings", "__ASSET_JOB"] * 2
    assert any("repaired 2 times" in error for error in world.daemon_errors())
    repair = requested(world)[0]
    assert repair.tags[tags.REPAIRS] == "readings"
    assert json.loads(repair.tags[tags.FAILED_CHECKS]) == ["plausible"]
    assert tags.ADMISSION in world.run(waiting).tags


def test_a_repair_that_helps_lets_the_run_go(make_world: MakeWorld) -> None:
    """The checks are run again by themselves."""
    world = make_world(REPAIRED, code=CODE)
    world.materialize("readings")
    evaluate(world, "whole", True)
    evaluate(world, "plausible", False)
    waiting = world.submit("report")
    launched = []
    for _ in range(6):
        for run_id in world.pass_():
            launched.append(run_id)
            run = world.run(run_id)
            if run.asset_check_selection:
                evaluate_in(world, run_id, passed=True)
            if run_id != waiting:
                end(world, run_id)
    assert launched[-1] == waiting
    assert len(launched) == 3


def evaluate_in(world: World, run_id: str, *, passed: bool) -> None:
    """What a run of the check writes."""
    version = latest(world.instance, "readings")
    target = AssetCheckEvaluationTargetMaterializationData(
        storage_id=version.storage_id, run_id=version.run_id, timestamp=version.timestamp
    )
    data = dg.AssetCheckEvaluation(
        dg.AssetKey("readings"), "plausible", passed, blocking=True, target_materialization_data=target
    )
    event = dg.DagsterEvent(
        dg.DagsterEventType.ASSET_CHECK_EVALUATION.value, "__ASSET_JOB", event_specific_data=data
    )
    world.instance.report_dagster_event(event, run_id)


def test_a_failed_version_is_marked_once(make_world: MakeWorld) -> None:
    """By an observation that names the check, however many passes there are."""
    quarantined = REPAIRED.replace("{then: repair, job: repair_readings, tries: 2}", "{then: quarantine}")
    world = make_world(quarantined, code=CODE)
    world.materialize("readings")
    evaluate(world, "whole", True)
    evaluate(world, "plausible", False)
    world.submit("report")
    for _ in range(4):
        world.pass_()
    records = world.instance.fetch_observations(dg.AssetKey("readings"), limit=10).records
    (record,) = records
    assert record.asset_observation is not None
    assert "failed plausible" in str(record.asset_observation.description)
    assert requested(world) == []


def test_a_check_that_is_gone_holds_up_no_other(make_world: MakeWorld) -> None:
    """It was renamed after it was asked for: its request ends, and those that are left are run."""
    world = make_world(IDLE, code=CODE)
    world.materialize("readings")
    requests, told = asker(world)
    requests.ask([Wanted(RequestKind.VALIDATE, "readings", "", ("old",))], world.process_context, 1.0)
    for at in (1.0, 40.0):
        requests.carry_on(world.process_context, at)
    assert [row.state for row in rows(world)] == ["failed"]
    assert "defines the check `readings: old`" in told[0]
    requests.request(RequestKind.VALIDATE, "readings", "", "w", "k", at=50.0, checks=("older", "plausible"))
    assert requests.carry_on(world.process_context, 50.0)
    (run,) = requested(world)
    assert run.asset_check_selection == {dg.AssetCheckKey(dg.AssetKey("readings"), "plausible")}


def test_a_repair_that_helped_is_not_counted_for_the_next_version(make_world: MakeWorld) -> None:
    """It mended the version in place, so that the last good version is older than the repair."""
    world = make_world(REPAIRED.replace("tries: 2", "tries: 1"), code=CODE)
    for _ in range(3):
        world.materialize("readings")
        evaluate(world, "whole", True)
        evaluate(world, "plausible", False)
        waiting, launched = world.submit("report"), []
        for _ in range(6):
            for run_id in world.pass_():
                launched.append(run_id)
                if world.run(run_id).asset_check_selection:
                    evaluate_in(world, run_id, passed=True)
                end(world, run_id)
        assert len(launched) == 3
        assert launched[-1] == waiting


@pytest.mark.filterwarnings("ignore:Error loading repository location")
def test_a_code_location_that_is_away_is_told_and_waited_for(make_world: MakeWorld, tmp_path: Path) -> None:
    """The request is not lost, and not tried as often as one that fails."""
    world = make_world(IDLE, code=CODE)
    requests, told = asker(world)
    requests.request(RequestKind.VALIDATE, "elsewhere", "", "why", "k", at=1.0, checks=("c",))
    (tmp_path / "codes").mkdir()
    with workspace_of(world.instance, tmp_path / "codes", {"away": "raise RuntimeError"}) as process:
        for at in (1.0, 100.0, 200.0):
            assert not requests.carry_on(process, at)
    assert "no code location that is loaded defines the check `elsewhere: c`" in told[0]
    assert [row.state for row in rows(world, "elsewhere")] == ["asked"]


def test_a_partition_is_told_to_its_checks(make_world: MakeWorld) -> None:
    """Also to a check that has no partitions itself; what it says is of that partition's version."""
    world = make_world(IDLE, code=CODE)
    for day in ("mon", "tue"):
        world.instance.report_runless_asset_event(dg.AssetMaterialization("daily", partition=day))
    requests, _ = asker(world)
    wanted = Wanted(RequestKind.VALIDATE, "daily", "mon", ("full",), policy="p")
    for at in (1.0, 1000.0):
        requests.ask([wanted], world.process_context, at)
    assert requests.carry_on(world.process_context, 1.0)
    (run,) = requested(world)
    assert run.tags["dagster/partition"] == "mon"
    assert world.pass_() == [run.run_id]
    execute(world, run)
    key = dg.AssetCheckKey(dg.AssetKey("daily"), "full")
    (record,) = world.instance.event_log_storage.get_asset_check_execution_history(key, limit=5)
    assert record.evaluation is not None
    target = record.evaluation.target_materialization_data
    version = world.instance.event_log_storage.get_latest_storage_id_by_partition(
        dg.AssetKey("daily"), dg.DagsterEventType.ASSET_MATERIALIZATION, {"mon"}
    )
    assert target is not None
    assert target.storage_id == version["mon"]


def asker(world: World) -> tuple[RunRequests, list[str]]:
    """Requests of a daemon without a cycle, and what it tells."""
    told: list[str] = []
    ledger = open_ledger(world.instance, None)
    return RunRequests(world.instance, ledger, Parts(lambda fault: told.append(fault.message))), told


@pytest.mark.parametrize("place", ["written", "created", "submitted"])
def test_a_daemon_that_is_killed_leaves_one_request_and_one_run(make_world: MakeWorld, place: str) -> None:
    """Killed after the row, after the run was made, and after it was queued: the next one goes on."""
    world = make_world(IDLE, code=CODE)
    world.materialize("readings")
    wanted = Wanted(RequestKind.REFRESH, "readings", "", policy="p")
    context = multiprocessing.get_context("fork")
    child = context.Process(target=killed_at, args=(world, wanted, place))
    child.start()
    child.join(60)
    assert child.exitcode == -signal.SIGKILL
    requests, _ = asker(world)
    requests.ask([wanted], world.process_context, 1.0)
    requests.carry_on(world.process_context, 2.0)
    requests.carry_on(world.process_context, 3.0)
    (run,) = requested(world)
    assert run.status is dg.DagsterRunStatus.QUEUED
    (row,) = rows(world)
    assert (row.state, row.run_id) == ("launched", run.run_id)


def killed_at(world: World, wanted: Wanted, place: str) -> None:
    """Carry a request out as far as ``place``, and die there."""
    requests, _ = asker(world)
    requests.ask([wanted], world.process_context, 1.0)

    def dies(*_: Any, **__: Any) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    if place == "written":
        dies()
    if place == "created":
        world.instance.submit_run = dies  # type: ignore[assignment,method-assign]
    else:
        requests._move = dies  # type: ignore[method-assign]
    requests.carry_on(world.process_context, 2.0)


def test_stale_partitions_and_whole_jobs_become_runs(make_world: MakeWorld) -> None:
    """With the partition, and the tags that say why."""
    world = make_world(IDLE, code=CODE)
    requests, _ = asker(world)
    requests.ask([Wanted(RequestKind.REFRESH, "daily", "tue", policy="p")], world.process_context, 1.0)
    requests.request(RequestKind.REPAIR, "daily", "mon", "by an incident", "i", at=2.0, job="repair_readings")
    assert requests.carry_on(world.process_context, 3.0)
    refresh, repair = sorted(requested(world), key=lambda run: run.job_name)
    assert refresh.asset_selection == {dg.AssetKey("daily")}
    assert refresh.tags["dagster/partition"] == "tue"
    assert (repair.job_name, repair.tags["dagster/partition"]) == ("repair_readings", "mon")
    assert repair.tags[tags.REQUESTED_BY] == "by an incident"
    assert set(world.pass_()) == {refresh.run_id, repair.run_id}
    assert tags.REQUEST in world.run(refresh.run_id).tags


def test_what_cannot_be_created_is_given_up_and_told(make_world: MakeWorld) -> None:
    """After two tries half a minute apart."""
    world = make_world(IDLE, code=CODE)
    requests, told = asker(world)
    requests.request(RequestKind.VALIDATE, "readings", "", "why", "k", at=1.0)  # without checks
    for at in (1.0, 2.0):
        requests.carry_on(world.process_context, at)
        assert [row.state for row in rows(world)] == ["asked"]
    requests.carry_on(world.process_context, 40.0)
    assert [row.state for row in rows(world)] == ["failed"]
    assert told


def test_data_that_a_gate_waits_for_begins_the_next_pass(make_world: MakeWorld) -> None:
    """An event of another asset does not; nor does one that the cycle has seen."""
    world = make_world(POLICIES, code=CODE)
    world.materialize("readings")
    evaluate(world, "whole", True)
    waiting = world.submit("report")
    world.pass_()
    (validation,) = requested(world)
    assert world.pass_() == [validation.run_id]
    coordinator = world.coordinator
    assert coordinator._cycle is not None
    time.sleep(max(0.0, coordinator._cycle.next_pass._earliest - time.monotonic()))
    assert not coordinator._is_pass_due()
    world.instance.report_runless_asset_event(dg.AssetMaterialization("daily", partition="mon"))
    assert not coordinator._is_pass_due()
    evaluate(world, "plausible", True)
    assert coordinator._is_pass_due()
    assert world.pass_() == [waiting]


def test_a_rollback_without_a_good_version_is_told_once(make_world: MakeWorld) -> None:
    """It is settled, and asked for again with the next version."""
    world = make_world(
        REPAIRED.replace("{then: repair, job: repair_readings, tries: 2}", "{then: rollback}"), code=CODE
    )
    world.materialize("readings")
    evaluate(world, "whole", True)
    evaluate(world, "plausible", False)
    world.submit("report")
    for _ in range(4):
        world.pass_()
    (row,) = rows(world)
    assert (row.kind, row.state) == ("rollback", "failed")
    assert any("no stored version" in error for error in world.daemon_errors())
