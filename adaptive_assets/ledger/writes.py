"""What is added to the ledger; each function writes in the transaction of the connection it is given."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from sqlalchemy import Connection, Table, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from adaptive_assets.ledger import tables
from adaptive_assets.ledger.codec import dumps
from adaptive_assets.ledger.rows import RunUsageRow
from adaptive_assets.ledger.snapshots import Draft
from adaptive_assets.ledger.texts import storable
from adaptive_assets.planning.snapshot import MachineReading, QueuedRun, Work
from adaptive_assets.planning.verdicts import AnyDecision, Verdict
from adaptive_assets.planning.work_key import work_key

__all__ = [
    "Stamp",
    "add_catalogue",
    "add_cycle",
    "add_fault",
    "add_reading",
    "add_revision",
    "add_usages",
    "newest_digest",
]

RUNS_NAMED: Final = 20
"""How many run ids a deferral keeps: enough to look at, whatever the length of the queue."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """When a cycle was, on which node, and under which policy revision."""

    at: float
    node: str
    revision: str


def add_revision(
    connection: Connection, *, at: float, revision: str, source: str, content: Mapping[str, Any]
) -> None:
    """The content once, the activation unless it is this very one."""
    _add_missing(connection, tables.revisions, [{"revision": revision, "at": at, "content": dumps(content)}])
    _add_missing(
        connection, tables.activations, [{"at": at, "revision": revision, "source": storable(source)}]
    )


def newest_digest(connection: Connection, location: str) -> str | None:
    """The digest of what a code location said last."""
    table = tables.catalogues
    query = select(table.c.digest).where(table.c.location == location).order_by(table.c.id.desc()).limit(1)
    return connection.execute(query).scalar()


def add_catalogue(connection: Connection, *, at: float, location: str, digest: str, body: str) -> None:
    """A row, unless the location said the same last."""
    if newest_digest(connection, location) != digest:
        row = {"at": at, "location": location, "digest": digest, "body": body}
        connection.execute(insert(tables.catalogues), row)


def add_cycle(
    connection: Connection, stamp: Stamp, draft: Draft, decisions: Sequence[AnyDecision]
) -> tuple[int, dict[str, int]]:
    """The snapshot, the arrivals and the decisions; the cycle's id, and those of the decisions by run."""
    queued, active = draft.collections["queued"].values(), draft.collections["active"].values()
    row = {"checkpoint_id": draft.checkpoint_id, "snapshot": draft.blob}
    row |= {"queued": len(queued), "active": len(active), "waiting": _waiting(queued, decisions)}
    add = insert(tables.cycles).returning(tables.cycles.c.id)
    cycle_id: int = connection.execute(add, {**asdict(stamp), **row}).scalar_one()
    _add_works(connection, {run.work for run in draft.arrivals} | {each.work for each in decisions})
    _add_missing(connection, tables.arrivals, [_arrival(cycle_id, run) for run in draft.arrivals])
    return cycle_id, _add_decisions(connection, {"cycle_id": cycle_id, **asdict(stamp)}, decisions)


def add_reading(connection: Connection, at: float, node: str, reading: MachineReading) -> None:
    """One sample of a node."""
    connection.execute(insert(tables.readings), {"at": at, "node": node, "reading": dumps(reading)})


def add_usages(connection: Connection, rows: Sequence[RunUsageRow]) -> None:
    """The usages of the runs that have none yet."""
    _add_missing(connection, tables.usages, [_usage(row) for row in rows])


def add_fault(connection: Connection, at: float, node: str, part: str, message: str) -> None:
    """One fault."""
    row = {"at": at, "node": node, "part": part, "message": storable(message)}
    connection.execute(insert(tables.faults), row)


def _usage(row: RunUsageRow) -> dict[str, Any]:
    evidence = row.out_of_memory
    return {**asdict(row), "out_of_memory": None if evidence is None else dumps(evidence)}


def _on_runs(decision: AnyDecision) -> bool:
    """Whether the decision is on single runs, and not on all runs of a kind that wait."""
    verdict = decision.verdict
    return verdict.admits or verdict.changes or verdict is Verdict.FAIL


def _waiting(queued: Iterable[QueuedRun], decisions: Sequence[AnyDecision]) -> int:
    leaving = {run.run_id for decision in decisions if _on_runs(decision) for run in decision.runs}
    return sum(run.admitted_mode is None and run.run_id not in leaving for run in queued)


def _arrival(cycle_id: int, run: QueuedRun) -> dict[str, Any]:
    key = work_key(run.work)
    return {"run_id": run.run_id, "cycle_id": cycle_id, "work_key": key, "submitted_at": run.submitted_at}


def _add_decisions(
    connection: Connection, stamp: Mapping[str, Any], decisions: Sequence[AnyDecision]
) -> dict[str, int]:
    rows = [{**stamp, **row} for decision in decisions for row in _rows(decision)]
    if not rows:
        return {}
    add = insert(tables.decisions).returning(tables.decisions.c.id, sort_by_parameter_order=True)
    ids = connection.execute(add, rows).scalars().all()
    return {row["run_id"]: id_ for row, id_ in zip(rows, ids, strict=True) if row["run_id"] is not None}


def _rows(decision: AnyDecision) -> list[dict[str, Any]]:
    fields = {
        "verdict": decision.verdict.value,
        "work_key": work_key(decision.work),
        "tier": decision.tier,
        "mode": decision.mode,
        "parameters": dumps(decision.parameters),
        "reasons": dumps([reason.plain() for reason in decision.reasons]),
    }
    run_ids = [run.run_id for run in decision.runs]
    if _on_runs(decision):
        return [{**fields, "run_id": run_id, "runs": 1, "run_ids": dumps([run_id])} for run_id in run_ids]
    return [{**fields, "run_id": None, "runs": len(run_ids), "run_ids": dumps(run_ids[:RUNS_NAMED])}]


def _add_works(connection: Connection, works: Iterable[Work]) -> None:
    rows = [{"work_key": work_key(work), "work": json.dumps(asdict(work))} for work in works]
    _add_missing(connection, tables.works, rows)


def _add_missing(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add those rows whose key the table does not hold yet."""
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        connection.execute(sqlite.insert(table).on_conflict_do_nothing(), rows)
    else:
        # What is returned is of no use, but asking for it lets a thousand rows go in one statement.
        add = postgresql.insert(table).on_conflict_do_nothing().returning(*table.primary_key)
        connection.execute(add, rows)
