"""What a policy book asks of a project's definitions that they cannot do."""

from collections.abc import Iterator
from typing import Final

import dagster as dg

from adaptive_assets.assets.asset_keys import text_of
from adaptive_assets.assets.check_states import CONTRACT
from adaptive_assets.assets.contract_validation import refuse_broken_needs
from adaptive_assets.assets.policy_assignment import PolicyAssignment
from adaptive_assets.policy import Policy, Problem

SHORTEST_WINDOW: Final = 60.0
"""Seconds; Dagster looks at no freshness shorter than that."""
_MOST_NAMED: Final = 5


def unfit(defs: dg.Definitions, assignment: PolicyAssignment) -> list[Problem]:
    """All in which the policies and the definitions do not fit together, each at its line of the policy file.

    Raises:
        dagster.DagsterInvalidDefinitionError: A contract check of a partitioned asset has no partitions; an
            asset needs what the contract of another does not promise.
    """
    _check_contracts(defs)
    refuse_broken_needs(defs)
    return [
        *_divided(defs, assignment),
        *_too_fresh(assignment),
    ]


def _divided(defs: dg.Definitions, assignment: PolicyAssignment) -> Iterator[Problem]:
    graph = defs.resolve_asset_graph()
    seen: set[dg.AssetKey] = set()
    for key in sorted(graph.materializable_asset_keys):
        if key in seen:
            continue
        together = sorted(graph.get(key).execution_set_asset_keys)
        seen.update(together)
        names = {assignment.policy_of_asset(text_of(other)) for other in together}
        if len(names) > 1:
            named = min(names - {assignment.book.default.name})
            yield _problem(
                assignment,
                assignment.book.policy(named),
                "select",
                f"one computation always makes {_listed(together)} together, and they have several policies: "
                f"{', '.join(f'`{name}`' for name in sorted(names))}",
                "select all of them with one policy, or let the computation be subset (`can_subset=True`)",
            )


def _too_fresh(assignment: PolicyAssignment) -> Iterator[Problem]:
    for policy in (*assignment.book.policies, assignment.book.default):
        promised = policy.objective.freshness if policy.objective else None
        if promised is not None and promised < SHORTEST_WINDOW:
            yield _problem(
                assignment,
                policy,
                "objective",
                f"`{policy.name}` promises data no older than {promised:g}s, which Dagster cannot watch",
                "promise `1m` or more",
            )


def _check_contracts(defs: dg.Definitions) -> None:
    graph = defs.resolve_asset_graph()
    for key in sorted(graph.asset_check_keys, key=str):
        spec = graph.get_check_spec(key)
        if CONTRACT not in spec.metadata or spec.partitions_def or not graph.has(key.asset_key):
            continue
        if graph.get(key.asset_key).partitions_def:
            asset = text_of(key.asset_key)
            raise dg.DagsterInvalidDefinitionError(
                f"The check `{key.name}` of the partitioned asset `{asset}` would load all its partitions in "
                "each run of one: give pandera_checks() the asset itself, or `partitions_def=` too."
            )


def _listed(keys: set[dg.AssetKey] | list[dg.AssetKey]) -> str:
    names = [f"`{text_of(key)}`" for key in sorted(keys)]
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more


def _problem(assignment: PolicyAssignment, policy: Policy, field: str, message: str, hint: str) -> Problem:
    book = assignment.book
    path = ("default", field) if policy is book.default else ("policies", book.policies.index(policy), field)
    file, line, column = book.locate(path)
    return Problem(file, line, column, message, hint)
