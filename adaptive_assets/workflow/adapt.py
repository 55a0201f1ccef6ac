"""`adapt()`: a project's definitions, made adaptive by a policy book."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from adaptive_assets.policy import Policy, PolicyBook, load_policy_book
from adaptive_assets.workflow import tags
from adaptive_assets.workflow.automation import policy_sensors
from adaptive_assets.workflow.run_mode import RunMode

if TYPE_CHECKING:
    from dagster._core.definitions.assets.graph.asset_graph import AssetGraph

__all__ = ["RUN_MODE", "adapt"]

RUN_MODE = "run_mode"
"""The resource key of `RunMode`."""


def adapt(
    defs: dg.Definitions,
    policies: str | Path,
    *,
    automation: dg.DefaultSensorStatus = dg.DefaultSensorStatus.RUNNING,
) -> dg.Definitions:
    """Return the definitions with what the policy book asks of a code location.

    * The resource `RunMode` under the key ``run_mode``, unless the project has one.
    * One automation sensor per policy, ``adaptive_<policy>``, and ``adaptive_default`` for the rest, so that
      no run mixes policies.  Assets that an ``AutomationConditionSensorDefinition`` of the project's own
      targets stay with it.
    * A freshness policy on assets that have none of their own, where the policy's objective promises freshness:
      failing after it, warning from three quarters of it.
    * The tag ``adaptive/policy`` on each asset that a policy selects, for the catalog and for selections.

    Args:
        defs: The project's definitions.
        policies: The policy file; a relative path starts at the working directory of the process.
        automation: Whether the sensors run as soon as they are loaded.

    Raises:
        PolicyError: The policy file is not right; every problem with its line.
        dagster.DagsterInvalidDefinitionError: Two policies select one asset; a policy with a ladder selects an
            asset that does not ask for ``run_mode`` (it would never degrade); or one computation makes assets
            of different policies.
    """
    book = load_policy_book(policies)
    defs = _with_run_mode(defs)
    graph = defs.resolve_asset_graph()
    chosen = _choose(book, graph)
    _check_ladders(chosen, graph)
    _check_undivided(chosen, graph)
    sensors = policy_sensors(
        graph, {key: p.name for key, p in chosen.items()}, list(defs.sensors or []), automation
    )
    return dg.Definitions.merge(_with_policies(defs, chosen), dg.Definitions(sensors=sensors))


def _with_run_mode(defs: dg.Definitions) -> dg.Definitions:
    if RUN_MODE in (defs.resources or {}):
        return defs
    return dg.Definitions.merge(defs, dg.Definitions(resources={RUN_MODE: RunMode()}))


def _choose(book: PolicyBook, graph: "AssetGraph") -> dict[dg.AssetKey, Policy]:
    """Find the policy that selects each asset; the book's default governs those that are not in the answer."""
    chosen: dict[dg.AssetKey, Policy] = {}
    for policy in book.policies:
        if policy.select is None:
            continue
        for key in sorted(dg.AssetSelection.from_string(policy.select).resolve(graph, allow_missing=True)):
            if key in chosen:
                raise dg.DagsterInvalidDefinitionError(
                    f"Two policies select the asset `{key.to_user_string()}`: `{chosen[key].name}` and "
                    f"`{policy.name}`. An asset has one policy: narrow the `select:` of one of them, "
                    f'as in `select: ... and not key:"{key.to_user_string()}"`.'
                )
            chosen[key] = policy
    return chosen


def _check_ladders(chosen: Mapping[dg.AssetKey, Policy], graph: "AssetGraph") -> None:
    problems = []
    for key, policy in chosen.items():
        if not policy.degrade or not graph.get(key).is_materializable:
            continue
        if RUN_MODE not in graph.get(key).assets_def.required_resource_keys:
            problems.append(f"`{key.to_user_string()}` (policy `{policy.name}`)")
    if problems:
        raise dg.DagsterInvalidDefinitionError(
            "A policy with a ladder (`degrade:`) selects assets that never ask for the run's mode, so they would "
            f"never degrade: {', '.join(problems)}. Give each the parameter `run_mode: RunMode` and act on "
            "`run_mode.read(context)`; or narrow the policy's `select:`; or take its `degrade:` away."
        )


def _check_undivided(chosen: Mapping[dg.AssetKey, Policy], graph: "AssetGraph") -> None:
    for key in chosen:
        together = graph.get(key).execution_set_asset_keys if graph.get(key).is_materializable else {key}
        names = {other: chosen[other].name if other in chosen else "default" for other in sorted(together)}
        if len(set(names.values())) > 1:
            listed = ", ".join(
                f"`{other.to_user_string()}` (policy `{name}`)" for other, name in names.items()
            )
            raise dg.DagsterInvalidDefinitionError(
                f"One computation makes assets of different policies, so every run of it would mix them: {listed}. "
                "Select all of them with one policy, or let the multi-asset be subset (`can_subset=True`)."
            )


def _with_policies(defs: dg.Definitions, chosen: Mapping[dg.AssetKey, Policy]) -> dg.Definitions:
    def governed(spec: dg.AssetSpec) -> dg.AssetSpec:
        policy = chosen.get(spec.key)
        if policy is None:
            return spec
        spec = spec.replace_attributes(tags={**spec.tags, tags.POLICY: policy.name})
        promised = policy.objective.freshness if policy.objective else None
        if promised is None or spec.freshness_policy is not None:
            return spec
        return spec.replace_attributes(freshness_policy=_freshness(promised))

    return defs.map_asset_specs(func=governed)


def _freshness(seconds: float) -> dg.FreshnessPolicy:
    return dg.FreshnessPolicy.time_window(
        fail_window=timedelta(seconds=seconds), warn_window=timedelta(seconds=seconds * 0.75)
    )
