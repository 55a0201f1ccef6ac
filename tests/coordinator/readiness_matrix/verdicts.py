"""What is asked of the coordinator, and what it said."""

import dagster as dg

from adaptive_assets.coordinator.deployment import open_ledger
from tests.coordinator.readiness_matrix.cells import Cell, Gate, Reads
from tests.coordinator.world import World


def partition_tags(cell: Cell) -> dict[str, str]:
    """How a run of the reader says which partitions it makes."""
    if not cell.partitioned:
        return {}
    if cell.reads is Reads.RANGE:
        return {"dagster/asset_partition_range_start": "a", "dagster/asset_partition_range_end": "c"}
    return {"dagster/partition": "b"}


def submit(world: World, cell: Cell, gate: Gate) -> str:
    """Submit a run of the reader as the webserver does, without the picture of its job; returns its id.

    A picture of the job of two thousand assets takes longer than all the rest, and no decision looks at it.
    """
    location = world.workspace.get_code_location_entries()["here"].code_location
    assert location is not None
    remote = next(iter(location.get_repositories().values())).get_full_job("__ASSET_JOB")
    run = world.instance.create_run(
        job_name="__ASSET_JOB",
        run_id=None,
        run_config={},
        status=dg.DagsterRunStatus.NOT_STARTED,
        tags=partition_tags(cell),
        root_run_id=None,
        parent_run_id=None,
        step_keys_to_execute=None,
        execution_plan_snapshot=None,
        job_snapshot=None,
        parent_job_snapshot=None,
        asset_selection=frozenset({dg.AssetKey(cell.reader(gate))}),
        asset_check_selection=None,
        resolved_op_selection=None,
        op_selection=None,
        remote_job_origin=remote.get_remote_origin(),
        job_code_origin=remote.get_python_origin(),
        asset_graph=world.workspace.asset_graph,
    )
    return world.instance.submit_run(run.run_id, world.workspace).run_id


def verdicts(world: World) -> dict[str, frozenset[str]]:
    """By run, the codes of all reasons for which it waits; none: it was let go."""
    ledger = open_ledger(world.instance, None, existing=True)
    found: dict[str, frozenset[str]] = {}
    for row in reversed(ledger.recent_decisions(100_000)):
        codes = frozenset(str(reason["code"]) for reason in row.reasons)
        for run_id in [row.run_id] if row.run_id else row.run_ids:
            found[run_id] = codes if row.verdict == "defer" else frozenset()
    ledger.dispose()
    return found
