"""What is requested of Dagster: written once by its key, and followed until it is settled."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, select, update
from sqlalchemy.dialects import postgresql, sqlite

from adaptive_assets.ledger.database import Database
from adaptive_assets.ledger.tables import run_requests as table
from adaptive_assets.ledger.texts import storable


class RequestState(StrEnum):
    """How far a request has come."""

    ASKED = "asked"
    """It is to be carried out."""
    LAUNCHED = "launched"
    """Its run is in Dagster's queue, or runs."""
    DONE = "done"
    FAILED = "failed"
    """It was tried as often as it may be; ``said`` tells why."""


SETTLED: Final = (RequestState.DONE.value, RequestState.FAILED.value)


@dataclass(frozen=True, slots=True)
class RunRequestRow:
    """A request; ``attempt`` counts from 1, and ``body`` holds what its kind needs beside the subject."""

    key: str
    kind: str
    asset: str
    partition: str
    why: str
    at: float
    body: Mapping[str, Any] = field(default_factory=dict)
    state: str = RequestState.ASKED.value
    attempt: int = 1
    run_id: str | None = None
    said: str = ""
    changed_at: float = 0.0


class RunRequestTable:
    """The requests in the ledger. Every method may raise :class:`LedgerError`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, row: RunRequestRow) -> bool:
        """Write a request unless one of its key is there; whether it was written."""
        values = {name: _stored(getattr(row, name)) for name in _PLAIN} | {
            "body": storable(json.dumps(dict(row.body))),
            "why": storable(row.why),
            "changed_at": row.changed_at or row.at,
        }

        def write(connection: Connection) -> bool:
            add = (sqlite if connection.dialect.name == "sqlite" else postgresql).insert(table).values(values)
            return connection.execute(add.on_conflict_do_nothing()).rowcount == 1

        return self._database.write("record a request", write)

    def unsettled(self, limit: int = 200) -> list[RunRequestRow]:
        """Those that are not settled, the oldest first."""
        return self._read(
            select(table).where(table.c.state.not_in(SETTLED)).order_by(table.c.at).limit(limit)
        )

    def of(self, asset: str, partition: str, limit: int = 200) -> list[RunRequestRow]:
        """Those of a partition of an asset, the newest first; ``partition`` is empty where there is none."""
        subject = (table.c.asset == storable(asset)) & (table.c.partition == storable(partition))
        return self._read(select(table).where(subject).order_by(table.c.at.desc()).limit(limit))

    def move(
        self,
        row: RunRequestRow,
        state: RequestState,
        *,
        at: float,
        run_id: str | None,
        said: str = "",
        attempt: int,
    ) -> bool:
        """Say how far a request has come, if it still is as ``row`` says; whether it was."""
        same = (table.c.key == row.key) & (table.c.state == row.state) & (table.c.attempt == row.attempt)
        values = {
            "state": state.value,
            "attempt": attempt,
            "run_id": run_id,
            "said": storable(said),
            "changed_at": at,
        }
        change = update(table).where(same).values(values)
        return self._database.write("change a request", lambda c: c.execute(change).rowcount == 1)

    def _read(self, query: Select[Any]) -> list[RunRequestRow]:
        rows = self._database.read("read the requests", lambda c: c.execute(query).all())
        return [_row(row) for row in rows]


_PLAIN: Final = ("key", "kind", "asset", "partition", "at", "state", "attempt", "run_id", "said")


def _stored(value: Any) -> Any:
    return storable(value) if isinstance(value, str) else value


def _row(row: Row[Any]) -> RunRequestRow:
    values = dict(row._mapping)  # noqa: SLF001  the public name for a row as a mapping
    return RunRequestRow(**{**values, "body": json.loads(values["body"])})
