"""What is added to the ledger; each function writes in the transaction of the connection it is given."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Table, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from adaptive_assets.ledger import tables
from adaptive_assets.ledger.codec import Json
from adaptive_assets.ledger.entries import Entry, EntryKind
from adaptive_assets.ledger.errors import LedgerError, LostCheckpointError
from adaptive_assets.planning.decisions import Verdict

BATCH: Final = 500
"""Runs that are named one by one in a statement."""
ONCE: Final = frozenset({Verdict.LAUNCH.value, Verdict.DEGRADE.value, Verdict.FAIL.value})
"""What is decided once of a run: said again with nothing in between, it is not another decision."""


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


def add(connection: Connection, entry: Entry) -> dict[str, int]:
    """Write ``entry``, unless it is there already; the ids of the decisions in it by run, where it has any.

    Raises :class:`LostCheckpointError` where it is a cycle that builds upon one that is not there, and
    :class:`LedgerError` for what this version does not write.
    """
    try:
        return _add(connection, entry)
    except (KeyError, TypeError, AttributeError) as error:
        message = f"the entry is damaged, or of another version ({type(error).__name__}: {error})"
        raise LedgerError(message) from None


def _add(connection: Connection, entry: Entry) -> dict[str, int]:
    body = entry.body
    match entry.kind:
        case EntryKind.CYCLE:
            return _add_cycle(connection, entry)
        case EntryKind.REVISION:
            revision = {"revision": body["revision"], "at": body["at"], "content": body["content"]}
            activation = {"at": body["at"], "revision": body["revision"], "source": body["source"]}
            _add_missing(connection, tables.revisions, [revision])
            _add_missing(connection, tables.activations, [activation])
        case EntryKind.USAGES:
            _add_missing(connection, tables.usages, body["rows"])
        case EntryKind.READING:
            _add_missing(connection, tables.readings, [{**body, "entry": entry.id}])
        case EntryKind.FAULT:
            _add_missing(connection, tables.faults, [{**body, "entry": entry.id}])
        case _:
            raise LedgerError("the entry is of another version")
    return {}


def _add_cycle(connection: Connection, entry: Entry) -> dict[str, int]:
    body, table = entry.body, tables.cycles
    known = _cycle_of(connection, entry.id)
    if known is not None:
        return _decided_in(connection, known)
    checkpoint = body["checkpoint"]
    checkpoint_id = None if checkpoint is None else _cycle_of(connection, checkpoint)
    if checkpoint is not None and checkpoint_id is None:
        raise LostCheckpointError("the snapshot that the next one builds upon is not there any more")
    row = {name: body[name] for name in ("queued", "active", "waiting")}
    # an entry that an earlier version kept has none of these
    row |= {name: body.get(name) for name in ("planner_version", "digest", "left_out")}
    row |= {"checkpoint_id": checkpoint_id, "snapshot": base64.b64decode(body["snapshot"]), "entry": entry.id}
    new = insert(table).returning(table.c.id)
    cycle_id: int = connection.execute(new, {**body["stamp"], **row}).scalar_one()
    _add_missing(connection, tables.works, body["works"])
    _add_missing(connection, tables.arrivals, [{**row, "cycle_id": cycle_id} for row in body["arrivals"]])
    return _add_decisions(connection, {"cycle_id": cycle_id, **body["stamp"]}, body["decisions"])


def _cycle_of(connection: Connection, entry: str) -> int | None:
    """The cycle that was written by an entry."""
    return connection.execute(select(tables.cycles.c.id).where(tables.cycles.c.entry == entry)).scalar()


def _decided_in(connection: Connection, cycle_id: int) -> dict[str, int]:
    table = tables.decisions
    of_runs = select(table.c.run_id, table.c.id).where(
        table.c.cycle_id == cycle_id, table.c.run_id.is_not(None)
    )
    return {row.run_id: row.id for row in connection.execute(of_runs)}


def _add_decisions(
    connection: Connection, stamp: Mapping[str, Any], decisions: Sequence[Mapping[str, Json]]
) -> dict[str, int]:
    """The decisions that are not what was decided last of their runs; the ids of all, by run."""
    last = _last_of(connection, [row["run_id"] for row in decisions if row["verdict"] in ONCE])
    again = {
        row["run_id"]: last[row["run_id"]][0]
        for row in decisions
        if row["run_id"] in last and last[row["run_id"]][1:] == (row["verdict"], row["mode"])
    }
    rows = [{**stamp, **row} for row in decisions if row["run_id"] is None or row["run_id"] not in again]
    if not rows:
        return again
    new = insert(tables.decisions).returning(tables.decisions.c.id, sort_by_parameter_order=True)
    ids = connection.execute(new, rows).scalars().all()
    added = {row["run_id"]: id_ for row, id_ in zip(rows, ids, strict=True) if row["run_id"] is not None}
    return again | added


def _last_of(connection: Connection, run_ids: Sequence[str]) -> dict[str, tuple[int, str, str]]:
    """The last decision on each run: its id, verdict and mode."""
    table = tables.decisions
    found: dict[str, tuple[int, str, str]] = {}
    for batch in _batches(run_ids):
        newest = select(func.max(table.c.id)).where(table.c.run_id.in_(batch)).group_by(table.c.run_id)
        query = select(table.c.run_id, table.c.id, table.c.verdict, table.c.mode).where(
            table.c.id.in_(newest)
        )
        found |= {row.run_id: (row.id, row.verdict, row.mode) for row in connection.execute(query)}
    return found


def _batches(values: Sequence[str]) -> Iterator[Sequence[str]]:
    return (values[start : start + BATCH] for start in range(0, len(values), BATCH))


def _add_missing(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add those rows whose key the table does not hold yet."""
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        connection.execute(sqlite.insert(table).on_conflict_do_nothing(), rows)
    else:
        # What is returned is of no use, but asking for it lets a thousand rows go in one statement.
        new = postgresql.insert(table).on_conflict_do_nothing().returning(*table.primary_key)
        connection.execute(new, rows)
