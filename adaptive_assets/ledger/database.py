"""Connections to the ledger: one transaction at a time, and every failure told in words that hold no secret."""

import sqlite3
import threading
from collections.abc import Callable
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import SQLAlchemyError, StatementError

from adaptive_assets.ledger.errors import LedgerError
from adaptive_assets.ledger.location import HARMLESS, Location
from adaptive_assets.ledger.migrating import is_current, migrate

__all__ = ["Database"]

T = TypeVar("T")

WAIT_S: Final = 10
"""How long to wait for a connection, or for a lock that another process holds."""
MIGRATION_WAIT_S: Final = 60
WRITES: Final = "adaptive_ledger_writes"


class Database:
    """The ledger's database; connected to, and migrated, when first used.  Safe to share between threads."""

    def __init__(self, location: Location, schema: str) -> None:
        """``schema`` is where the tables live on PostgreSQL; a SQLite file is the ledger's alone."""
        self._location = location
        self._schema = None if location.is_sqlite else schema
        self._engine = _engine(location, self._schema)
        self._ready = False
        self._readying = threading.Lock()

    def read(self, operation: str, work: Callable[[Connection], T]) -> T:
        """What ``work`` reads; ``operation`` completes the sentence "cannot …" should it fail."""
        return self.attempt(operation, lambda: self._transaction(work, writes=False))

    def write(self, operation: str, work: Callable[[Connection], T]) -> T:
        """What ``work`` returns, once everything that it wrote is committed; all of it or nothing."""
        return self.attempt(operation, lambda: self._transaction(work, writes=True))

    def attempt(self, operation: str, act: Callable[[], T]) -> T:
        """What ``act`` returns, or :class:`LedgerError` with the cause in words, cleaned of secrets.

        It is raised outside of the ``except``: the driver's exception, which may quote the URL, is not chained.
        """
        try:
            return act()
        except LedgerError as error:
            cause = str(error)
        except StatementError as error:
            cause = str(error.orig)
        except (SQLAlchemyError, sqlite3.Error, OSError, ValueError) as error:
            cause = str(error)
        cause = self._location.mask(" ".join(cause.split()))
        raise LedgerError(
            f"cannot {operation} in the ledger {self._location.safe_url}: {cause}{_hint(cause)}"
        )

    def dispose(self) -> None:
        """Close the idle connections; the next use opens new ones."""
        self._engine.dispose()

    def _transaction(self, work: Callable[[Connection], T], *, writes: bool) -> T:
        self._prepare()
        with self._engine.connect().execution_options(**{WRITES: writes}) as connection, connection.begin():
            if writes:
                self._limit_waiting(connection, WAIT_S)
            return work(connection)

    def _prepare(self) -> None:
        """Migrate, once in the life of this object; a look suffices where nothing is to be done."""
        with self._readying:
            if self._ready:
                return
            if (file := self._location.file) is not None:
                file.parent.mkdir(parents=True, exist_ok=True)
            with self._engine.connect() as connection, connection.begin():
                current = is_current(connection, self._schema)
            if not current:
                with (
                    self._engine.connect().execution_options(**{WRITES: True}) as connection,
                    connection.begin(),
                ):
                    self._limit_waiting(connection, MIGRATION_WAIT_S)
                    migrate(connection, self._schema)
            self._ready = True

    def _limit_waiting(self, connection: Connection, seconds: int) -> None:
        """On PostgreSQL, for this transaction; SQLite's connections are born with their limit."""
        if self._schema is not None:
            connection.execute(
                text("SELECT set_config('lock_timeout', :limit, true)"), {"limit": f"{seconds}s"}
            )


def _engine(location: Location, schema: str | None) -> Engine:
    """The engine itself knows no query secret: they go to the driver by another way."""
    hidden = {key: value for key, value in location.url.query.items() if key not in HARMLESS}
    arguments: dict[str, Any] = dict(hidden)
    if location.is_sqlite:
        if "timeout" not in location.url.query:
            arguments["timeout"] = WAIT_S
        arguments["isolation_level"] = None
    else:
        for key, value in (("connect_timeout", WAIT_S), ("application_name", "adaptive_assets ledger")):
            if key not in location.url.query:
                arguments[key] = value
    engine = create_engine(
        location.url.difference_update_query(hidden),
        connect_args=arguments,
        hide_parameters=True,
        pool_pre_ping=schema is not None,
        pool_size=1,
        max_overflow=4,
        execution_options={"schema_translate_map": {None: schema}} if schema is not None else {},
    )
    if location.is_sqlite:
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: Any, _: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys = ON")
    (mode,) = cursor.execute("PRAGMA journal_mode").fetchone()
    if mode != "wal":
        cursor.execute("PRAGMA journal_mode = WAL")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    """A writer takes its lock at once: one that had to upgrade would fail without waiting for its turn."""
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _hint(cause: str) -> str:
    """What to do about the commonest causes."""
    for sign, hint in _HINTS.items():
        if sign in cause:
            return f" ({hint})"
    return ""


_HINTS: Final = {
    "database is locked": "another process has held it for longer than the ledger waits",
    "file is not a database": "move the file away and a new ledger is made in its place",
    "malformed": "the file is damaged; move it away and a new ledger is made in its place",
    "readonly database": "the file or its directory cannot be written",
    "read-only transaction": "the server or the role only reads",
    "unable to open database file": "its directory must exist and be writable",
    "permission denied": "the role needs CREATE on the database, or a schema that it owns",
}
