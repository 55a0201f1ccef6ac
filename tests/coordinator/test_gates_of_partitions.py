"""What gates say of the partitions that runs read, on the runs themselves and on the command line."""

import json
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from click.testing import CliRunner
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData,
)
from dagster._core.test_utils import create_run_for_test

from adaptive_assets.assets import tags
from adaptive_assets.assets.run_mode import mode_of
from adaptive_assets.cli.main import cli
from tests.conftest import MakeInstance
from tests.coordinator.world import IDLE, LAUNCHER, World, coordinator_section, open_world

CODE = """
import dagster as dg
days = dg.StaticPartitionsDefinition(["01", "02", "03", "04", "05", "06", "07", "08", "09"])
@dg.asset(partitions_def=days)
def raw(): ...
@dg.asset(partitions_def=days)
def extra(): ...
@dg.asset_check(asset=raw, blocking=True)
def contract(): return dg.AssetCheckResult(passed=True)
@dg.asset_check(asset=raw, blocking=True)
def lax(): return dg.AssetCheckResult(passed=True)
@dg.asset_check(asset=extra, name="contract", blocking=True)
def of_extra(): return dg.AssetCheckResult(passed=True)
@dg.asset(partitions_def=days, deps=[raw, extra])
def report(): ...
@dg.asset(deps=[raw])
def summary(): ...
defs = dg.Definitions(assets=[raw, extra, report, summary], asset_checks=[contract, lax, of_extra])
"""
ESTIMATE = "estimate: {cpu: 0, memory: 1MiB, duration: 1s}"
GATED = (
    IDLE
    + "policies:\n"
    + f"  - {{name: report, select: 'key:report', gates: {{checks: {{except: [lax]}}}}, {ESTIMATE}}}\n"
    + f"  - {{name: summary, select: 'key:summary', gates: {{checks: {{only: [lax]}}}}, {ESTIMATE}}}\n"
)


@pytest.fixture
def world(make_instance: MakeInstance, tmp_path: Path) -> Iterator[World]:
    """A deployment of partitioned assets, under policies with gates."""
    policies = tmp_path / "policies.yaml"
    policies.write_text(GATED)
    instance = make_instance(run_coordinator=coordinator_section(policies), run_launcher=LAUNCHER)
    with open_world(instance, tmp_path, policies, CODE) as world:
        yield world


def make(world: World, asset: str, partition: str, **metadata: str) -> None:
    """A version of that partition."""
    event = dg.AssetMaterialization(asset, partition=partition, metadata=metadata)
    world.instance.report_runless_asset_event(event)


def check(world: World, asset: str, name: str, partition: str, passed: bool, **said: int) -> str:
    """Evaluate a check of the latest version of the partition, in a run of its own; returns the run's id."""
    filter_ = dg.AssetRecordsFilter(asset_key=dg.AssetKey(asset), asset_partitions=[partition])
    (record,) = world.instance.fetch_materializations(filter_, limit=1).records
    run: dg.DagsterRun = create_run_for_test(world.instance, f"check_{asset}")
    target = AssetCheckEvaluationTargetMaterializationData(
        storage_id=record.storage_id, run_id=record.run_id, timestamp=record.timestamp
    )
    evaluation = dg.AssetCheckEvaluation(
        dg.AssetKey(asset),
        name,
        passed,
        metadata={key: dg.IntMetadataValue(value) for key, value in said.items()},
        target_materialization_data=target,
        blocking=True,
    )
    kind = dg.DagsterEventType.ASSET_CHECK_EVALUATION.value
    event = dg.DagsterEvent(kind, run.job_name, event_specific_data=evaluation)
    world.instance.report_dagster_event(event, run.run_id)
    return run.run_id


def ready(world: World, partition: str) -> None:
    """All that a report of that partition reads, checked."""
    for asset in ("raw", "extra"):
        make(world, asset, partition)
        check(world, asset, "contract", partition, True)


def reason(world: World, run_id: str) -> str:
    """What the run says that it waits for."""
    return world.run(run_id).tags[tags.REASON]


def explained(world: World, run_id: str) -> str:
    """What `adaptive explain` prints, on one line."""
    home = world.instance.root_directory
    shown = CliRunner().invoke(cli, ["explain", run_id, "--home", home], prog_name="adaptive")
    assert shown.exit_code == 0, shown.output
    return " ".join(shown.output.split())


def test_each_run_tells_what_holds_its_own_partition(world: World) -> None:
    """Two runs of one kind wait for two partitions, and a third goes; the evidence is that of the check."""
    for partition in ("01", "02", "03"):
        ready(world, partition)
    by = check(world, "raw", "contract", "01", False, failing_rows=213, rows=812)
    check(world, "extra", "contract", "02", False)
    bad, other, good = (world.submit("report", tags={"dagster/partition": day}) for day in ("01", "02", "03"))
    again = world.submit("report", tags={"dagster/partition": "01"})
    assert world.pass_() == [good]
    told = reason(world, bad)
    assert told.startswith(f"check_failed: `raw[01]` failed `contract` (213 of 812 rows) in run {by[:8]} at ")
    assert told.endswith("UTC; 2 runs wait for it")
    assert reason(world, again) == told
    assert reason(world, other).startswith("check_failed: `extra[02]` failed `contract`")
    shown = explained(world, other)
    assert shown.count("`extra[02]` failed `contract`") == 2
    assert "raw[01]" not in shown
    assert explained(world, bad).count("`raw[01]` failed `contract`") == 2


