"""`adapt()`: the definitions of a project, made adaptive by a policy book."""

import inspect
import os
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import dagster as dg

from adaptive_assets.assets import tags
from adaptive_assets.assets.asset_keys import text_of
from adaptive_assets.assets.automation import policy_sensors
from adaptive_assets.assets.catalogues import OWN_MAPPINGS, facts_of_asset
from adaptive_assets.assets.deaf import RUN_MODE, deaf_in, deaf_ladders
from adaptive_assets.assets.policy_assignment import PolicyAssignment
from adaptive_assets.assets.run_mode import RunMode
from adaptive_assets.assets.run_usage import report_usage_of_runs
from adaptive_assets.assets.telling import refuse, warn
from adaptive_assets.assets.validation import SHORTEST_WINDOW, unfit
from adaptive_assets.dagster_compat.definitions import is_reconstruction
from adaptive_assets.dagster_compat.partition_mappings import own_mappings
from adaptive_assets.policy import (
    BUILT_IN,
    Catalogue,
    Policy,
    PolicyBook,
    PolicyError,
    load_policy_book,
    located,
    passed_over,
)

_WARN_AFTER: Final = 0.75
"""The share of the promised freshness after which an asset is reported as about to break the promise."""
_WITHOUT: Final = "the run goes on without policies, which are broken since it was launched"


def adapt(
    defs: dg.Definitions,
    policies: str | Path | None = None,
    *,
    automation: dg.DefaultSensorStatus = dg.DefaultSensorStatus.STOPPED,
) -> dg.Definitions:
    """The definitions of a project, with what a policy book asks of them:

    * the resource `RunMode` under the key ``run_mode``, unless the project has one there;
    * one automation sensor per policy, ``adaptive_<policy>``, and ``adaptive_default`` for what no policy
      selects, so that no automated run mixes policies. Whatever an ``AutomationConditionSensorDefinition``
      of the project's own targets stays with that sensor;
    * a freshness policy on each asset whose policy promises freshness and that has none of its own: it fails
      after the promised time and warns from three quarters of it;
    * the tag ``adaptive/policy`` on each asset, for the catalog and for selections;
    * a report of the CPU time and the memory that a run took, as an event just before its end.

    Everything else (checks, jobs, schedules, executor, components) is left as it is. Where definitions are
    loaded lazily, call this inside the function that loads them::

        @dg.definitions
        def defs() -> dg.Definitions:
            return adapt(dg.load_from_defs_folder(path_within_project=Path(__file__).parent), "policies.yaml")

    It is all done when the code location loads. Policies that are edited later hold for the coordinator at
    once; sensors, freshness and tags follow when the code location is loaded again, and runs that are
    launched in between do not mind a broken edit.

    A ladder over an asset or a job of plain ops that does not ask for ``run_mode``, and so never degrades, is
    logged as a warning, with its line and what to do.

    Args:
        defs: The project's definitions.
        policies: The policy file. A relative path is looked for in ``DAGSTER_HOME``, then in the working
            directory of the process, as by the coordinator. Without one there are no policies, as for a
            coordinator without one.
        automation: Whether the sensors run as soon as they are loaded. Otherwise they are stopped until they
            are started in the UI, as Dagster's own are.

    Raises:
        PolicyError: The policy file is not right, or asks what the definitions cannot do: two policies select
            one asset; one computation makes assets of two policies; freshness below Dagster's minute.
            It tells every problem with its line.
        dagster.DagsterInvalidDefinitionError: A contract check of a partitioned asset has no partitions; an
            asset needs what the contract of another does not promise. All such needs are told at once.
    """
    if not isinstance(defs, dg.Definitions):
        raise TypeError(
            f"adapt() takes dagster.Definitions, not {type(defs).__name__}; where they are loaded lazily, "
            "call it inside the function that @dagster.definitions decorates"
        )
    if is_reconstruction():
        report_usage_of_runs()
    defs = dg.Definitions.merge(defs, dg.Definitions(resources=_missing_resources(defs)))
    try:
        book = _book(policies)
    except PolicyError as error:
        refuse(error.problems, _WITHOUT)
        return defs
    assignment = PolicyAssignment(book, _catalogue(defs))
    misfits = unfit(defs, assignment)
    if assignment.problems:
        refuse([*assignment.problems, *misfits], _WITHOUT)
        return defs
    if misfits:
        refuse(misfits, "the definitions cannot do all that the policies ask")
    for problem in deaf_ladders(assignment, deaf_in(defs, assignment)):
        warn(problem)
    own = own_mappings(defs.resolve_asset_graph())
    assets = [_governed(asset, assignment, own) for asset in defs.assets or ()]
    sensors = policy_sensors(defs, assignment.policy_of_asset, automation)
    return _replaced(defs, assets=assets, sensors=[*(defs.sensors or ()), *sensors])


def _book(policies: str | Path | None) -> PolicyBook:
    if policies is None:
        return BUILT_IN
    given = os.environ.get("DAGSTER_HOME")
    home = Path(given).expanduser() if given else None
    if other := passed_over(policies, home):
        warn(f"the policy file is {located(policies, home)}, as for the coordinator, and not {other}")
    return load_policy_book(policies, home)


def _missing_resources(defs: dg.Definitions) -> dict[str, Any] | None:
    return None if RUN_MODE in (defs.resources or {}) else {RUN_MODE: RunMode()}


def _replaced(defs: dg.Definitions, **changes: Any) -> dg.Definitions:
    fields = [name for name in inspect.signature(dg.Definitions).parameters if hasattr(defs, name)]
    return dg.Definitions(**{**{name: getattr(defs, name) for name in fields}, **changes})


def _catalogue(defs: dg.Definitions) -> Catalogue:
    """What a selection can be about, of this code location alone: policies also select assets of others."""
    facts = (facts_of_asset(node) for node in defs.resolve_asset_graph().asset_nodes)
    return Catalogue({one.key: one for one in facts})


def _governed(
    asset: Any, assignment: PolicyAssignment, own: Mapping[dg.AssetKey, Sequence[dg.AssetKey]]
) -> Any:
    def governed(spec: dg.AssetSpec) -> dg.AssetSpec:
        policy = assignment.book.policy(assignment.policy_of_asset(text_of(spec.key)))
        mapped = [text_of(parent) for parent in own.get(spec.key, ())]
        return spec.replace_attributes(
            metadata={**spec.metadata, OWN_MAPPINGS: mapped} if mapped else spec.metadata,
            tags={**spec.tags, tags.ASSET_POLICY: policy.name},
            freshness_policy=spec.freshness_policy or _freshness_policy(policy),
        )

    if isinstance(asset, dg.AssetSpec):
        return governed(asset)
    # Mapping the specs of checks would make assets of them; sources of the old kind have no specs.
    if isinstance(asset, dg.AssetsDefinition) and not isinstance(asset, dg.AssetChecksDefinition):
        return asset.map_asset_specs(governed)
    return asset


def _freshness_policy(policy: Policy) -> dg.FreshnessPolicy | None:
    promised = policy.objective.freshness if policy.objective else None
    if promised is None or promised < SHORTEST_WINDOW:
        return None
    warn = promised * _WARN_AFTER
    return dg.FreshnessPolicy.time_window(
        fail_window=timedelta(seconds=promised),
        warn_window=timedelta(seconds=warn) if warn >= SHORTEST_WINDOW else None,
    )
