"""What can be read from the ledger; each function reads in the transaction of the connection it is given."""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import fields
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, RowMapping, Select, Table, and_, func, or_, select

from adaptive_assets.ledger import tables
from adaptive_assets.ledger.codec import decode
from adaptive_assets.ledger.errors import LedgerError
from adaptive_assets.ledger.rows import (
    ActivationRow,
    DecisionRow,
    FaultRow,
    LedgerStatus,
    OutOfMemory,
    RunUsageRow,
)
from adaptive_assets.ledger.snapshots import DAMAGED, SnapshotReader
from adaptive_assets.planning.snapshot import Declaration, MachineReading, Snapshot, Work

HOUR_S: Final = 3600.0
NEVER: Final = 2**63 - 1
"""Greater than the id of any cycle."""


def snapshot(connection: Connection, cycle_id: int) -> Snapshot:
    """The snapshot of a cycle, from its checkpoint and the deltas since."""
    table = tables.cycles
    base = func.coalesce(table.c.checkpoint_id, table.c.id)
    checkpoint = select(base).where(table.c.id == cycle_id).scalar_subquery()
    entries = (
        select(table.c.snapshot)
        .where(or_(table.c.id == checkpoint, table.c.checkpoint_id == checkpoint), table.c.id <= cycle_id)
        .order_by(table.c.id)
    )
    blobs = connection.execute(entries).scalars().all()
    if not blobs:
        raise LedgerError(f"there is no cycle {cycle_id}: never recorded, or taken away by retention")
    reader = SnapshotReader()
    try:
        for blob in blobs:
            reader.follow(blob)
        return reader.snapshot()
    except DAMAGED as error:
        damage = f"{type(error).__name__}: {error}"
    raise LedgerError(f"the snapshot of cycle {cycle_id} is damaged ({damage})")


def recent_decisions(connection: Connection, limit: int) -> list[DecisionRow]:
    """The last ``limit`` decisions, the newest first."""
    newest_first = _all_decisions().order_by(tables.decisions.c.id.desc())
    return [_decision(row) for row in connection.execute(newest_first.limit(limit))]


def decisions_for_run(connection: Connection, run_id: str, kind: str | None) -> list[DecisionRow]:
    """The decisions that were the run's own, or that held for it as one of its kind; the oldest first.

    Where a kind waits for more than one thing, a run that is named holds to the deferral that names it.
    """
    table = tables.decisions
    mine = or_(table.c.run_id == run_id, *_held_for_run(connection, run_id, kind))
    rows = [_decision(row) for row in connection.execute(_all_decisions().where(mine).order_by(table.c.id))]
    named = {row.cycle_id for row in rows if row.run_id is None and run_id in row.run_ids}
    return [row for row in rows if row.cycle_id not in named or run_id in row.run_ids]


def _held_for_run(connection: Connection, run_id: str, kind: str | None) -> Iterator[ColumnElement[bool]]:
    """Which deferrals held for a run, for each kind of work it was (a policy may have changed meanwhile).

    Deferrals are recorded when they change: so the first to hold for a run are those that were in force in
    the cycle that first saw it as such.  From the cycle in which it was itself decided, they hold no more.
    """
    table, arrivals = tables.decisions, tables.arrivals
    own = select(func.max(table.c.cycle_id)).where(table.c.run_id == run_id)
    decided = connection.execute(own).scalar() or NEVER
    seen = select(arrivals.c.work_key, arrivals.c.cycle_id).where(arrivals.c.run_id == run_id)
    kinds = [(row.work_key, row.cycle_id) for row in connection.execute(seen)]
    if kind is not None and not kinds:
        kinds = [(kind, decided - 1)]
    for key, arrived in kinds:
        if arrived < decided:
            of_kind = and_(table.c.run_id.is_(None), table.c.work_key == key, table.c.cycle_id < decided)
            in_force = select(func.max(table.c.cycle_id)).where(of_kind, table.c.cycle_id <= arrived)
            yield and_(of_kind, table.c.cycle_id >= func.coalesce(in_force.scalar_subquery(), 0))


def status(connection: Connection, now: float | None, minutes: float) -> LedgerStatus:
    """The last of everything, in the order of recording: a clock may have been set back."""
    cycle = _last(connection, tables.cycles)
    reading = _last(connection, tables.readings)
    activation = _last(connection, tables.activations)
    values: dict[str, Any] = {"faults": _faults(connection, now, minutes)}
    if cycle is not None:
        values |= {name: cycle[name] for name in ("at", "node", "revision", "queued", "active")}
        counts = _decided_since(connection, (cycle["at"] if now is None else now) - HOUR_S)
        values |= {"cycle_id": cycle["id"], "counts": {**counts, "defer": cycle["waiting"]}}
    if reading is not None:
        values |= {"reading": decode(MachineReading, json.loads(reading["reading"]))}
        values |= {"reading_node": reading["node"]}
    if activation is not None:
        names = ("at", "revision", "source")
        values |= {"activation": ActivationRow(**{name: activation[name] for name in names})}
    return LedgerStatus(**values)


