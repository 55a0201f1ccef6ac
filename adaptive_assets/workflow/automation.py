"""Automation sensors that keep policies apart: each asks for runs of one policy's assets only.

Dagster's own default sensor asks for one run of everything that is due at a tick; a run that mixes policies
can be neither deferred nor degraded by one of them alone.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import dagster as dg

if TYPE_CHECKING:
    from dagster._core.definitions.assets.graph.asset_graph import AssetGraph

__all__ = ["DEFAULT_SENSOR", "policy_sensors", "sensor_name"]

DEFAULT_SENSOR: Final = "adaptive_default"


def sensor_name(policy: str) -> str:
    """Return the name of a policy's automation sensor: ``adaptive_`` and the policy's name as an identifier."""
    return "adaptive_" + "".join(c if c.isascii() and c.isalnum() else "_" for c in policy)


def policy_sensors(
    graph: "AssetGraph",
    policies: Mapping[dg.AssetKey, str],
    own_sensors: Sequence[object],
    status: dg.DefaultSensorStatus,
) -> list[dg.AutomationConditionSensorDefinition]:
    """Make one sensor per policy that has something automated, and ``adaptive_default`` for what no policy selects.

    A check goes with the policy of its asset.  Assets and checks that an automation sensor of the project's
    own (``own_sensors``) covers stay with it.

    Args:
        graph: Every asset and check of the project.
        policies: The name of the policy of each asset that has one.
        own_sensors: The project's sensors.
        status: Whether the sensors run as soon as they are loaded.
    """
    assets: dict[str, set[dg.AssetKey]] = {}
    checks: dict[str, set[dg.AssetCheckKey]] = {}
    covered = _covered(graph, own_sensors)
    for key in sorted(graph.get_all_asset_keys()):
        node = graph.get(key)
        automated = node.automation_condition is not None or node.auto_observe_interval_minutes is not None
        if automated and key not in covered:
            assets.setdefault(_sensor_of(key, policies), set()).add(key)
    for check in graph.asset_check_keys:
        if graph.get(check).automation_condition is not None and check not in covered:
            checks.setdefault(_sensor_of(check.asset_key, policies), set()).add(check)
    return [
        dg.AutomationConditionSensorDefinition(
            name,
            target=_exactly(assets.get(name, set()), checks.get(name, set())),
            default_status=status,
            description=_description(name),
        )
        for name in sorted(assets.keys() | checks.keys())
    ]


def _sensor_of(key: dg.AssetKey, policies: Mapping[dg.AssetKey, str]) -> str:
    return sensor_name(policies[key]) if key in policies else DEFAULT_SENSOR


def _exactly(assets: set[dg.AssetKey], checks: set[dg.AssetCheckKey]) -> dg.AssetSelection:
    # AssetSelection.assets() takes every check of its assets along; leave out those that are not ours.
    selection = dg.AssetSelection.assets(*sorted(assets)).without_checks()
    for check in sorted(checks, key=str):
        selection = selection | dg.AssetSelection.checks(check)
    return selection


def _covered(graph: "AssetGraph", sensors: Sequence[object]) -> set[dg.AssetKey | dg.AssetCheckKey]:
    covered: set[dg.AssetKey | dg.AssetCheckKey] = set()
    for sensor in sensors:
        if isinstance(sensor, dg.AutomationConditionSensorDefinition):
            covered |= sensor.asset_selection.resolve(graph)
            covered |= sensor.asset_selection.resolve_checks(graph)
    return covered


def _description(name: str) -> str:
    whose = "that no policy selects" if name == DEFAULT_SENSOR else "of one policy"
    return f"Asks for runs of the assets {whose}, when their automation conditions say so."
