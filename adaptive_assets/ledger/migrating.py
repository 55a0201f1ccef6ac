"""Brings the tables of a ledger to the revision that this version works with."""

import threading
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text
from sqlalchemy.schema import CreateSchema

from adaptive_assets.ledger.errors import LedgerError

__all__ = ["VERSION_TABLE", "is_current", "migrate"]

VERSION_TABLE: Final = "ledger_version"

_one_at_a_time = threading.Lock()
"""Alembic keeps the migration under way in a global of the process."""

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
    config = _config()
    config.attributes.update(connection=connection, schema=schema)
    with _one_at_a_time:
        command.upgrade(config, "head")


def _found(connection: Connection, schema: str | None) -> str | None:
    options = {"version_table": VERSION_TABLE, "version_table_schema": schema}
    return MigrationContext.configure(connection, opts=options).get_current_revision()


def _config() -> Config:
    config = Config()
    scripts = str(Path(__file__).with_name("migrations"))
    config.set_main_option("script_location", scripts.replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
