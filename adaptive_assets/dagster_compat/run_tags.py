"""Run tags as Dagster's storage keeps them: in the body of the run, and in a table of their own."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import dagster as dg
from dagster._core.errors import DagsterRunNotFoundError
from dagster._core.storage.runs.schema import RunsTable, RunTagsTable
from dagster._core.storage.tags import HIDDEN_TAG_PREFIX
from dagster._time import get_current_datetime
from dagster_shared.serdes import deserialize_value, serialize_value
from sqlalchemy import Connection, delete, insert, select, update

from adaptive_assets.dagster_compat.storage import run_storage

__all__ = ["HIDDEN_TAG_PREFIX", "rewrite_run_tags"]


def rewrite_run_tags(
    instance: dg.DagsterInstance, run_id: str, wanted: Mapping[str, str], gone: Collection[str]
) -> None:
    """Write the tags ``wanted`` to a run and take the tags ``gone`` from it, in one transaction.

    Dagster itself adds tags and never takes one away.

    Raises:
        DagsterRunNotFoundError: there is no such run (any more).
    """
    with _transaction(run_storage(instance)) as connection:
        of_run = RunsTable.c.run_id == run_id
        body = connection.execute(select(RunsTable.c.run_body).where(of_run).with_for_update()).scalar()
        if body is None:
            message = f"Run {run_id} was not found in instance."
            raise DagsterRunNotFoundError(message, invalid_run_id=run_id)  # type: ignore[no-untyped-call]
        run = deserialize_value(body, dg.DagsterRun)
        kept = {key: value for key, value in run.tags.items() if key not in gone}
        body = serialize_value(run.with_tags({**kept, **wanted}))
        connection.execute(
            update(RunsTable).where(of_run).values(run_body=body, update_timestamp=get_current_datetime())
        )
        old = RunTagsTable.c.key.in_([*gone, *wanted])
        connection.execute(delete(RunTagsTable).where(RunTagsTable.c.run_id == run_id, old))
        if wanted:
            rows = [{"run_id": run_id, "key": key, "value": value} for key, value in wanted.items()]
            connection.execute(insert(RunTagsTable), rows)


@contextmanager
def _transaction(storage: Any) -> Iterator[Connection]:
    """Dagster opens one itself for SQLite, and lets other databases commit each statement."""
    with storage.connect() as connection:
        if connection.in_transaction():
            yield connection
            return
        with connection.execution_options(isolation_level="READ COMMITTED").begin():
            yield connection
