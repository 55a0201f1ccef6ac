"""Automation sensors that keep policies apart: each asks for runs of one policy's assets only.

Dagster's own default sensor asks for one run of everything that is due at a tick, and a run that mixes
policies can be neither deferred nor degraded for one of them alone.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from adaptive_assets.assets import tags
from adaptive_assets.assets.asset_keys import text_of


def sensor_name(policy: str) -> str:
    """The name of a policy's automation sensor; Dagster takes no ``-`` in it."""
    return f"adaptive_{policy.replace('-', '_')}"


def policy_sensors(
    defs: dg.Definitions, policy_of: Callable[[str], str], status: dg.DefaultSensorStatus
) -> list[dg.AutomationConditionSensorDefinition]:
    """One sensor for each policy that has anything automated, ``default`` included.

    A check goes with the policy of its asset. What an automation sensor of the project's own targets stays
    with that sensor.

    Args:
        defs: The project's definitions.
        policy_of: The name of the policy of an asset, by the asset's user string (``a/b``).
        status: Whether the sensors run as soon as they are loaded.
    """
    graph = defs.resolve_asset_graph()
    covered = _covered(defs)
    targets: dict[str, _Target] = {}
    keys: Iterable[dg.AssetKey | dg.AssetCheckKey] = [*graph.get_all_asset_keys(), *graph.asset_check_keys]
    for key in keys:
        condition = graph.get(key).automation_condition
        if key in covered or (condition is None and not _is_observed(defs, key)):
            continue
        asset = key.asset_key if isinstance(key, dg.AssetCheckKey) else key
        target = targets.setdefault(policy_of(text_of(asset)), _Target())
        target.keys.add(key)
        target.in_user_code |= condition is not None and not condition.is_serializable
    return [target.sensor(policy, status) for policy, target in sorted(targets.items())]


@dataclass(slots=True)
class _Target:
    """What one sensor asks for."""

    keys: set[dg.AssetKey | dg.AssetCheckKey] = field(default_factory=set)
    in_user_code: bool = False
    """Whether a condition is the project's own class, which only its own code can evaluate."""

    def sensor(self, policy: str, status: dg.DefaultSensorStatus) -> dg.AutomationConditionSensorDefinition:
        # Only when needed: whoever passes this parameter, with whatever value, is warned that it is in beta.
        where: dict[str, Any] = {"use_user_code_server": True} if self.in_user_code else {}
        return dg.AutomationConditionSensorDefinition(
            sensor_name(policy),
            target=self._selection(),
            default_status=status,
            tags={tags.ASSET_POLICY: policy},
            description=f"Asks for runs of the policy `{policy}` as automation conditions of its assets say.",
            **where,
        )

    def _selection(self) -> dg.AssetSelection:
        assets = sorted(key for key in self.keys if isinstance(key, dg.AssetKey))
        checks = sorted((key for key in self.keys if isinstance(key, dg.AssetCheckKey)), key=str)
        # A selection of assets takes all their checks along: those that the project's own sensors have, too.
        of_assets = dg.AssetSelection.assets(*assets).without_checks()
        of_checks = dg.AssetSelection.checks(*checks)
        return of_assets | of_checks if assets and checks else of_assets if assets else of_checks


def _covered(defs: dg.Definitions) -> set[object]:
    graph = defs.resolve_asset_graph()
    covered: set[object] = set()
    for sensor in defs.sensors or ():
        if isinstance(sensor, dg.AutomationConditionSensorDefinition):
            covered |= sensor.asset_selection.resolve(graph)
            covered |= sensor.asset_selection.resolve_checks(graph)
    return covered


def _is_observed(defs: dg.Definitions, key: dg.AssetKey | dg.AssetCheckKey) -> bool:
    """True for a source that is observed every so many minutes, which Dagster treats as automation."""
    if isinstance(key, dg.AssetCheckKey):
        return False
    return defs.resolve_asset_graph().get(key).auto_observe_interval_minutes is not None
