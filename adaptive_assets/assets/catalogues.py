"""What is known of the assets of a workspace: one ``policy.Catalogue`` per code location."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

import dagster as dg

from adaptive_assets.assets.asset_keys import text_of
from adaptive_assets.dagster_compat.definitions import BaseAssetNode, is_stub, partitions_kind
from adaptive_assets.dagster_compat.freshness import policy_text, time_partitions
from adaptive_assets.dagster_compat.workspace import CodeLocation, RemoteRepository
from adaptive_assets.policy import AssetFacts, Catalogue, CheckFacts

KIND = "dagster/kind/"
OWN_MAPPINGS = "adaptive/own_mappings"
"""The metadata that names the parents of an asset to which a partition mapping of the project's own leads."""


def catalogue_of(location: CodeLocation) -> Catalogue:
    """What a code location that is loaded says of its assets and jobs.

    An asset that cannot be read is left out, and told in ``problems``.
    """
    assets: defaultdict[str, list[AssetFacts]] = defaultdict(list)
    jobs: set[str] = set()
    problems: list[str] = []
    for repository in sorted(location.get_repositories().values(), key=lambda one: one.name):
        jobs.update(job.name for job in repository.get_all_jobs())
        for facts in _assets(repository, location.name, problems):
            assets[facts.key].append(facts)
    return Catalogue(
        {key: _together(found) for key, found in assets.items()},
        dict.fromkeys(sorted(jobs), (location.name,)),
        problems=tuple(problems),
    )


def merged(catalogues: Mapping[str, Catalogue], unknown: Iterable[str] = ()) -> Catalogue:
    """One catalogue for the whole workspace, from those of its code locations by name.

    Of two locations that define an asset, it is the one that Dagster takes: that which materializes it, else
    observes it, else does more than name it, and then the first by name. What it reads, its checks and its
    jobs are those of all of them, as in Dagster's graph of a workspace.
    """
    assets: defaultdict[str, list[AssetFacts]] = defaultdict(list)
    jobs: defaultdict[str, tuple[str, ...]] = defaultdict(tuple)
    problems: list[str] = []
    for _, catalogue in sorted(catalogues.items()):
        for key, facts in catalogue.assets.items():
            assets[key].append(facts)
        for job, locations in catalogue.jobs.items():
            jobs[job] += locations
        problems += catalogue.problems
    together = {key: _together(found) for key, found in assets.items()}
    return Catalogue(together, dict(jobs), tuple(sorted(unknown)), tuple(problems))


def facts_of_asset(
    node: BaseAssetNode, location: str = "", jobs: Iterable[str] = (), checks: tuple[CheckFacts, ...] = ()
) -> AssetFacts:
    """The facts of an asset of any of Dagster's graphs."""
    windows, place = time_partitions(node)
    return AssetFacts(
        key=text_of(node.key),
        group=node.group_name or "default",
        parents=tuple(sorted(text_of(parent) for parent in node.parent_keys)),
        tags=dict(node.tags),
        kinds=tuple(sorted(tag.removeprefix(KIND) for tag in node.tags if tag.startswith(KIND))),
        owners=tuple(node.owners),
        checks=checks,
        location=location,
        materializable=node.is_materializable,
        observable=node.is_observable,
        stub=is_stub(node),
        has_freshness_policy=node.freshness_policy is not None,
        own_mappings=_listed(node.metadata.get(OWN_MAPPINGS)),
        freshness_policy=policy_text(node),
        partitions=partitions_kind(node),
        time_windows=windows,
        time_place=place,
        jobs=tuple(sorted(jobs)),
    )


def _listed(metadata: object) -> tuple[str, ...]:
    """The texts of a list in an asset's metadata; nothing for what anybody else has put there."""
    value = metadata.value if isinstance(metadata, dg.JsonMetadataValue) else metadata
    return tuple(sorted(each for each in value if isinstance(each, str))) if isinstance(value, list) else ()


def _assets(repository: RemoteRepository, location: str, problems: list[str]) -> Iterator[AssetFacts]:
    graph = repository.asset_graph
    blocking = {
        key: bool(node.asset_check.blocking) for key, node in graph.remote_asset_check_nodes_by_key.items()
    }
    for key, node in graph.remote_asset_nodes_by_key.items():
        try:
            yield facts_of_asset(node, location, node.job_names, _checks(node.check_keys, blocking))
        except Exception as error:  # noqa: BLE001  the asset's own
            problems.append(
                f"the asset `{text_of(key)}` of the code location `{location}` cannot be read, so its runs"
                f" are governed by `default`: {type(error).__name__}: {error}; mend its definition and reload"
                " the location"
            )


def _checks(
    keys: Iterable[dg.AssetCheckKey], blocking: Mapping[dg.AssetCheckKey, bool]
) -> tuple[CheckFacts, ...]:
    return tuple(
        CheckFacts(key.name, blocking.get(key, False)) for key in sorted(keys, key=lambda key: key.name)
    )


def _together(found: list[AssetFacts]) -> AssetFacts:
    """One asset of what several code locations, in their order, say of it."""
    if len(found) == 1:
        return found[0]
    blocking: dict[str, bool] = {}
    for check in (check for facts in found for check in facts.checks):
        blocking[check.name] = check.blocking or blocking.get(check.name, False)
    taken = min(found, key=_precedence)
    jobs: defaultdict[str, set[str]] = defaultdict(set)
    for facts in found:
        if facts.jobs:
            jobs[facts.location].update(facts.jobs)
    return replace(
        taken,
        parents=tuple(sorted({parent for facts in found for parent in facts.parents})),
        checks=tuple(CheckFacts(name, blocks) for name, blocks in sorted(blocking.items())),
        has_freshness_policy=any(facts.has_freshness_policy for facts in found),
        freshness_policy=taken.freshness_policy
        or next((facts.freshness_policy for facts in found if facts.freshness_policy), ""),
        jobs=tuple(sorted(jobs.pop(taken.location, ()))),
        jobs_elsewhere={location: tuple(sorted(names)) for location, names in jobs.items()},
    )


def _precedence(facts: AssetFacts) -> tuple[bool, bool, bool]:
    return not facts.materializable, not facts.observable, facts.stub
