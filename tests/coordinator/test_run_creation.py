"""The contract of the private Dagster names by which runs are created and versions are told apart."""

import inspect
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.execution import submit_asset_runs
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecord
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, SqlEventLogStorageTable

from adaptive_assets.dagster_compat.run_creation import (
    LocationAwayError,
    RunCreationError,
    create_run,
    locations_of_checks,
)
from adaptive_assets.dagster_compat.version_evidence import (
    evaluated_by,
    has_newer_event,
    is_being_judged,
    is_being_made,
    newest_event,
    version_id,
)
from tests.coordinator.locations import workspace_of
from tests.coordinator.world import CODE, World

KEY = dg.AssetKey("readings")
CHECK = dg.AssetCheckKey(KEY, "plausible")


def test_the_functions_of_dagsters_own_daemons_take_what_we_give() -> None:
    """By name; an upgrade that moves them fails here."""
    given = inspect.signature(submit_asset_runs.get_job_execution_data_from_run_request).parameters
    assert list(given) == [
        "asset_graph",
        "run_request",
        "instance",
        "workspace",
        "run_request_execution_data_cache",
    ]
    assert list(inspect.signature(submit_asset_runs._get_execution_plan_entity_keys).parameters) == [
        "execution_plan_snapshot"
    ]
    assert {"evaluation_event_storage_id", "asset_key"} <= set(AssetCheckExecutionsTable.c.keys())
    assert {"id", "asset_key", "dagster_event_type"} <= set(SqlEventLogStorageTable.c.keys())
    assert {"partition", "run_id"} <= set(AssetCheckExecutionRecord._fields)


def test_a_run_is_created_once_under_its_id(world: World) -> None:
    """Of checks alone, of an asset, of a job; what no location has is told."""
    context = world.process_context.create_request_context()
    assert list(locations_of_checks(context, [CHECK]).values()) == [[CHECK]]
    made = create_run(
        world.instance,
        context,
        run_id="11111111-1111-1111-1111-111111111111",
        tags={"a": "b"},
        checks=[CHECK],
    )
    assert (made.asset_check_selection, made.asset_selection, made.status) == (
        {CHECK},
        None,
        dg.DagsterRunStatus.NOT_STARTED,
    )
    assert made.tags["a"] == "b"
    for missing in (
        {"assets": [dg.AssetKey("no")]},
        {"checks": [dg.AssetCheckKey(KEY, "no")]},
        {"job": "no"},
    ):
        with pytest.raises(RunCreationError, match="no code location that is loaded") as told:
            create_run(world.instance, context, run_id="x", tags={}, **missing)
        assert not isinstance(told.value, LocationAwayError)


@pytest.mark.filterwarnings("ignore:Error loading repository location")
def test_while_a_location_is_away_what_is_missing_may_be_its_own(world: World, tmp_path: Path) -> None:
    """One location loads, and the other does not."""
    codes = {"here": CODE, "away": "raise RuntimeError"}
    (tmp_path / "codes").mkdir()
    with workspace_of(world.instance, tmp_path / "codes", codes) as process:
        context = process.create_request_context()
        with pytest.raises(LocationAwayError, match="no code location that is loaded"):
            create_run(world.instance, context, run_id="x", tags={}, checks=[dg.AssetCheckKey(KEY, "no")])


def test_evidence_of_a_version(world: World) -> None:
    """Its id, who makes or judges it, and that something is newer: also for evaluations."""
    assert version_id(world.instance, KEY) is None
    before = newest_event(world.instance)
    world.materialize("readings")
    made = version_id(world.instance, KEY)
    assert made is not None
    assert has_newer_event(world.instance, [KEY], before)
    assert not has_newer_event(world.instance, [dg.AssetKey("report")], before)
    seen = newest_event(world.instance)
    assert not has_newer_event(world.instance, [KEY], seen)
    world.instance.report_runless_asset_event(dg.AssetCheckEvaluation(KEY, "plausible", passed=True))
    assert has_newer_event(world.instance, [KEY], seen)
    assert not has_newer_event(world.instance, [dg.AssetKey("report")], seen)
    assert not is_being_made(world.instance, KEY)
    run_id = world.submit("readings")
    assert is_being_made(world.instance, KEY)
    assert not is_being_made(world.instance, KEY, queued=False)
    assert not is_being_judged(world.instance, KEY, ["plausible"])
    world.plan_check(world.run(run_id), "readings")
    assert is_being_judged(world.instance, KEY, ["plausible"])
    assert evaluated_by(world.instance, KEY, ["plausible"], run_id) == frozenset()
