"""Automation sensors per policy: runs that automation asks for never mix policies."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from typing_extensions import override

from adaptive_assets import RunMode, adapt

EAGER = dg.AutomationCondition.eager()
DUE = dg.AutomationCondition.missing()

BOOK = """
version: 1
policies:
  - {name: fast-lane, select: key:alerts, tier: critical}
  - {name: reports, select: "group:reports", tier: batch}
"""


@dg.asset(automation_condition=DUE)
def landed() -> None:
    """No policy selects it."""


@dg.asset(automation_condition=DUE, deps=[landed])
def alerts() -> None:
    """Of the policy `fast-lane`."""


@dg.asset(automation_condition=DUE, group_name="reports")
def daily_report() -> None:
    """Of the policy `reports`."""


@dg.asset(automation_condition=DUE, group_name="reports")
def weekly_report() -> None:
    """Of the policy `reports`, too."""


@dg.asset(group_name="reports")
def manual_report() -> None:
    """Of the policy `reports`, and not automated."""


@dg.asset_check(asset=daily_report, automation_condition=DUE)
def is_short() -> dg.AssetCheckResult:
    """Automated like its asset."""
    return dg.AssetCheckResult(passed=True)


@dg.asset_check(asset=manual_report, automation_condition=DUE)
def is_signed() -> dg.AssetCheckResult:
    """Automated, though its asset is not."""
    return dg.AssetCheckResult(passed=True)


ASSETS = [landed, alerts, daily_report, weekly_report, manual_report]


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """A policy file with two policies."""
    path = tmp_path / "policies.yaml"
    path.write_text(BOOK)
    return path


def sensors(defs: dg.Definitions) -> dict[str, dg.AutomationConditionSensorDefinition]:
    """All automation sensors that Dagster would run, its own default one included, by name."""
    everything = defs.get_repository_def().sensor_defs
    return {
        each.name: each for each in everything if isinstance(each, dg.AutomationConditionSensorDefinition)
    }


def targets(defs: dg.Definitions) -> dict[str, set[str]]:
    """The assets and checks of each sensor."""
    graph = defs.resolve_asset_graph()
    return {
        name: {key.to_user_string() for key in each.asset_selection.resolve(graph)}
        | {key.name for key in each.asset_selection.resolve_checks(graph)}
        for name, each in sensors(defs).items()
    }


def requested(defs: dg.Definitions, instance: dg.DagsterInstance) -> list[set[str]]:
    """What each run would make that the sensors ask for at their first tick."""
    runs = []
    for sensor in sensors(defs).values():
        result = dg.evaluate_automation_conditions(
            defs=defs, instance=instance, asset_selection=sensor.asset_selection
        )
        keys = {
            each.key.to_user_string() if isinstance(each.key, dg.AssetKey) else each.key.name
            for each in result.results
            if not each.true_subset.is_empty
        }
        runs.append(keys)
    return runs


def test_each_policy_has_a_sensor_of_its_own(book: Path) -> None:
    """One for each policy with anything automated, one for the rest, and none of Dagster's own."""
    defs = adapt(dg.Definitions(assets=ASSETS, asset_checks=[is_short, is_signed]), book)
    assert targets(defs) == {
        "adaptive_fast_lane": {"alerts"},
        "adaptive_reports": {"daily_report", "weekly_report", "is_short", "is_signed"},
        "adaptive_default": {"landed"},
    }
    assert sensors(defs)["adaptive_fast_lane"].tags == {"adaptive/policy": "fast-lane"}


def test_what_the_sensors_ask_for_never_mixes_policies(book: Path) -> None:
    """All four assets are due at once; each request is about one policy."""
    defs = adapt(dg.Definitions(assets=ASSETS, asset_checks=[is_short, is_signed]), book)
    with dg.DagsterInstance.ephemeral() as instance:
        asked = requested(defs, instance)
    assert sorted(map(sorted, asked)) == [
        ["alerts"],
        ["daily_report", "is_short", "is_signed", "weekly_report"],
        ["landed"],
    ]


