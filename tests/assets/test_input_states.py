"""Which version would be read, and what checks said of it, where the event log is not as one expects."""

import time
from datetime import timedelta

import dagster as dg
import pytest
from dagster._core.definitions.freshness import FreshnessState
from dagster._core.events import StepMaterializationData
from dagster._core.test_utils import create_run_for_test
from dagster._serdes import serialize_value
from hypothesis import given
from hypothesis import strategies as st

from adaptive_assets.assets import input_states
from adaptive_assets.assets.input_states import InputStates
from adaptive_assets.assets.inputs import Input
from adaptive_assets.assets.version_evaluations import CheckEvaluations, Until, speaks_for
from adaptive_assets.dagster_compat.versions import EvaluationRow, VersionRow
from adaptive_assets.planning.snapshot import CheckState, DataState, Freshness
from adaptive_assets.policy import AssetFacts, Catalogue, CheckFacts
from tests.conftest import MakeInstance
from tests.data_events import evaluate, freshness, materialize

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


@pytest.mark.parametrize("partition", [None, "a"], ids=["of the asset", "of the partition"])
def test_what_was_reported_of_a_version_stays_its_own(
    instance: dg.DagsterInstance, partition: str | None
) -> None:
    """It is of the version that was the latest then, and neither lost nor of a later one."""
    materialize(instance, "parts", "a")
    report(instance, "parts", False, partition)
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


def test_more_versions_than_are_kept_are_all_there(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where earlier versions are read in the midst of it."""
    monkeypatch.setattr(input_states, "KEPT", 3)
    names = [f"p{number}" for number in range(6)]
    for passed in (True, False):
        for name in names:
            evaluate(instance, "parts", "c", passed, of=materialize(instance, "parts", name, at=1.0))
    states = InputStates(instance)
    for _ in range(2):
        inputs = [Input("parts", (name,)) for name in names]
        found = states.of(CATALOGUE, inputs, time.time())
        assert {(each.missing, each.good_at) for each in found.values()} == {((), 1.0)}


@pytest.mark.parametrize("said", [FreshnessState.PASS, FreshnessState.WARN, FreshnessState.FAIL])
@pytest.mark.parametrize(("days", "expected"), [(0, Freshness.PASS), (2, Freshness.FAIL)])
def test_a_partition_is_as_fresh_as_it_is_itself(
    make_instance: MakeInstance, said: FreshnessState, days: int, expected: Freshness
) -> None:
    """Whatever Dagster says of the asset, which is of its newest partition."""
    policy = dg.FreshnessPolicy.time_window(fail_window=timedelta(days=1))
    facts = AssetFacts(
        "parts", partitions="static", has_freshness_policy=True, freshness=serialize_value(policy)
    )
    instance = make_instance()
    materialize(instance, "parts", "a", at=time.time() - 86_400 * days)
    freshness(instance, "parts", said)
    found = InputStates(instance).of(Catalogue({"parts": facts}), [Input("parts", ("a",))], time.time())
    assert [each.freshness for each in found.values()] == [expected]


ROWS = st.builds(
    EvaluationRow,
    st.just(dg.AssetCheckKey(dg.AssetKey("parts"), "c")),
    st.integers(1, 30),
    st.sampled_from([None, "a", "b"]),
    st.sampled_from(["", "x", "y"]),
    st.none() | st.integers(1, 30),
    st.booleans(),
    st.just(0),
)
VERSIONS = st.builds(
    VersionRow,
    st.integers(-2, 30),
    st.sampled_from([None, "a", "b"]),
    st.sampled_from(["", "x", "y"]),
    st.just(0.0),
    st.just({}),
)
NEXT = st.none() | st.integers(1, 40)


@given(st.lists(ROWS, max_size=12, unique_by=lambda row: row.id), VERSIONS, NEXT, NEXT)
def test_the_evaluation_that_is_found_is_the_newest_that_speaks_for_a_version(
    rows: list[EvaluationRow], version: VersionRow, of_asset: int | None, of_partition: int | None
) -> None:
    """As if all were looked at."""
    until = Until(of_asset, of_partition)
    speak = [row for row in rows if speaks_for(row, version, until)]
    expected = max(speak, key=lambda row: row.id, default=None)
    assert CheckEvaluations(rows).newest(version, until) == expected
