"""What may be forgotten.  The only place where rows of the ledger are deleted."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, Connection, Delete, delete, exists, func, or_, select

from adaptive_assets.ledger import queries
from adaptive_assets.ledger.database import Database
from adaptive_assets.ledger.in_force import newest_catalogues
from adaptive_assets.ledger.run_requests import SETTLED
from adaptive_assets.ledger.tables import (
    arrivals,
    catalogues,
    cycles,
    decisions,
    faults,
    readings,
    run_requests,
    usages,
)
from adaptive_assets.planning.snapshot import Snapshot
from adaptive_assets.planning.work_key import work_key

BATCH: Final = 1000
"""Rows that are named one by one in a statement."""


def prune(database: Database, before: float) -> int:
    """Delete what is older than ``before``; the number of rows.

    In many short transactions, so that whoever records a cycle meanwhile never waits long.
    """
    newest = database.read("prune", _newest_snapshot)
    statements = [
        *_by_key(decisions.c.id, database.read("prune", lambda c: _old_decisions(c, before, newest))),
        *_by_key(arrivals.c.run_id, database.read("prune", lambda c: _old_arrivals(c, before, newest))),
        delete(cycles).where(cycles.c.at < before, _needed_by_none_since(before)),
        delete(catalogues).where(catalogues.c.at < before, catalogues.c.id.not_in(newest_catalogues())),
        delete(readings).where(readings.c.at < before),
        delete(usages).where(usages.c.ended_at < before),
        delete(faults).where(faults.c.at < before),
        delete(run_requests).where(run_requests.c.changed_at < before, run_requests.c.state.in_(SETTLED)),
    ]
    return sum(_execute(database, statement) for statement in statements)


def _execute(database: Database, statement: Delete) -> int:
    return database.write("prune", lambda connection: connection.execute(statement).rowcount)


def _by_key(column: Column[Any], keys: Sequence[Any]) -> list[Delete]:
    """Deletions of the rows whose ``column`` is one of ``keys``."""
    batches = (keys[start : start + BATCH] for start in range(0, len(keys), BATCH))
    return [delete(column.table).where(column.in_(batch)) for batch in batches]


def _newest_snapshot(connection: Connection) -> Snapshot | None:
    cycle_id = connection.execute(select(func.max(cycles.c.id))).scalar()
    return None if cycle_id is None else queries.snapshot(connection, cycle_id)


def _old_decisions(connection: Connection, before: float, newest: Snapshot | None) -> Sequence[int]:
    """All but those on runs that are queued or active, and the deferrals in force of each kind that waits."""
    queued, active = (newest.queued, newest.active) if newest else ((), ())
    present = {run.run_id for run in queued} | {run.run_id for run in active}
    waiting = {work_key(run.work) for run in queued}
    newest_cycle = func.max(decisions.c.cycle_id).label("cycle_id")
    deferred = select(decisions.c.work_key, newest_cycle).where(decisions.c.run_id.is_(None))
    newest_of = connection.execute(deferred.group_by(decisions.c.work_key))
    in_force = {(row.work_key, row.cycle_id) for row in newest_of if row.work_key in waiting}
    columns = (decisions.c.id, decisions.c.run_id, decisions.c.work_key, decisions.c.cycle_id)
    return [
        row.id
        for row in connection.execute(select(*columns).where(decisions.c.at < before))
        if row.run_id not in present and (row.run_id or (row.work_key, row.cycle_id) not in in_force)
    ]


def _old_arrivals(connection: Connection, before: float, newest: Snapshot | None) -> Sequence[str]:
    """The runs that were submitted before, but for those that are still in the queue."""
    queued = {run.run_id for run in newest.queued} if newest else set()
    old = select(arrivals.c.run_id).where(arrivals.c.submitted_at < before).distinct()
    return [run_id for run_id in connection.execute(old).scalars() if run_id not in queued]


def _needed_by_none_since(before: float) -> ColumnElement[bool]:
    """No cycle since ``before``, nor the newest of all, is rebuilt from this one.

    A cycle is rebuilt from its checkpoint and all deltas between, so all cycles of a checkpoint are needed up
    to the last one that stays.  The newest stays because the process that recorded it may add to it.
    """
    checkpoint = func.coalesce(cycles.c.checkpoint_id, cycles.c.id)
    newest = select(func.max(cycles.c.id)).scalar_subquery()
    stays = (
        select(checkpoint.label("checkpoint"), func.max(cycles.c.id).label("last"))
        .where(or_(cycles.c.at >= before, cycles.c.id == newest))
        .group_by(checkpoint)
        .subquery()
    )
    return ~exists().where(stays.c.checkpoint == checkpoint, stays.c.last >= cycles.c.id)
