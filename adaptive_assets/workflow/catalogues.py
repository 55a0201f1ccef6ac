"""What is known of the assets of a workspace: one ``policy.Catalogue`` per code location."""

from collections import defaultdict
from collections.abc import Iterable

import dagster as dg

from adaptive_assets.policy import AssetFacts, Catalogue, CheckFacts
from adaptive_assets.workflow.dagster_private import (
    RemoteWorkspaceAssetGraph,
    RemoteWorkspaceAssetNode,
    location_of,
)

__all__ = ["catalogues_of", "merged"]


KIND = "dagster/kind/"


def catalogues_of(graph: RemoteWorkspaceAssetGraph) -> dict[str, Catalogue]:
    """A catalogue for each code location of ``graph``, by location name.

    One per location, because a location that fails to load must not take away what is known of its assets.
    """
    assets: defaultdict[str, dict[str, AssetFacts]] = defaultdict(dict)
    jobs: defaultdict[str, set[str]] = defaultdict(set)
    blocking = {
        key: bool(node.asset_check.blocking) for key, node in graph.remote_asset_check_nodes_by_key.items()
    }
    for node in graph.remote_asset_nodes_by_key.values():
        location = location_of(node)
        facts = _facts(node, location, blocking)
        assets[location][facts.key] = facts
        jobs[location].update(facts.jobs)
    return {
        location: Catalogue(found, dict.fromkeys(sorted(jobs[location]), (location,)))
        for location, found in assets.items()
    }


def merged(catalogues: Iterable[Catalogue]) -> Catalogue:
    """One catalogue for the whole workspace; an asset that two locations define is the materializable one."""
    assets: dict[str, AssetFacts] = {}
    jobs: defaultdict[str, tuple[str, ...]] = defaultdict(tuple)
    for catalogue in catalogues:
        for key, facts in catalogue.assets.items():
            if key not in assets or (facts.materializable and not assets[key].materializable):
                assets[key] = facts
        for job, locations in catalogue.jobs.items():
            jobs[job] += locations
    return Catalogue(assets, dict(jobs))


def _facts(
    node: RemoteWorkspaceAssetNode, location: str, blocking: dict[dg.AssetCheckKey, bool]
) -> AssetFacts:
    return AssetFacts(
        key=node.key.to_user_string(),
        group=node.group_name or "default",
        parents=tuple(sorted(parent.to_user_string() for parent in node.parent_keys)),
        tags=dict(node.tags),
        kinds=tuple(sorted(tag.removeprefix(KIND) for tag in node.tags if tag.startswith(KIND))),
        owners=tuple(node.owners),
        checks=tuple(
            CheckFacts(check.name, blocking.get(check, False))
            for check in sorted(node.check_keys, key=lambda check: check.name)
        ),
        location=location,
        materializable=node.is_materializable,
        has_freshness_policy=node.freshness_policy is not None,
        partitioned=node.is_partitioned,
        jobs=tuple(sorted(node.job_names)),
    )
