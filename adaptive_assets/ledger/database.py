"""Connections to the ledger: one transaction at a time, and failures told in words that hold no secret."""

import sqlite3
import threading
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import SQLAlchemyError, StatementError

from adaptive_assets.ledger.errors import LedgerError
from adaptive_assets.ledger.location import HARMLESS, Location
from adaptive_assets.ledger.migrating import is_current, migrate

__all__ = ["Database"]

T = TypeVar("T")

CONNECT_S: Final = 5
WAIT_S: Final = 10
"""How long to wait for a server to answer, and for a lock that another process holds."""
MIGRATION_WAIT_S: Final = 60
WRITES: Final = "adaptive_ledger_writes"


class Database:
    """The ledger's database; connected to, and migrated, when first used.  Threads may share it."""

    def __init__(self, location: Location, schema: str) -> None:
        """``schema`` is where the tables live on PostgreSQL; a SQLite file is the ledger's alone."""
        self._location = location
        self._schema = None if location.is_sqlite else schema
        self._engine = _engine(location, self._schema)
        self._ready = False
        self._getting_ready = threading.Lock()

    def read(self, operation: str, work: Callable[[Connection], T]) -> T:
        """What ``work`` reads; ``operation`` completes the sentence "cannot …" should it fail."""
        return self.attempt(operation, lambda: self._transaction(work, writes=False, wait_s=WAIT_S))

    def write(self, operation: str, work: Callable[[Connection], T]) -> T:
        """What ``work`` returns, once everything that it wrote is committed; all of it or nothing."""
        return self.attempt(operation, lambda: self._transaction(work, writes=True, wait_s=WAIT_S))

    def attempt(self, operation: str, act: Callable[[], T]) -> T:
        """What ``act`` returns, or :class:`LedgerError` with the cause in words, cleaned of secrets."""
        try:
            return act()
        except LedgerError as error:
            cause = str(error)
        except (SQLAlchemyError, sqlite3.Error, OSError, ValueError) as error:
            cause = str(error.orig if isinstance(error, StatementError) else error)
            # Next time everything is looked at anew: the file may have been moved away, the server restored.
            self._ready = False
            self.dispose()
        # Raised out here, so that the driver's exception, which may quote the URL, is not chained to it.
        cause = self._location.mask(" ".join(cause.split()))
        raise LedgerError(f"cannot {operation} in {self._location.safe_url}: {cause}{_hint(cause)}")

    def dispose(self) -> None:
        """Close the idle connections; the next use opens new ones."""
        self._engine.dispose()

    def _transaction(self, work: Callable[[Connection], T], *, writes: bool, wait_s: int) -> T:
        self._get_ready()
        return self._within(work, writes=writes, wait_s=wait_s)

    def _within(self, work: Callable[[Connection], T], *, writes: bool, wait_s: int) -> T:
        with self._engine.connect().execution_options(**{WRITES: writes}) as connection, connection.begin():
            if self._schema is not None and writes:
                # For this transaction; SQLite's connections are born with their limit.
                limit = {"limit": f"{wait_s}s"}
                connection.execute(text("SELECT set_config('lock_timeout', :limit, true)"), limit)
            return work(connection)

    def _get_ready(self) -> None:
        """Migrate, once in the life of this object; a look suffices where nothing is to be done."""
        with self._getting_ready:
            if self._ready:
                return
            if (file := self._location.file) is not None:
                file.parent.mkdir(parents=True, exist_ok=True)
            schema = self._schema
            if not self._within(lambda c: is_current(c, schema), writes=False, wait_s=WAIT_S):
                self._within(lambda c: migrate(c, schema), writes=True, wait_s=MIGRATION_WAIT_S)
            self._ready = True


def _engine(location: Location, schema: str | None) -> Engine:
    """An engine that knows no query secret itself: those are handed to the driver by another way."""
    try:
        return _sqlite_engine(location) if schema is None else _postgresql_engine(location, schema)
    except ImportError as error:
        raise LedgerError(f"no driver for {location.safe_url}: {error}") from None


def _sqlite_engine(location: Location) -> Engine:
    arguments: dict[str, Any] = {"isolation_level": None}
    if "timeout" not in location.url.query:
        arguments["timeout"] = WAIT_S
    engine = create_engine(location.url, connect_args=arguments, hide_parameters=True)
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _postgresql_engine(location: Location, schema: str) -> Engine:
    hidden = {key: value for key, value in location.url.query.items() if key not in HARMLESS}
    ours: dict[str, Any] = {"connect_timeout": CONNECT_S, "application_name": "adaptive_assets ledger"}
    defaults = {key: value for key, value in ours.items() if key not in location.url.query}
    return create_engine(
        location.url.difference_update_query(hidden),
        connect_args={**hidden, **defaults},
        execution_options={"schema_translate_map": {None: schema}},
        hide_parameters=True,
        max_overflow=4,
        pool_pre_ping=True,
        pool_size=1,
    )


def _set_up_sqlite(connection: sqlite3.Connection, _: object) -> None:
    """Foreign keys, and a journal that lets readers read while another process writes."""
    try:
        connection.execute("PRAGMA foreign_keys = ON").close()
        _use_wal(connection)
    except sqlite3.Error:
        connection.close()  # SQLAlchemy does not know of it yet
        raise


def _use_wal(connection: sqlite3.Connection) -> None:
    give_up_at = time.monotonic() + WAIT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").close()
        except sqlite3.OperationalError as error:
            if "readonly" in str(error):
                return  # a copy that can only be read: its journal is nobody's business
            # Several processes make a new file theirs at once: SQLite does not wait for this lock itself.
            if "locked" not in str(error) or time.monotonic() > give_up_at:
                raise
            time.sleep(0.02)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    """A writer takes its lock at once: one that had to upgrade would fail without waiting for its turn."""
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


_HINTS: Final = {
    "database is locked": "another process has held it for longer than the ledger waits",
    "file is not a database": "move the file away and a new ledger is made in its place",
    "malformed": "the file is damaged: move it away and a new ledger is made in its place",
    "readonly database": "the file or its directory cannot be written",
    "read-only transaction": "the server, or the role, may only read",
    "unable to open database file": "its directory must exist and be writable",
    "permission denied for database": "the role needs CREATE on the database, or a schema of its own",
}


def _hint(cause: str) -> str:
    """What to do about the commonest causes."""
    return next((f" ({hint})" for sign, hint in _HINTS.items() if sign in cause), "")