def test_of_runs_of_a_kind_that_wait_for_other_rules_each_is_explained_by_its_own(world: World) -> None:
    """One waits for a check, and the other for a version."""
    ready(world, "01")
    check(world, "raw", "contract", "01", False)
    bad, early = (world.submit("report", tags={"dagster/partition": day}) for day in ("01", "02"))
    assert world.pass_() == []
    assert "data_missing" not in explained(world, bad)
    assert "check_failed" not in explained(world, early)
    assert "`raw[02]` has never been materialized" in explained(world, early)


def test_a_run_that_came_after_the_cycle_says_itself_what_it_waits_for(world: World) -> None:
    """No cycle records it; its own tag has the reason."""
    for partition in ("01", "02"):
        ready(world, partition)
        check(world, "raw", "contract", partition, False)
    world.submit("report", tags={"dagster/partition": "01"})
    assert world.pass_() == []
    later = world.submit("report", tags={"dagster/partition": "02"})
    assert world.pass_() == []
    shown = explained(world, later)
    assert world.run(later).tags[tags.REASON].startswith("check_failed: `raw[02]` failed")
    assert shown.count("check_failed: `raw[02]` failed `contract`") == 2
    assert "raw[01]" not in shown


def test_a_run_that_waits_for_another_asset_is_told_so(world: World) -> None:
    """Though the check that fails has the same name."""
    ready(world, "01")
    check(world, "raw", "contract", "01", False)
    run_id = world.submit("report", tags={"dagster/partition": "01"})
    assert world.pass_() == []
    check(world, "raw", "contract", "01", True)
    check(world, "extra", "contract", "01", False)
    assert world.pass_() == []
    assert "`extra[01]` failed `contract`" in reason(world, run_id)


def test_only_the_checks_that_the_gate_asks_for_hold_a_run(world: World) -> None:
    """One policy leaves a check out, and the other asks for that alone."""
    ready(world, "01")
    report = world.submit("report", tags={"dagster/partition": "01"})
    assert world.pass_() == [report]


def test_partitions_that_are_not_there_are_named_and_counted(world: World) -> None:
    """Of an asset without partitions that reads all of them."""
    make(world, "raw", "02")
    run_id = world.submit("summary")
    assert world.pass_() == []
    assert reason(world, run_id) == (
        "data_missing: partitions `01`, `03`, `04` and 5 more of `raw` have never been materialized"
    )


def test_a_launched_run_tells_which_of_its_inputs_were_degraded(world: World) -> None:
    """In a hidden tag, in `adaptive explain`, and for its own code, which stamps what it makes with it."""
    ready(world, "01")
    make(world, "raw", "02", **{tags.MODE: "reduced"})
    make(world, "extra", "02")
    for asset in ("raw", "extra"):
        check(world, asset, "contract", "02", True)
    whole, partly = (world.submit("report", tags={"dagster/partition": day}) for day in ("01", "02"))
    assert set(world.pass_()) == {whole, partly}
    assert tags.INPUTS_DEGRADED not in world.run(whole).tags
    assert json.loads(world.run(partly).tags[tags.INPUTS_DEGRADED]) == {"raw[02]": "reduced"}
    assert "when it was let go, of what it reads: raw[02] in mode reduced" in explained(world, partly)
    assert "degraded" not in explained(world, whole)
    (launched,) = [
        entry.dagster_event
        for entry in world.instance.all_logs(partly)
        if entry.dagster_event and (entry.dagster_event.message or "").startswith("Launch")
    ]
    told = launched.engine_event_data.metadata["degraded inputs"]
    assert told == dg.JsonMetadataValue({"raw[02]": "reduced"})
    assert mode_of(world.run(partly).tags).inputs_degraded == '{"raw[02]": "reduced"}'


def test_of_a_run_that_went_since_nothing_is_told_that_was_anothers(world: World) -> None:
    """It came after the recorded cycle, waited, and carries nothing of that any more."""
    for partition in ("01", "02"):
        ready(world, partition)
        check(world, "raw", "contract", partition, False)
    world.submit("report", tags={"dagster/partition": "01"})
    assert world.pass_() == []
    later = world.submit("report", tags={"dagster/partition": "02"})
    assert world.pass_() == []
    check(world, "raw", "contract", "02", True)
    assert world.pass_() == [later]
    shown = explained(world, later)
    assert "raw[01]" not in shown
    assert "launch" in shown