def test_without_adapt_they_would_be_mixed(book: Path) -> None:
    """The reason for all this: Dagster's default sensor asks for everything that is due together."""
    defs = dg.Definitions(assets=ASSETS)
    (together,) = targets(defs).values()
    assert together >= {"landed", "alerts", "daily_report", "weekly_report"}


def test_sensors_of_the_projects_own_are_respected(book: Path) -> None:
    """What they target stays with them, checks included; ours take the rest."""
    own = dg.AutomationConditionSensorDefinition("own", target=dg.AssetSelection.assets("daily_report"))
    defs = adapt(dg.Definitions(assets=ASSETS, asset_checks=[is_short, is_signed], sensors=[own]), book)
    dg.Definitions.validate_loadable(defs)
    assert targets(defs) == {
        "own": {"daily_report", "is_short"},
        "adaptive_fast_lane": {"alerts"},
        "adaptive_reports": {"weekly_report", "is_signed"},
        "adaptive_default": {"landed"},
    }


def test_checks_that_another_sensor_has_are_not_taken_along(book: Path) -> None:
    """A sensor of the project's own may have a check alone, and its asset stays with the policy's sensor."""
    own = dg.AutomationConditionSensorDefinition("own", target=dg.AssetSelection.checks(is_short))
    defs = adapt(dg.Definitions(assets=ASSETS, asset_checks=[is_short, is_signed], sensors=[own]), book)
    assert targets(defs)["own"] == {"is_short"}
    assert targets(defs)["adaptive_reports"] == {"daily_report", "weekly_report", "is_signed"}


def test_sensors_start_as_dagsters_own_do(book: Path) -> None:
    """They are stopped until somebody starts them, unless the project says that they run."""
    stock = sensors(dg.Definitions(assets=ASSETS))
    plain = sensors(adapt(dg.Definitions(assets=ASSETS), book))
    assert {each.default_status for each in plain.values()} == {
        each.default_status for each in stock.values()
    }
    asked = sensors(adapt(dg.Definitions(assets=ASSETS), book, automation=dg.DefaultSensorStatus.RUNNING))
    assert {each.default_status for each in asked.values()} == {dg.DefaultSensorStatus.RUNNING}


def test_nothing_automated_needs_no_sensor(book: Path) -> None:
    """A project of jobs and schedules gets none."""
    assert not sensors(adapt(dg.Definitions(assets=[manual_report]), book))


class OnTuesdays(dg.AutomationCondition[Any]):
    """A condition of the project's own, which Dagster's daemon does not know."""

    @property
    @override
    def name(self) -> str:
        """What the UI calls it."""
        return "on tuesdays"

    @override
    def evaluate(self, context: Any) -> Any:
        """Never true."""
        return dg.AutomationResult(context, true_subset=context.get_empty_subset())


@pytest.mark.filterwarnings("ignore:.*use_user_code_server.*beta")
def test_conditions_of_the_projects_own_are_evaluated_in_its_code(book: Path) -> None:
    """Only the sensor that needs it leaves the daemon for the project's code server."""

    @dg.asset(automation_condition=OnTuesdays())
    def pancakes() -> None: ...

    defs = adapt(dg.Definitions(assets=[pancakes, alerts]), book)
    dg.Definitions.validate_loadable(defs)
    where = {name: each._use_user_code_server for name, each in sensors(defs).items()}
    assert where == {"adaptive_default": True, "adaptive_fast_lane": False}


def test_automated_runs_carry_their_mode(book: Path) -> None:
    """An asset that automation asks for gets the resource like any other."""

    @dg.asset(automation_condition=EAGER)
    def moded(context: dg.AssetExecutionContext, run_mode: RunMode) -> str:
        return run_mode.read(context).name

    defs = adapt(dg.Definitions(assets=[moded]), book)
    job = defs.resolve_implicit_global_asset_job_def()
    assert job.execute_in_process(tags={"adaptive/mode": "reduced"}).output_for_node("moded") == "reduced"
