"""Fills queues: a few runs are submitted for real, and the others are copies of their rows under new ids.

Submitting ten thousand runs for real would take the better part of an hour on SQLite. What the dequeue
daemon reads of a run (its row, its tags) is copied as it is, with another run id, another asset of the same
layer and another time. The runs that a benchmark touches singly also get an event log.
"""

import shutil
import sqlite3
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import dagster as dg
from sqlalchemy import Connection, MetaData, Table, create_engine, insert, select

from adaptive_assets.assets import tags
from adaptive_assets.coordinator.carried import QUEUED
from benchmarks.dagster_private import create_run, plan_check, submit
from benchmarks.pipeline import CHECK, LAYERS, READ, key
from benchmarks.sites import Home, Site

__all__ = [
    "Template",
    "add_copies",
    "copy_events",
    "make_data_ready",
    "queued_runs",
    "submit_one",
    "template",
    "untold_runs",
]

APART = timedelta(seconds=1)
"""Between the submissions of two copies; the latest was submitted a minute ago."""


@dataclass(frozen=True, slots=True)
class Template:
    """The rows of one queued run that makes ``asset``."""

    run_id: str
    asset: str
    row: Mapping[str, Any]
    tags: Sequence[Mapping[str, Any]]

    @property
    def layer(self) -> str:
        """The layer of its asset."""
        return self.asset.rpartition("_")[0]

    def assets(self) -> list[str]:
        """The assets that copies may make instead."""
        return [key(self.layer, number) for number in range(LAYERS[self.layer])]


def make_data_ready(site: Site, run_id: str) -> None:
    """Materialize what other assets read, and let its checks pass, so that gates are evaluated and open.

    The run ``run_id`` plans to execute the checks again, as runs that wait in a queue do.
    """
    assets = [dg.AssetKey(key(layer, number)) for layer in READ for number in range(LAYERS[layer])]
    for asset in assets:
        site.instance.report_runless_asset_event(dg.AssetMaterialization(asset))
    for asset in assets:
        site.instance.report_runless_asset_event(
            dg.AssetCheckEvaluation(asset_key=asset, check_name=CHECK, passed=True)
        )
        plan_check(site.instance, run_id, dg.AssetCheckKey(asset, CHECK))


def submit_one(site: Site, asset: str) -> str:
    """Create a run and submit it, as a sensor does; its id."""
    run = create_run(site.instance, site.workspace, asset)
    submit(site.instance, run, site.workspace.create_request_context())
    return run.run_id


def queued_runs(site: Site) -> int:
    """The length of the queue."""
    return site.instance.get_runs_count(dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED]))


def untold_runs(site: Site) -> int:
    """How many queued runs have not been told yet by a cycle why they wait."""
    return site.instance.get_runs_count(
        dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED], tags={tags.REASON: QUEUED})
    )


def template(home: Home, run_id: str, asset: str) -> Template:
    """The rows of a queued run, as its coordinator has left them."""
    with _connected(home) as connection:
        runs, run_tags = _table(connection, "runs"), _table(connection, "run_tags")
        (row,) = _rows(connection, runs, run_id)
        return Template(run_id, asset, row, _rows(connection, run_tags, run_id))


def add_copies(home: Home, templates: Sequence[Template], count: int) -> list[str]:
    """Queue copies of ``templates``, of each in turn and over all assets of its layer; their ids."""
    shelves = [(each, each.assets()) for each in templates]
    copies = []
    for place in range(count):
        original, assets = shelves[place % len(shelves)]
        asset = assets[place // len(shelves) % len(assets)]
        copies.append(_copy(original, asset, APART * (count - place)))
    with _connected(home) as connection:
        runs, run_tags = _table(connection, "runs"), _table(connection, "run_tags")
        if copies:
            connection.execute(insert(runs), [copy.row for copy in copies])
            connection.execute(insert(run_tags), [tag for copy in copies for tag in copy.tags])
    return [copy.run_id for copy in copies]


def copy_events(home: Home, original: Template, run_ids: Sequence[str]) -> None:
    """Give the runs ``run_ids`` the event log of the run that they are copies of."""
    if home.shards.exists():
        source = home.shards / f"{original.run_id}.db"
        with closing(sqlite3.connect(source)) as shard:
            shard.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # or part of it would be in another file
        change = "UPDATE event_logs SET run_id = ?1, event = replace(event, ?2, ?1)"
        for run_id in run_ids:
            target = home.shards / f"{run_id}.db"
            shutil.copyfile(source, target)
            with closing(sqlite3.connect(target)) as shard, shard:
                shard.execute(change, (run_id, original.run_id))
        return
    with _connected(home) as connection:
        table = _table(connection, "event_logs")
        rows = _rows(connection, table, original.run_id)
        renamed = [
            {**row, "run_id": run_id, "event": row["event"].replace(original.run_id, run_id)}
            for run_id in run_ids
            for row in rows
        ]
        connection.execute(insert(table), renamed)


def _copy(original: Template, asset: str, age: timedelta) -> Template:
    run_id = str(uuid.uuid4())
    submitted: datetime = original.row["create_timestamp"] - timedelta(minutes=1) - age
    body = original.row["run_body"].replace(original.run_id, run_id).replace(original.asset, asset)
    row = {**original.row, "run_id": run_id, "run_body": body}
    row |= {"create_timestamp": submitted, "update_timestamp": submitted}
    return Template(run_id, asset, row, [{**tag, "run_id": run_id} for tag in original.tags])


@contextmanager
def _connected(home: Home) -> Iterator[Connection]:
    """A transaction on the database of a home."""
    engine = create_engine(home.url)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def _table(connection: Connection, name: str) -> Table:
    return Table(name, MetaData(), autoload_with=connection)


def _rows(connection: Connection, table: Table, run_id: str) -> list[dict[str, Any]]:
    """The rows of a run, without the ids that the database gives them."""
    found = connection.execute(select(table).where(table.c.run_id == run_id)).mappings()
    return [{name: value for name, value in row.items() if name != "id"} for row in found]
