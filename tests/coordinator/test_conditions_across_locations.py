"""Conditions know of other code locations what the coordinator knows, as the gates do."""

import logging
from pathlib import Path

import dagster as dg
import pytest

from adaptive_assets import inputs_ready
from tests.conftest import MakeInstance
from tests.coordinator.locations import at
from tests.coordinator.world import IDLE, LAUNCHER, coordinator_section
from tests.data_events import evaluate, materialize

pytestmark = pytest.mark.filterwarnings("ignore::dagster.BetaWarning")

THERE = """
import dagster as dg

@dg.asset
def above(): ...

@dg.asset_check(asset=above, blocking=True)
def sound(): return dg.AssetCheckResult(passed=True)

defs = dg.Definitions(assets=[above], asset_checks=[sound])
"""


@dg.asset(deps=["above"], automation_condition=inputs_ready())
def below() -> None:
    """Its code location only names `above`."""


def is_ready(instance: dg.DagsterInstance) -> bool:
    """Whether a tick asks for `below`."""
    return bool(dg.evaluate_automation_conditions([below], instance).total_requested)


@pytest.mark.parametrize("on_postgres", [False, True])
def test_the_checks_of_another_location_count(
    make_instance: MakeInstance, tmp_path: Path, on_postgres: bool
) -> None:
    """As soon as the daemon has made a pass: the other location makes the asset, and checks it."""
    policies = tmp_path / "policies.yaml"
    policies.write_text(IDLE)
    instance = make_instance(
        postgres=on_postgres, run_coordinator=coordinator_section(policies), run_launcher=LAUNCHER
    )
    assert is_ready(instance), "nothing here makes it, and nothing more is known yet"
    with at(instance, tmp_path, policies, {"there": THERE}) as world:
        world.pass_()
        assert not is_ready(instance), "it was never materialized"
        made = materialize(instance, "above")
        assert not is_ready(instance), "the check was not evaluated"
        evaluate(instance, "above", "sound", False, of=made)
        assert not is_ready(instance)
        evaluate(instance, "above", "sound", True, of=made)
        assert is_ready(instance)


def test_a_ledger_that_cannot_be_read_is_told(
    make_instance: MakeInstance, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The tick goes on with what this location knows; the run will wait at its gate."""
    (tmp_path / "file").write_text("in the way of a folder")
    policies = tmp_path / "policies.yaml"
    policies.write_text(IDLE)
    section = coordinator_section(policies, ledger=f"sqlite:///{tmp_path}/file/ledger.db")
    instance = make_instance(run_coordinator=section, run_launcher=LAUNCHER)
    with caplog.at_level(logging.WARNING, "dagster.adaptive_assets"):
        assert is_ready(instance)
    assert any("other code locations" in record.getMessage() for record in caplog.records)


def test_without_the_coordinator_the_definitions_speak(instance_sqlite: dg.DagsterInstance) -> None:
    """Of an asset that is only named here nothing is known but its versions."""
    assert is_ready(instance_sqlite)
