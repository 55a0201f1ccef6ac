"""What can be read from the ledger; each function reads in the transaction of the connection it is given."""

import json
import zlib
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, and_, func, or_, select

from adaptive_assets.ledger import tables
from adaptive_assets.ledger.codec import decode
from adaptive_assets.ledger.errors import LedgerError
from adaptive_assets.ledger.rows import ActivationRow, DecisionRow, FaultRow, LedgerStatus, RunUsageRow
from adaptive_assets.ledger.snapshots import restore
from adaptive_assets.planning.snapshot import MachineReading, Snapshot

__all__ = [
    "active_policy_text",
    "catalogue_digests",
    "catalogues",
    "decisions_for_run",
    "newest_catalogues",
    "recent_decisions",
    "snapshot",
    "status",
    "usages",
]

HOUR: Final = 3600.0


def catalogues(connection: Connection) -> dict[str, str]:
    """The newest body of each code location."""
    table = tables.catalogues
    query = select(table.c.location, table.c.body).where(table.c.id.in_(newest_catalogues()))
    return {location: body for location, body in connection.execute(query)}


def catalogue_digests(connection: Connection) -> dict[str, str]:
    """The digest of the newest catalogue of each code location."""
    table = tables.catalogues
    query = select(table.c.location, table.c.digest).where(table.c.id.in_(newest_catalogues()))
    return {location: digest for location, digest in connection.execute(query)}


def active_policy_text(connection: Connection) -> str | None:
    """The text of the policy book of the last activation."""
    revisions, activations = tables.revisions, tables.activations
    content = connection.execute(
        select(revisions.c.content)
        .join(activations, activations.c.revision == revisions.c.revision)
        .order_by(activations.c.id.desc())
        .limit(1)
    ).scalar_one_or_none()
    if content is None:
        return None
    return str(json.loads(content).get("text", ""))


def newest_catalogues() -> Select[tuple[int]]:
    """The id of the newest catalogue of each code location."""
    table = tables.catalogues
    return select(func.max(table.c.id)).group_by(table.c.location)


def snapshot(connection: Connection, cycle_id: int) -> Snapshot:
    """The snapshot of a cycle, from its checkpoint and the deltas since."""
    table = tables.cycles
    found = connection.execute(
        select(table.c.id, table.c.checkpoint_id).where(table.c.id == cycle_id)
    ).one_or_none()
    if found is None:
        raise LedgerError(
            f"there is no cycle {cycle_id}: it was never recorded, or retention has taken it away"
        )
    checkpoint = cycle_id if found.checkpoint_id is None else found.checkpoint_id
    entries = (
        select(table.c.snapshot)
        .where(
            or_(table.c.id == checkpoint, and_(table.c.checkpoint_id == checkpoint, table.c.id <= cycle_id))
        )
        .order_by(table.c.id)
    )
    try:
        return restore(connection.execute(entries).scalars())
    except (zlib.error, ValueError, KeyError, TypeError) as error:
        raise LedgerError(f"the snapshot of cycle {cycle_id} is damaged: {error}") from None


def recent_decisions(connection: Connection, limit: int) -> list[DecisionRow]:
    """The last ``limit`` decisions, the newest first."""
    return _decisions(connection, _select_decisions().order_by(tables.decisions.c.id.desc()).limit(limit))


def decisions_for_run(connection: Connection, run_id: str, kind: str | None) -> list[DecisionRow]:
    """The decisions that were the run's own or held for it as one of its kind, the oldest first.

    A kind's deferral is recorded when it changes, so the one that was in force when the run arrived holds for it
    too.  From the cycle in which the run was itself decided last, its kind's deferrals are not its own any more.
    """
    table = tables.decisions
    arrivals = tables.arrivals
    query = _select_decisions().order_by(table.c.id)
    own = table.c.run_id == run_id
    of_kind = table.c.run_id.is_(None)
    arrival = connection.execute(select(arrivals).where(arrivals.c.run_id == run_id)).one_or_none()
    decided = connection.execute(select(func.max(table.c.cycle_id)).where(own)).scalar()
    in_force = select(func.max(table.c.id))
    if arrival is not None:
        of_kind = and_(of_kind, table.c.work_key == arrival.work_key)
        in_force = in_force.where(table.c.cycle_id <= arrival.cycle_id)
    elif kind is not None:
        of_kind = and_(of_kind, table.c.work_key == kind)
    if decided is not None:
        of_kind = and_(of_kind, table.c.cycle_id < decided)
    unknown = arrival is None and kind is None
    at_once = arrival is not None and decided is not None and decided <= arrival.cycle_id
    if unknown or at_once:
        return _decisions(connection, query.where(own))
    first = connection.execute(in_force.where(of_kind)).scalar() or 0
    return _decisions(connection, query.where(or_(own, and_(of_kind, table.c.id >= first))))


