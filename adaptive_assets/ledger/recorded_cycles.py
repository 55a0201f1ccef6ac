"""The cycles that were recorded, in order: the snapshots, the decisions, and how they were planned."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, select

from adaptive_assets.ledger import last_told, tables
from adaptive_assets.ledger.entries import Planned, decision_rows
from adaptive_assets.ledger.snapshots import DAMAGED, SnapshotReader
from adaptive_assets.ledger.wire import reason_code
from adaptive_assets.planning.decisions import AnyDecision
from adaptive_assets.planning.snapshot import Snapshot
from adaptive_assets.planning.told_decision import ToldDecision
from adaptive_assets.planning.transitions import run_key

Span = tuple[int, int]
"""The ids of a checkpoint and of the last cycle that is wanted of those that build upon it."""


@dataclass(frozen=True, slots=True)
class RecordedCycle:
    """A cycle as it was recorded; without ``snapshot`` where that is not whole any more: see ``damage``."""

    id: int
    at: float
    node: str
    revision: str
    planned: Planned
    decisions: tuple[ToldDecision, ...]
    snapshot: Snapshot | None
    damage: str = ""


def chains(connection: Connection, since: float, until: float) -> list[Span]:
    """The chains that have cycles from ``since`` to ``until`` (POSIX seconds, both included)."""
    table = tables.cycles
    checkpoint = func.coalesce(table.c.checkpoint_id, table.c.id)
    query = (
        select(checkpoint, func.max(table.c.id))
        .where(table.c.at >= since, table.c.at <= until)
        .group_by(checkpoint)
        .order_by(checkpoint)
    )
    return [(row[0], row[1]) for row in connection.execute(query)]


def chain(connection: Connection, span: Span) -> tuple[list[Row[Any]], Mapping[int, list[ToldDecision]]]:
    """The rows of a chain, its checkpoint first, and the decisions of each of its cycles, by id."""
    cycles, decisions = tables.cycles, tables.decisions
    first, last = span
    in_chain = (cycles.c.id == first) | (cycles.c.checkpoint_id == first)
    rows = list(connection.execute(select(cycles).where(in_chain, cycles.c.id <= last).order_by(cycles.c.id)))
    found: defaultdict[int, list[ToldDecision]] = defaultdict(list)
    if rows:
        times = [row.at for row in rows]
        # by time, for which there is an index
        during = decisions.c.at.between(min(times), max(times)) & decisions.c.cycle_id.between(first, last)
        for row in connection.execute(select(decisions).where(during).order_by(decisions.c.id)):
            found[row.cycle_id].append(_told(row._asdict()))
    return rows, found


def cycles_of(
    rows: Sequence[Row[Any]], decisions: Mapping[int, list[ToldDecision]], since: float, until: float
) -> Iterator[RecordedCycle]:
    """The cycles of a chain that were from ``since`` to ``until``, read in one pass."""
    reader, damage = SnapshotReader(), ""
    for row in rows:
        snapshot = None
        try:
            if not damage:  # what follows builds upon it
                reader.follow(row.snapshot)
                snapshot = reader.snapshot()
        except DAMAGED as error:
            damage = f"{type(error).__name__}: {error}"
        if snapshot and (len(snapshot.queued), len(snapshot.active)) != (row.queued, row.active):
            snapshot, damage = None, "what it builds upon was lost"
        if since <= row.at <= until:
            left_out = tuple(json.loads(row.left_out or "[]"))
            planned = Planned(row.planner_version, row.digest, left_out)
            told = tuple(decisions.get(row.id, ()))
            yield RecordedCycle(row.id, row.at, row.node, row.revision, planned, told, snapshot, damage)


def told_before(connection: Connection, cycle_id: int, keys: Collection[str]) -> list[ToldDecision]:
    """What was told last before a cycle, of each key of stances."""
    runs = [key.removeprefix(run_key("")) for key in keys if key.startswith(run_key(""))]
    kinds = [key.removeprefix("kind:") for key in keys if key.startswith("kind:")]
    rows = [
        *last_told.of_runs(connection, runs, cycle_id),
        *last_told.of_kinds(connection, kinds, cycle_id),
    ]
    return [_told(row._asdict()) for row in rows]


def tell(decision: AnyDecision) -> list[ToldDecision]:
    """A decision as it would be read, had it been recorded."""
    return [_told(row) for row in decision_rows(decision)]


def _told(row: Mapping[str, Any]) -> ToldDecision:
    plain = {name: json.loads(row[name]) for name in ("parameters", "reasons", "run_ids")}
    for reason in plain["reasons"]:
        reason["code"] = reason_code(str(reason["code"]))
    kept = {name: row[name] for name in ("verdict", "run_id", "work_key", "tier", "mode", "runs")}
    return ToldDecision(**kept, **plain)
