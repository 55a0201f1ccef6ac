"""Brings the tables of a ledger to the revision that this version works with."""

from pathlib import Path
from typing import Final

from alembic.config import Config
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text
from sqlalchemy.schema import CreateSchema

from adaptive_assets.ledger.errors import LedgerError

VERSION_TABLE: Final = "ledger_version"

_LOCK_ID: Final = 0x61646170746976
"""Any fixed number: PostgreSQL's name for the lock that processes take turns by."""


def is_current(connection: Connection, schema: str | None) -> bool:
    """Whether the tables are as this version wants them; :class:`LedgerError` where they are ahead of it."""
    found = _found(connection, schema)
    script = ScriptDirectory.from_config(_config())
    newest = script.get_current_head()
    if found is not None and found not in {step.revision for step in script.walk_revisions()}:
        raise LedgerError(
            f"the ledger is at revision {found}, this version knows up to {newest}: upgrade adaptive_assets"
        )
    return found == newest


def is_there(connection: Connection, schema: str | None) -> bool:
    """Whether the database holds a ledger, of whatever revision."""
    return _found(connection, schema) is not None


def migrate(connection: Connection, schema: str | None) -> None:
    """Run the missing steps inside the transaction of ``connection``, one process at a time.

    On SQLite the caller's transaction holds the write lock already; on PostgreSQL the turn is taken here and
    ends with the transaction.  A process that dies half-way leaves nothing behind.
    """
    if schema is not None:
        connection.execute(text("SELECT pg_advisory_xact_lock(:id)"), {"id": _LOCK_ID})
        if not inspect(connection).has_schema(schema):
            connection.execute(CreateSchema(schema))
        connection.execute(text("SELECT set_config('search_path', :path, true)"), {"path": schema})
    if is_current(connection, schema):
        return
    upgrade(connection, schema, "head")


def upgrade(connection: Connection, schema: str | None, revision: str) -> None:
    """Run the steps up to ``revision`` that are missing.

    Not by Alembic's ``command.upgrade``: that keeps environment and operations in globals of the process, and
    Dagster's SQLite storage uses the same ones, for each new run too, maybe in another thread right now.
    """
    script = ScriptDirectory.from_config(_config())
    context = _context(connection, schema)
    steps = script.iterate_revisions(revision, context.get_current_revision() or "base")
    operations = Operations(context)
    for step in reversed(list(steps)):
        step.module.upgrade(operations)
    context.stamp(script, revision)


def _found(connection: Connection, schema: str | None) -> str | None:
    return _context(connection, schema).get_current_revision()


def _context(connection: Connection, schema: str | None) -> MigrationContext:
    options = {"version_table": VERSION_TABLE, "version_table_schema": schema}
    return MigrationContext.configure(connection, opts=options)


def _config() -> Config:
    config = Config()
    scripts = str(Path(__file__).with_name("migrations"))
    config.set_main_option("script_location", scripts.replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