def usages(
    connection: Connection, policy: str | None, since: float | None, limit: int | None
) -> list[RunUsageRow]:
    """The usages of runs of ``policy`` that ended at ``since`` or later, in the order in which they ended.

    With ``limit``, the last so many of them.
    """
    table = tables.usages
    query = _all_usages().order_by(table.c.ended_at.desc(), table.c.run_id.desc())
    if policy is not None:
        query = query.where(table.c.policy == policy)
    if since is not None:
        query = query.where(table.c.ended_at >= since)
    if limit is not None:
        query = query.limit(limit)
    return [_usage(row) for row in connection.execute(query).mappings()][::-1]


def out_of_memory(connection: Connection, root_run_id: str) -> list[RunUsageRow]:
    """The usages of ``root_run_id`` and of the runs that repeat it, of those that were killed for it."""
    table = tables.usages
    killed = _all_usages().where(
        or_(table.c.run_id == root_run_id, table.c.root_run_id == root_run_id),
        table.c.out_of_memory.is_not(None),
    )
    rows = connection.execute(killed.order_by(table.c.ended_at, table.c.run_id)).mappings()
    return [_usage(row) for row in rows]


def readings(connection: Connection, since: float, until: float) -> list[MachineReading]:
    """The samples from ``since`` to ``until``, the oldest first."""
    table = tables.readings
    query = select(table.c.reading).where(table.c.at >= since, table.c.at <= until).order_by(table.c.at)
    return [decode(MachineReading, json.loads(text)) for text in connection.execute(query).scalars()]


def works(connection: Connection) -> dict[str, Work]:
    """The kinds of work that the ledger speaks of, by key; one that a later version wrote is left out."""
    found = {}
    for row in connection.execute(select(tables.works)):
        with suppress(TypeError, ValueError, KeyError, AttributeError):
            found[row.work_key] = decode(Work, json.loads(row.work))
    return found


def _last(connection: Connection, table: Table) -> Mapping[str, Any] | None:
    columns = [column for column in table.c if column.name != "snapshot"]
    row = connection.execute(select(*columns).order_by(table.c.id.desc()).limit(1)).mappings().first()
    return None if row is None else dict(row)


def _decided_since(connection: Connection, at: float) -> Mapping[str, int]:
    """Runs that left the queue, by verdict."""
    table = tables.decisions
    on_runs = and_(table.c.run_id.is_not(None), table.c.at >= at)
    query = select(table.c.verdict, func.count().label("runs")).where(on_runs).group_by(table.c.verdict)
    return {row.verdict: row.runs for row in connection.execute(query)}


def _faults(connection: Connection, now: float | None, minutes: float) -> tuple[FaultRow, ...]:
    """Of the last ``minutes`` before ``now``, or before the newest of what the ledger holds."""
    table = tables.faults
    if now is None:
        dated = (table, tables.cycles, tables.readings)
        newest = [connection.execute(select(func.max(each.c.at))).scalar() for each in dated]
        now = max((at for at in newest if at is not None), default=0.0)
    last = func.max(table.c.at)
    query = (
        select(last, func.min(table.c.at), table.c.node, table.c.part, table.c.message, func.count())
        .where(table.c.at >= now - 60 * minutes)
        .group_by(table.c.node, table.c.part, table.c.message)
        .order_by(last.desc(), func.max(table.c.id).desc())
    )
    return tuple(FaultRow(*row) for row in connection.execute(query))


def _all_usages() -> Select[Any]:
    return select(*[tables.usages.c[field.name] for field in fields(RunUsageRow)])


def _usage(row: RowMapping) -> RunUsageRow:
    told = {"out_of_memory": OutOfMemory, "declared": Declaration}
    plain = {name: row[name] and decode(kind, json.loads(row[name])) for name, kind in told.items()}
    return RunUsageRow(**{**row, **plain})


def _all_decisions() -> Select[Any]:
    works = tables.works
    joined = tables.decisions.join(works, works.c.work_key == tables.decisions.c.work_key)
    return select(tables.decisions, works.c.work).select_from(joined)


def _decision(row: Row[Any]) -> DecisionRow:
    work = json.loads(row.work)
    reasons = tuple(json.loads(row.reasons))
    return DecisionRow(
        id=row.id,
        cycle_id=row.cycle_id,
        at=row.at,
        node=row.node,
        revision=row.revision,
        verdict=row.verdict,
        run_id=row.run_id,
        work_key=row.work_key,
        work=work,
        policy=work["policy"],
        tier=row.tier,
        mode=row.mode,
        parameters=json.loads(row.parameters),
        reason=reasons[0]["code"],
        sentence=reasons[0]["sentence"],
        reasons=reasons,
        runs=row.runs,
        run_ids=tuple(json.loads(row.run_ids)),
    )
