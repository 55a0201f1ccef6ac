"""The needs of the assets of a project, held against the contracts of all its code locations."""

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from adaptive_assets.cli.definitions import loaded_apart

if TYPE_CHECKING:
    import dagster as dg

    from adaptive_assets.assets.contract_validation import Stated
    from adaptive_assets.dagster_compat.workspace import CodeLocation


def unmet_of_project(
    *, definitions: Path | None, module: str | None, workspace: Path | None
) -> tuple[int, list[str]]:
    """The number of assets that are known, and each need that is not met; a location that fails is told, too.

    Raises:
        CliError: The workspace cannot be loaded.
    """
    from adaptive_assets.assets.contract_validation import unmet_needs

    with loaded_apart(definitions=definitions, module=module, workspace=workspace) as loaded:
        problems = [
            f"the code location `{name}` cannot be loaded: {message}"
            for name, message in sorted(loaded.failed.items())
        ]
        assets: dict[dg.AssetKey, Stated] = {}
        for _, entry in sorted(loaded.entries.items()):
            if entry.code_location is not None:
                _add(assets, entry.code_location)
        return len(assets), [*problems, *unmet_needs(assets)]


def _add(assets: "dict[dg.AssetKey, Stated]", location: "CodeLocation") -> None:
    """Add what a code location states; of an asset that several name, the one that makes it counts."""
    from adaptive_assets.assets.contract_validation import Stated

    for repository in location.get_repositories().values():
        graph = repository.asset_graph
        blocking: defaultdict[dg.AssetKey, set[str]] = defaultdict(set)
        for checked, check in graph.remote_asset_check_nodes_by_key.items():
            if check.asset_check.blocking:
                blocking[checked.asset_key].add(checked.name)
        for key, node in graph.remote_asset_nodes_by_key.items():
            known = assets.get(key)
            names = frozenset(blocking[key]) | (known.blocking if known else frozenset())
            if known is None or (node.is_materializable and not known.here):
                assets[key] = Stated(node.metadata, names, here=node.is_materializable)
            else:
                assets[key] = Stated(known.metadata, names, known.checked, known.here)
