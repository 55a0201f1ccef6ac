"""Dagster's storage: where it is kept, and how it is spared work."""

# ruff: noqa: SLF001  touching private members is what this package is for

from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.legacy_storage import (
    LegacyEventLogStorage,
    LegacyRunStorage,
    LegacyScheduleStorage,
)
from dagster._core.storage.runs import InMemoryRunStorage, SqliteRunStorage
from sqlalchemy.engine import make_url

RECYCLE_S = 3600


MOST_AT_ONCE = 20
"""For how long a connection is kept, and how many more than one may be open: the webserver's own defaults."""


def sqlite_directory(instance: dg.DagsterInstance) -> Path | None:
    """The directory of an instance that keeps its runs in SQLite files; ``None`` for any other storage."""
    storage = run_storage(instance)
    if isinstance(storage, SqliteRunStorage):
        return Path(make_url(storage._conn_string).database or "").parent
    if isinstance(storage, InMemoryRunStorage):
        return Path(instance.root_directory)
    return None


def storage_url(instance: dg.DagsterInstance) -> str:
    """The SQLAlchemy URL of the instance's run storage, password included: hand it to nobody but the ledger.

    Raises:
        DagsterInvariantViolationError: the storage is of a kind that has no such URL.
    """
    url = getattr(run_storage(instance), "postgres_url", None)
    if not url:
        raise dg.DagsterInvariantViolationError(
            f"AdaptiveRunCoordinator cannot keep its ledger beside {type(instance.run_storage).__name__}:"
            " give `ledger` in run_coordinator.config, the URL of a PostgreSQL database or a SQLite file."
        )
    return str(url)


def run_storage(instance: dg.DagsterInstance) -> Any:
    """The storage of runs, also where Dagster wraps one of the old kind."""
    storage = instance.run_storage
    return storage._storage.run_storage if isinstance(storage, LegacyRunStorage) else storage


def event_log_storage(instance: dg.DagsterInstance) -> Any:
    """The storage of events, also where Dagster wraps one of the old kind."""
    storage = instance.event_log_storage
    return storage._storage.event_log_storage if isinstance(storage, LegacyEventLogStorage) else storage


def _schedule_storage(instance: dg.DagsterInstance) -> Any:
    storage = instance.schedule_storage
    return storage._storage.schedule_storage if isinstance(storage, LegacyScheduleStorage) else storage


def keep_connections(instance: dg.DagsterInstance) -> None:
    """Let PostgreSQL storage keep its connections for the life of this process, as the webserver does.

    As it comes, it opens one for each query, which takes several times as long as the query. One that the
    server has closed meanwhile is replaced when it is needed. Storage in SQLite files stays as it is.
    """
    instance.optimize_for_webserver(statement_timeout=0, pool_recycle=RECYCLE_S, max_overflow=MOST_AT_ONCE)
    for storage in (run_storage(instance), event_log_storage(instance), _schedule_storage(instance)):
        if hasattr(storage, "postgres_url"):
            storage._engine.pool._pre_ping = True


def spare_event_file_check(instance: dg.DagsterInstance, run_id: str) -> None:
    """Let SQLite storage take the event file of a queued run as it is, if it is there.

    Each process looks at the file of each run once, before it first writes to it. That takes ten times as
    long as the write, for it loads all migrations; and a run gets into the queue by an event in its file.
    """
    storage = event_log_storage(instance)
    if isinstance(storage, SqliteEventLogStorage) and Path(storage.path_for_shard(run_id)).exists():
        storage._initialized_dbs.add(run_id)


def gather_tag_statistics(instance: dg.DagsterInstance) -> None:
    """Let SQLite learn that a tag is better found by its run than by its name; other databases know.

    Without statistics it takes the other index, and reads a tag of all runs to rewrite that of one: 10 ms
    where ten thousand carry it. To learn takes some milliseconds, and what is learned stays in the file.
    """
    storage = run_storage(instance)
    if isinstance(storage, SqliteRunStorage):
        with storage.connect() as connection:
            connection.exec_driver_sql("PRAGMA analysis_limit = 1000")
            connection.exec_driver_sql("ANALYZE run_tags")
