"""The policy file and the instance's configuration that are shipped, held against the pipeline."""

import runpy
from pathlib import Path

import dagster as dg
import pytest
import yaml

from adaptive_assets import adapt
from adaptive_assets.policy import load_policy_book
from flights import flights_definitions
from flights.assets.forecasting import AVERAGES
from flights.folder import FlightsFolder

PROJECT = Path(__file__).parents[2]
POLICIES = PROJECT / "policies" / "flights.yaml"

pytestmark = pytest.mark.filterwarnings("ignore:Parameter `include_sources`:dagster.BetaWarning")


def test_every_asset_has_a_policy(folder: FlightsFolder) -> None:
    """Adapted, each asset is governed by a policy of its own kind, and none is left to the default."""
    adapted = adapt(flights_definitions(folder.root), policies=POLICIES)
    dg.Definitions.validate_loadable(adapted)
    policies = {s.key.to_user_string(): s.tags["adaptive/policy"] for s in adapted.resolve_all_asset_specs()}
    assert policies["delay_forecast"] == "delay-forecast"
    assert policies["training_set"] == policies["delay_model"] == "training"
    assert "default" not in policies.values()


def test_the_demo_runs_its_own_sensors(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`make dev` works through the feed without anybody who starts sensors in the UI."""
    monkeypatch.setenv("FLIGHTS_DATA", str(tmp_path))
    loaded = runpy.run_path(str(PROJECT / "definitions.py"))["defs"].get_repository_def().sensor_defs
    automation = [each for each in loaded if isinstance(each, dg.AutomationConditionSensorDefinition)]
    assert automation
    assert {each.default_status for each in automation} == {dg.DefaultSensorStatus.RUNNING}


def test_the_ladders_are_the_assets_own() -> None:
    """The modes in the file are modes that the assets know, cheapest last."""
    book = load_policy_book(POLICIES)
    assert [rung.mode for rung in book.policy("delay-forecast").degrade] == [AVERAGES, "last_good"]
    assert [rung.mode for rung in book.policy("training").degrade] == ["sample", "last_good"]


def test_every_policy_estimates_what_its_runs_take() -> None:
    """Until runs have taught better, admission goes by these numbers: no policy is without."""
    book = load_policy_book(POLICIES)
    for policy in (*book.policies, book.default):
        assert policy.estimate is not None, policy.name
        assert None not in (policy.estimate.cpu, policy.estimate.memory, policy.estimate.duration), (
            policy.name
        )


def test_the_instance_is_configured(tmp_path: Path) -> None:
    """Dagster takes the file: our coordinator, monitoring, retries and freshness."""
    (tmp_path / "dagster.yaml").write_text((PROJECT / "dagster.yaml").read_text())
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert type(instance.run_coordinator).__name__ == "AdaptiveRunCoordinator"
        assert instance.run_monitoring_enabled
        assert instance.run_retries_enabled
        assert instance.freshness_enabled
        assert not instance.telemetry_enabled


def test_nothing_overrides_the_coordinator() -> None:
    """`concurrency.runs` would silently take over from the coordinator."""
    settings = yaml.safe_load((PROJECT / "dagster.yaml").read_text())
    assert "runs" not in settings.get("concurrency", {})
