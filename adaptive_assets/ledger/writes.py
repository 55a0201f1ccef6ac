"""What is added to the ledger; each function writes in the transaction of the connection it is given."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from sqlalchemy import Connection, Table, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from adaptive_assets.ledger import tables
from adaptive_assets.ledger.codec import dumps
from adaptive_assets.ledger.rows import RunUsageRow
from adaptive_assets.ledger.snapshots import Draft
from adaptive_assets.planning.snapshot import MachineReading, QueuedRun, Work
from adaptive_assets.planning.verdicts import Decision, Verdict
from adaptive_assets.planning.work_key import work_key

__all__ = ["catalogue", "cycle", "decided", "fault", "newest_digest", "reading", "revision", "usages"]

RUNS_NAMED: Final = 20
"""How many run ids a deferral keeps: enough to look at, whatever the length of the queue."""


def revision(
    connection: Connection, *, at: float, revision: str, source: str, content: Mapping[str, Any]
) -> None:
    """The content once, the activation each time it is a new one."""
    _add_missing(connection, tables.revisions, [{"revision": revision, "at": at, "content": dumps(content)}])
    _add_missing(connection, tables.activations, [{"at": at, "revision": revision, "source": _text(source)}])


def newest_digest(connection: Connection, location: str) -> str | None:
    """The digest of what a code location said last."""
    table = tables.catalogues
    query = select(table.c.digest).where(table.c.location == location).order_by(table.c.id.desc()).limit(1)
    return connection.execute(query).scalar()


def catalogue(connection: Connection, *, at: float, location: str, digest: str, body: str) -> None:
    """A row, unless the location said the same last."""
    if newest_digest(connection, location) != digest:
        row = {"at": at, "location": location, "digest": digest, "body": body}
        connection.execute(insert(tables.catalogues), row)


def cycle(
    connection: Connection,
    *,
    at: float,
    node: str,
    revision: str,
    draft: Draft,
    decisions: Sequence[Decision],
) -> tuple[int, dict[str, int]]:
    """The snapshot, the arrivals and the decisions; the cycle's id, and those of the decisions on single runs."""
    row = {"at": at, "node": node, "revision": revision, "checkpoint_id": draft.checkpoint_id}
    row |= {"queued": len(draft.snapshot.queued), "active": len(draft.snapshot.active)}
    row |= {"waiting": _waiting(draft.snapshot.queued, decisions), "snapshot": draft.blob}
    cycle_id = connection.execute(insert(tables.cycles).returning(tables.cycles.c.id), row).scalar_one()
    _works(connection, {run.work for run in draft.arrivals} | {decision.work for decision in decisions})
    arrivals = [
        {
            "run_id": run.run_id,
            "cycle_id": cycle_id,
            "work_key": work_key(run.work),
            "submitted_at": run.submitted_at,
        }
        for run in draft.arrivals
    ]
    _add_missing(connection, tables.arrivals, arrivals)
    stamp = {"cycle_id": cycle_id, "at": at, "node": node, "revision": revision}
    rows = [{**stamp, **fields} for decision in decisions for fields in _rows(decision)]
    if not rows:
        return cycle_id, {}
    add = insert(tables.decisions).returning(tables.decisions.c.id, sort_by_parameter_order=True)
    ids = connection.execute(add, rows).scalars()
    return cycle_id, {
        row["run_id"]: id_ for row, id_ in zip(rows, ids, strict=True) if row["run_id"] is not None
    }


def reading(connection: Connection, *, at: float, node: str, reading: MachineReading) -> None:
    """One sample of a node."""
    connection.execute(insert(tables.readings), {"at": at, "node": node, "reading": dumps(reading)})


def usages(connection: Connection, rows: Iterable[RunUsageRow]) -> None:
    """The usages of the runs that have none yet."""
    _add_missing(connection, tables.usages, [asdict(row) for row in rows])


def fault(connection: Connection, *, at: float, node: str, part: str, message: str) -> None:
    """One fault."""
    row = {"at": at, "node": node, "part": part, "message": _text(message)}
    connection.execute(insert(tables.faults), row)


def decided(decision: Decision) -> bool:
    """Whether the decision is on single runs, which leave the queue by it, and not on a kind that waits."""
    return decision.verdict.admits or decision.verdict is Verdict.FAIL


def _waiting(queued: Sequence[QueuedRun], decisions: Sequence[Decision]) -> int:
    leaving = {run.run_id for decision in decisions if decided(decision) for run in decision.runs}
    return sum(run.admitted_mode is None and run.run_id not in leaving for run in queued)


def _rows(decision: Decision) -> list[dict[str, Any]]:
    fields = {
        "verdict": decision.verdict.value,
        "work_key": work_key(decision.work),
        "tier": decision.tier,
        "mode": decision.mode,
        "parameters": dumps(decision.parameters),
        "reasons": dumps(decision.reasons),
    }
    run_ids = [run.run_id for run in decision.runs]
    if decided(decision):
        return [{**fields, "run_id": run_id, "runs": 1, "run_ids": dumps([run_id])} for run_id in run_ids]
    return [{**fields, "run_id": None, "runs": len(run_ids), "run_ids": dumps(run_ids[:RUNS_NAMED])}]


def _works(connection: Connection, works: set[Work]) -> None:
    rows = [{"work_key": work_key(work), "work": dumps(asdict(work))} for work in works]
    _add_missing(connection, tables.works, sorted(rows, key=lambda row: row["work_key"]))


def _add_missing(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add those rows whose key the table does not hold yet."""
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        connection.execute(sqlite.insert(table).on_conflict_do_nothing(), rows)
    else:
        connection.execute(postgresql.insert(table).on_conflict_do_nothing(), rows)


def _text(text: str) -> str:
    """What any database can hold as text: no NUL, no half of a surrogate pair."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\x00", "\\x00")
