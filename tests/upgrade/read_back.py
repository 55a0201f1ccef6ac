"""What a ledger says, in plain values and words of its own: no name of a class or a field is in it."""

from typing import Any

from adaptive_assets.ledger import Ledger
from adaptive_assets.planning.snapshot import CheckState, Snapshot

__all__ = ["read_back"]


def read_back(ledger: Ledger) -> dict[str, Any]:
    """Every decision, the snapshot that led to it, and the usage of every run that ended, as plain JSON."""
    decisions = sorted(ledger.recent_decisions(limit=10_000), key=lambda row: row.id)
    return {
        "decisions": [
            {
                "id": row.id,
                "snapshot": row.cycle_id,
                "at": row.at,
                "node": row.node,
                "revision": row.revision,
                "verdict": row.verdict,
                "run": row.run_id,
                "runs": sorted(row.run_ids),
                "policy": row.policy,
                "tier": row.tier,
                "mode": row.mode,
                "reasons": [dict(reason) for reason in row.reasons],
            }
            for row in decisions
        ],
        "snapshots": {
            str(number): _snapshot(ledger.snapshot(number))
            for number in sorted({row.cycle_id for row in decisions})
        },
        "usages": [
            {
                "run": row.run_id,
                "policy": row.policy,
                "mode": row.mode,
                "node": row.node,
                "status": row.status,
                "times": [row.submitted_at, row.started_at, row.ended_at],
                "cpu_seconds": row.cpu_seconds,
                "memory_peak": row.memory_peak,
                "disk": [row.io_read, row.io_write],
            }
            for row in ledger.usages()
        ],
    }


def _snapshot(snapshot: Snapshot) -> dict[str, Any]:
    machine = snapshot.machine
    return {
        "at": snapshot.at,
        "queued": [
            {
                "run": run.run_id,
                "name": run.work.name,
                "policy": run.work.policy,
                "assets": list(run.work.assets),
                "reads": list(run.work.reads),
                "submitted_at": run.submitted_at,
                "priority": run.priority,
                "admitted": run.admitted_mode,
            }
            for run in snapshot.queued
        ],
        "active": [[run.run_id, run.work.name, run.mode, run.memory_used] for run in snapshot.active],
        "machine": machine and [machine.at, machine.cpu_used, machine.memory_capacity, machine.memory_used],
        "data": {
            asset: [
                state.materialized_at,
                [each.check for each in state.outcomes if each.state is not CheckState.NOT_EVALUATED],
                state.mode,
            ]
            for asset, state in sorted(snapshot.data.items())
        },
        "estimates": sorted(
            [each.runs, each.duration.p50, each.memory.p90] for each in snapshot.estimates.values()
        ),
    }
