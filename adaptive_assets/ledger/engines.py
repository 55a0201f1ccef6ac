"""Engines for SQLite and PostgreSQL: what each connection is born with."""

import sqlite3
import time
from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DisconnectionError

from adaptive_assets.ledger.errors import LedgerError
from adaptive_assets.ledger.location import HARMLESS, Location

CONNECT_S: Final = 2
"""How long a server may take to let us in; the least that its driver knows."""
OPENING_S: Final = 0.25
"""How long to wait for a lock while a SQLite file is opened; each transaction has a limit of its own."""
NEW_FILE_S: Final = 10
"""How long to wait for the lock under which a new SQLite file is given its journal."""
WRITES: Final = "adaptive_ledger_writes"
WAIT: Final = "adaptive_ledger_wait"
"""Execution options of a connection: whether it writes, and how many seconds it waits for a lock."""


def new_engine(location: Location, schema: str | None, uses: Callable[[Any], None]) -> Engine:
    """An engine that knows no query secret itself: those are handed to the driver by another way.

    ``uses`` is called with the driver's connection that a thread goes on with, before it is used.
    """
    try:
        return _sqlite_engine(location) if schema is None else _postgresql_engine(location, schema, uses)
    except ImportError as error:
        raise LedgerError(f"no driver for {location.safe_url}: {error}") from None


def _sqlite_engine(location: Location) -> Engine:
    arguments: dict[str, Any] = {"isolation_level": None}
    if location.timeout is None:
        arguments["timeout"] = OPENING_S
    engine = create_engine(location.url, connect_args=arguments, hide_parameters=True)
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _postgresql_engine(location: Location, schema: str, uses: Callable[[Any], None]) -> Engine:
    hidden = {key: value for key, value in location.url.query.items() if key not in HARMLESS}
    ours: dict[str, Any] = {"connect_timeout": CONNECT_S, "application_name": "adaptive_assets ledger"}
    defaults = {key: value for key, value in ours.items() if key not in location.url.query}
    engine = create_engine(
        location.url.difference_update_query(hidden),
        connect_args={**hidden, **defaults},
        execution_options={"schema_translate_map": {None: schema}},
        hide_parameters=True,
        max_overflow=4,
        pool_size=1,
    )

    def look(connection: Any, *_: object) -> None:
        # What the pool's own look does, but known to the deadline: the server may be frozen already.
        uses(connection)
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error:
            raise DisconnectionError from None

    event.listen(engine, "checkout", look)
    return engine


def _set_up_sqlite(connection: sqlite3.Connection, _: object) -> None:
    """Foreign keys, and a journal that lets readers read while another process writes."""
    try:
        connection.execute("PRAGMA foreign_keys = ON").close()
        _use_wal(connection)
    except sqlite3.Error:
        connection.close()  # SQLAlchemy does not know of it yet
        raise


def _use_wal(connection: sqlite3.Connection) -> None:
    if connection.execute("PRAGMA journal_mode").fetchone() == ("wal",):
        return
    give_up_at = time.monotonic() + NEW_FILE_S
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
    options = connection.get_execution_options()
    connection.exec_driver_sql(f"PRAGMA busy_timeout = {round(1000 * options.get(WAIT, 0))}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get(WRITES, False) else "BEGIN")
