"""Which version would be read, and what checks said of it, where the event log is not as one expects."""

import time

import dagster as dg
import pytest
from dagster._core.events import StepMaterializationData
from dagster._core.test_utils import create_run_for_test

from adaptive_assets.assets.input_states import InputStates
from adaptive_assets.assets.inputs import Input
from adaptive_assets.planning.snapshot import CheckState, DataState
from adaptive_assets.policy import AssetFacts, Catalogue, CheckFacts
from tests.conftest import MakeInstance
from tests.data_events import materialize

CHECK = CheckFacts("c", blocking=True)
CATALOGUE = Catalogue(
    {
        "plain": AssetFacts("plain", checks=(CHECK,)),
        "parts": AssetFacts("parts", checks=(CHECK,), partitions="static"),
    }
)


def state(states: InputStates, asset: str, *partitions: str) -> DataState:
    """The state of one input."""
    one = Input(asset, partitions or None)
    return states.of(CATALOGUE, [one], time.time())[one.key]


def report(instance: dg.DagsterInstance, asset: str, passed: bool, partition: str | None = None) -> None:
    """Report an evaluation without a run or a version, as a script does over HTTP."""
    said = dg.AssetCheckEvaluation(dg.AssetKey(asset), "c", passed, blocking=True, partition=partition)
    instance.report_runless_asset_event(said)


@pytest.fixture(params=["sqlite", "postgres"])
def instance(request: pytest.FixtureRequest, make_instance: MakeInstance) -> dg.DagsterInstance:
    """One on each database."""
    on_postgres = request.param == "postgres"
    return make_instance(postgres=request.getfixturevalue("postgres") if on_postgres else False)


def test_a_version_outlives_the_run_that_made_it(instance: dg.DagsterInstance) -> None:
    """Old runs are deleted, and their events with them; Dagster still counts the asset as materialized."""
    run = create_run_for_test(instance, "makes")
    made = StepMaterializationData(dg.AssetMaterialization("plain"), [])
    kind = dg.DagsterEventType.ASSET_MATERIALIZATION.value
    instance.report_dagster_event(dg.DagsterEvent(kind, "makes", event_specific_data=made), run.run_id)
    report(instance, "plain", True)
    instance.delete_run(run.run_id)
    found = state(InputStates(instance), "plain")
    assert found.materialized_at is not None
    assert found.outcomes == ()


def test_what_was_reported_of_a_version_stays_its_own(instance: dg.DagsterInstance) -> None:
    """It is of the version that was the latest then, and neither lost nor of a later one."""
    materialize(instance, "parts", "a")
    report(instance, "parts", False, "a")
    materialize(instance, "parts", "b")
    states = InputStates(instance)
    assert [each.state for each in state(states, "parts", "a").outcomes] == [CheckState.FAIL]
    assert [each.state for each in state(states, "parts", "b").outcomes] == [CheckState.NOT_EVALUATED]


def test_the_last_good_version_is_found_by_what_was_reported_of_it(instance: dg.DagsterInstance) -> None:
    """Though later ones have failed since."""
    for number, passed in enumerate((True, False, False), 1):
        materialize(instance, "plain", at=float(number))
        report(instance, "plain", passed)
    assert state(InputStates(instance), "plain").good_at == 1.0
