"""Which assets and jobs of a code location never ask for a resource, by what the location says of itself."""

from collections.abc import Iterator, Mapping

import dagster as dg
from dagster._core.definitions.assets.job.asset_job import IMPLICIT_ASSET_JOB_NAME
from dagster._core.remote_representation.external import RemoteRepository
from dagster._core.snap.node import GraphDefSnap, NodeDefsSnapshot


def deaf_work(repository: RemoteRepository, resource: str) -> tuple[set[dg.AssetKey], set[str]]:
    """The assets whose computation does not ask for ``resource``, and the jobs of ops of which none does.

    It takes the snapshot of each such job, and of Dagster's own job of all assets.
    """
    assets: set[dg.AssetKey] = set()
    jobs: set[str] = set()
    nodes = repository.asset_graph.remote_asset_nodes_by_key
    for job in repository.get_all_jobs():
        keys = {key for key, node in nodes.items() if job.name in node.job_names}
        of_all = job.name.startswith(IMPLICIT_ASSET_JOB_NAME)
        if keys and not of_all:
            continue
        asking = set(_asking(job.job_snapshot.node_defs_snapshot, resource))
        if of_all:
            made_by = {key: nodes[key].asset_node_snap.node_definition_name for key in keys}
            assets.update(key for key, name in made_by.items() if name not in asking)
        elif not asking:
            jobs.add(job.name)
    return assets, jobs


def _asking(nodes: NodeDefsSnapshot, resource: str) -> Iterator[str]:
    """The names of the ops that ask for the resource, and of the graphs that have such an op in them."""
    ops = {op.name for op in nodes.op_def_snaps if resource in op.required_resource_keys}
    graphs = {graph.name: graph for graph in nodes.graph_def_snaps}
    yield from ops
    yield from (name for name in graphs if _is_asked_in(name, graphs, ops))


def _is_asked_in(name: str, graphs: Mapping[str, GraphDefSnap], ops: set[str]) -> bool:
    if name not in graphs:
        return name in ops
    inside = graphs[name].dep_structure_snapshot.node_invocation_snaps
    return any(_is_asked_in(node.node_def_name, graphs, ops) for node in inside)
