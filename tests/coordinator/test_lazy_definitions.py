"""Definitions that are loaded lazily, as Dagster's own project layout does, are adapted all the same."""

from pathlib import Path

import dagster as dg
from dagster._core.test_utils import in_process_test_workspace
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

CODE = """
from pathlib import Path

import dagster as dg

from adaptive_assets import adapt


@dg.asset(automation_condition=dg.AutomationCondition.eager())
def forecast() -> None: ...


@dg.definitions
def defs() -> dg.Definitions:
    return adapt(dg.Definitions(assets=[forecast]), policies=Path(__file__).with_name("policies.yaml"))
"""


def test_a_code_location_of_lazy_definitions_has_its_sensors(
    instance_sqlite: dg.DagsterInstance, tmp_path: Path
) -> None:
    """``@dg.definitions`` are loaded in a way that looks like that of a run: nothing is left out."""
    (tmp_path / "project.py").write_text(CODE)
    (tmp_path / "policies.yaml").write_text("version: 1\npolicies: [{name: x, select: 'key:forecast'}]\n")
    origin = LoadableTargetOrigin(
        executable_path=None, python_file=str(tmp_path / "project.py"), working_directory=str(tmp_path)
    )
    with in_process_test_workspace(instance_sqlite, origin) as workspace:
        repository = next(iter(workspace.code_locations[0].get_repositories().values()))
        assert [sensor.name for sensor in repository.get_sensors()] == ["adaptive_x"]
