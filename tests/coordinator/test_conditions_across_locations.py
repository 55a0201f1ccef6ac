"""Conditions know of other code locations what the coordinator knows, as the gates do."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest
from dagster._daemon.sensor import execute_sensor_iteration

from adaptive_assets import inputs_ready
from adaptive_assets.assets import tags
from tests.conftest import MakeInstance
from tests.coordinator.locations import at
from tests.coordinator.world import IDLE, LAUNCHER, World, coordinator_section
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


PARTITIONS = 'dg.StaticPartitionsDefinition(["a", "b"])'
AUTOMATED = """
import dagster as dg
from adaptive_assets import adapt, inputs_ready

above = dg.AssetSpec("above", partitions_def={partitions})

@dg.asset(
    deps=["above"], partitions_def={partitions}, group_name="reports", automation_condition=inputs_ready()
)
def below(): ...

assets = [below, above] if {declared} else [below]
defs = adapt(dg.Definitions(assets=assets), {policies!r}, automation=dg.DefaultSensorStatus.RUNNING)
"""
GATED = f"""{IDLE}
policies:
  - name: reports
    select: group:reports
    gates: {{checks: pass}}
    estimate: {{cpu: 0, memory: 1MiB, duration: 1s}}
"""


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


@contextmanager
def automated(make_instance: MakeInstance, folder: Path, *, declared: bool) -> Iterator[World]:
    """Of `above`, `b` is good and `a` is bad, and a tick has asked for what of `below` is ready."""
    policies = folder / "policies.yaml"
    policies.write_text(GATED)
    instance = make_instance(run_coordinator=coordinator_section(policies), run_launcher=LAUNCHER)
    there = THERE.replace("@dg.asset\n", f"@dg.asset(partitions_def={PARTITIONS})\n")
    here = AUTOMATED.format(policies=str(policies), partitions=PARTITIONS, declared=declared)
    with at(instance, folder, policies, {"there": there, "here": here}) as world:
        world.pass_()
        for partition, passed in (("b", True), ("a", False)):
            made = materialize(instance, "above", partition)
            evaluate(instance, "above", "sound", passed, of=made)
        list(execute_sensor_iteration(world.process_context, logging.getLogger(__name__), None, None))
        yield world


def test_what_a_sensor_asks_for(make_instance: MakeInstance, tmp_path: Path) -> None:
    """The daemon's tick, which the code location evaluates, asks for the good partition alone."""
    with automated(make_instance, tmp_path, declared=True) as world:
        (run,) = world.instance.get_runs()
        assert run.tags["dagster/partition"] == "b"
        assert run.tags[tags.POLICY] == "reports"


def test_partitions_that_are_not_declared_here(
    make_instance: MakeInstance, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is not known which of them would be read: nothing is asked for, and it is said what to do."""
    with automated(make_instance, tmp_path, declared=False) as world:
        assert world.instance.get_runs() == []
    (said,) = {text for text in caplog.messages if "`above` has partitions" in text}
    assert "declare `dg.AssetSpec('above', partitions_def=…)`" in said