def status(connection: Connection, now: float | None, minutes: float) -> LedgerStatus:
    """The last of everything.  Rows are the newest by the order of recording: a clock may have been set back."""
    cycle = connection.execute(select(tables.cycles).order_by(tables.cycles.c.id.desc()).limit(1)).first()
    reading = connection.execute(
        select(tables.readings).order_by(tables.readings.c.id.desc()).limit(1)
    ).first()
    activation = connection.execute(
        select(tables.activations).order_by(tables.activations.c.id.desc()).limit(1)
    ).first()
    values: dict[str, Any] = {"faults": _faults(connection, now, minutes)}
    if cycle is not None:
        counts = _counts(connection, cycle.at - HOUR)
        values |= {"cycle_id": cycle.id, "at": cycle.at, "node": cycle.node, "revision": cycle.revision}
        values |= {
            "queued": cycle.queued,
            "active": cycle.active,
            "counts": {**counts, "defer": cycle.waiting},
        }
    if reading is not None:
        values |= {
            "reading": decode(MachineReading, json.loads(reading.reading)),
            "reading_node": reading.node,
        }
    if activation is not None:
        values |= {"activation": ActivationRow(activation.at, activation.revision, activation.source)}
    return LedgerStatus(**values)


def usages(connection: Connection, policy: str | None, since: float | None) -> list[RunUsageRow]:
    """The usages of runs of ``policy`` that ended at ``since`` or later, in the order in which they ended."""
    table = tables.usages
    query = select(*(table.c[field.name] for field in fields(RunUsageRow))).order_by(
        table.c.ended_at, table.c.run_id
    )
    if policy is not None:
        query = query.where(table.c.policy == policy)
    if since is not None:
        query = query.where(table.c.ended_at >= since)
    return [RunUsageRow(**row._mapping) for row in connection.execute(query)]


def _counts(connection: Connection, since: float) -> Mapping[str, int]:
    table = tables.decisions
    query = (
        select(table.c.verdict, func.sum(table.c.runs))
        .where(table.c.run_id.is_not(None), table.c.at >= since)
        .group_by(table.c.verdict)
    )
    return {verdict: int(runs) for verdict, runs in connection.execute(query)}


def _faults(connection: Connection, now: float | None, minutes: float) -> tuple[FaultRow, ...]:
    """Of the last ``minutes`` before ``now``, or before the newest of what the ledger holds."""
    table = tables.faults
    if now is None:
        newest = [
            connection.execute(select(func.max(t.c.at))).scalar()
            for t in (table, tables.cycles, tables.readings)
        ]
        now = max((at for at in newest if at is not None), default=0.0)
    last = func.max(table.c.at)
    query = (
        select(last, func.min(table.c.at), table.c.node, table.c.part, table.c.message, func.count())
        .where(table.c.at >= now - 60 * minutes)
        .group_by(table.c.node, table.c.part, table.c.message)
        .order_by(last.desc(), func.max(table.c.id).desc())
    )
    return tuple(FaultRow(*row) for row in connection.execute(query))


def _select_decisions() -> Select[Any]:
    works = tables.works
    joined = tables.decisions.outerjoin(works, works.c.work_key == tables.decisions.c.work_key)
    return select(tables.decisions, works.c.work).select_from(joined)


def _decisions(connection: Connection, query: Select[Any]) -> list[DecisionRow]:
    return [_decision(row) for row in connection.execute(query)]


def _decision(row: Row[Any]) -> DecisionRow:
    work = json.loads(row.work)
    reasons = tuple(json.loads(row.reasons))
    first = reasons[0] if reasons else {"code": "", "sentence": ""}
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
        reason=first["code"],
        sentence=first["sentence"],
        reasons=reasons,
        runs=row.runs,
        run_ids=tuple(json.loads(row.run_ids)),
    )
