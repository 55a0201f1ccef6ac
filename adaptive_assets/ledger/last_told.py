"""What the ledger told last of runs and of kinds of work: that is in force."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, and_, func, select

from adaptive_assets.ledger import tables
from adaptive_assets.ledger.rows import Stances
from adaptive_assets.ledger.wire import reason_code

NEVER: Final = 2**63 - 1
"""Greater than the id of any cycle."""
BATCH: Final = 500
"""Keys that are named one by one in a statement."""


def of_runs(connection: Connection, run_ids: Sequence[str], before: int = NEVER) -> Iterator[Row[Any]]:
    """The last decision on each of the runs, of the cycles ``before`` one."""
    table = tables.decisions
    for batch in _batches(run_ids):
        told = and_(table.c.run_id.in_(batch), table.c.cycle_id < before)
        newest = select(func.max(table.c.id)).where(told).group_by(table.c.run_id)
        yield from connection.execute(select(table).where(table.c.id.in_(newest)))


def of_kinds(connection: Connection, kinds: Sequence[str], before: int = NEVER) -> Iterator[Row[Any]]:
    """The last deferrals of each of the kinds of work, of the cycles ``before`` one, in order."""
    table = tables.decisions
    for batch in _batches(kinds):
        of_them = and_(table.c.run_id.is_(None), table.c.work_key.in_(batch), table.c.cycle_id < before)
        last = (
            select(table.c.work_key.label("key"), func.max(table.c.cycle_id).label("cycle"))
            .where(of_them)
            .group_by(table.c.work_key)
            .subquery()
        )
        told = and_(table.c.work_key == last.c.key, table.c.cycle_id == last.c.cycle)
        rows = select(table).join(last, told).where(table.c.run_id.is_(None)).order_by(table.c.id)
        yield from connection.execute(rows)


def stances(connection: Connection, run_ids: Sequence[str], kinds: Sequence[str]) -> Stances:
    """The last decision on each of the runs, and the last deferrals of each of the kinds of work."""
    runs: dict[str, tuple[str, ...]] = {}
    ids: dict[str, int] = {}
    for row in of_runs(connection, run_ids):
        runs[row.run_id], ids[row.run_id] = _stance(row), row.id
    waiting: dict[str, tuple[tuple[str, ...], ...]] = {}
    for row in of_kinds(connection, kinds):
        waiting[row.work_key] = (*waiting.get(row.work_key, ()), _stance(row))
    return Stances(runs, ids, waiting)


def _stance(row: Row[Any]) -> tuple[str, ...]:
    codes = dict.fromkeys(reason_code(str(reason["code"])) for reason in json.loads(row.reasons))
    return (row.verdict, row.mode, *codes)


def _batches(values: Sequence[str]) -> Iterator[Sequence[str]]:
    return (values[start : start + BATCH] for start in range(0, len(values), BATCH))
