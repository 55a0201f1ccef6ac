"""Every private Dagster name that this project relies on, in one place.

Each has a test of its own against the installed Dagster, so that an upgrade which moves one of them fails
there and not in production. Nothing else in the project imports from ``dagster._*``.
"""

# ruff: noqa: SLF001  touching private members is what this module is for

import logging
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

import dagster as dg
from dagster._core.definitions.assets.definition.asset_spec import (
    SYSTEM_METADATA_KEY_AUTO_CREATED_STUB_ASSET,
)
from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph, BaseAssetNode
from dagster._core.definitions.assets.graph.remote_asset_graph import RemoteRepositoryAssetNode
from dagster._core.definitions.definitions_load_context import (
    DefinitionsLoadContext,
    DefinitionsLoadType,
)
from dagster._core.definitions.freshness import FreshnessStateRecord
from dagster._core.definitions.partitions.snap import (
    DynamicPartitionsSnap,
    MultiPartitionsSnap,
    StaticPartitionsSnap,
    TimeWindowPartitionsSnap,
)
from dagster._core.events import EngineEventData
from dagster._core.instance.config import PoolGranularity
from dagster._core.op_concurrency_limits_counter import GlobalOpConcurrencyLimitsCounter
from dagster._core.remote_representation.code_location import CodeLocation
from dagster._core.remote_representation.external import RemoteRepository
from dagster._core.run_coordinator.base import SubmitRunContext
from dagster._core.run_coordinator.queued_run_coordinator import QueuedRunCoordinator, RunQueueConfig
from dagster._core.storage.asset_check_execution_record import (
    COMPLETED_ASSET_CHECK_EXECUTION_RECORD_STATUSES,
    AssetCheckExecutionRecord,
)
from dagster._core.storage.dagster_run import ACTIVE_RUN_STATUSES, FINISHED_STATUSES, RunRecord
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.event_log.base import AssetRecord
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable
from dagster._core.storage.legacy_storage import (
    LegacyEventLogStorage,
    LegacyRunStorage,
    LegacyScheduleStorage,
)
from dagster._core.storage.runs import InMemoryRunStorage, SqliteRunStorage
from dagster._core.storage.tags import GRPC_INFO_TAG, MAX_RETRIES_TAG, PRIORITY_TAG
from dagster._core.workspace.workspace import CodeLocationEntry
from dagster._serdes import ConfigurableClassData
from dagster._utils.tags import TagConcurrencyLimitsCounter
from dagster_shared.error import SerializableErrorInfo
from sqlalchemy import func, select
from sqlalchemy.engine import make_url
from typing_extensions import override

__all__ = [
    "ACTIVE_RUN_STATUSES",
    "FINISHED_STATUSES",
    "GRPC_INFO_TAG",
    "MAX_RETRIES_TAG",
    "PRIORITY_TAG",
    "AssetCheckExecutionRecord",
    "BaseAssetGraph",
    "BaseAssetNode",
    "CodeLocation",
    "CodeLocationEntry",
    "ConfigurableClassData",
    "EngineEventData",
    "LoadedWorkspace",
    "PoolRules",
    "QueuedRunCoordinator",
    "RemoteRepository",
    "RunQueueConfig",
    "RunRecord",
    "SubmitRunContext",
    "TagLimit",
    "asset_records",
    "code_locations",
    "concurrency_settings",
    "dequeue_daemon",
    "dequeue_workspace",
    "freshness_states",
    "gather_tag_statistics",
    "hush_full_queue",
    "is_reconstruction",
    "is_stub",
    "keep_connections",
    "latest_evaluations",
    "loaded_workspace",
    "partitions_kind",
    "pass_time",
    "paused_locations",
    "pool_rules",
    "pool_slots",
    "report_daemon_error",
    "sigkills",
    "spare_event_file_check",
    "sqlite_directory",
    "storage_url",
    "submitted_from",
    "tag_limits",
]


KILLED = "was terminated by signal 9 (SIGKILL)"
"""In every message that ``get_run_crash_explanation`` writes of a process that was killed."""

RECYCLE_S = 3600
MOST_AT_ONCE = 20
"""For how long a connection is kept, and how many more than one may be open: the webserver's own defaults."""


def dequeue_daemon(frame: FrameType | None) -> Any | None:
    """The dequeue daemon whose pass is just beginning, if the function of ``frame`` was called for it.

    The pass begins with ``run_iteration`` → ``instance.get_concurrency_config`` → ``get_run_queue_config``.
    Later calls in the same pass come from deeper down, and other processes call for other reasons; so the
    grandparent frame says exactly when to plan: once per pass, and nowhere else.
    """
    iteration = _iteration(frame)
    return iteration.f_locals["self"] if iteration else None


def dequeue_workspace(frame: FrameType | None) -> Any | None:
    """The workspace of the dequeue daemon, where :func:`dequeue_daemon` finds one."""
    iteration = _iteration(frame)
    return iteration.f_locals["workspace_process_context"] if iteration else None


def code_locations(workspace: Any) -> Mapping[str, CodeLocationEntry]:
    """The code locations of a daemon's workspace by name; one mapping until any of them is loaded anew."""
    entries: Mapping[str, CodeLocationEntry] = workspace.create_request_context().get_code_location_entries()
    return entries


def _iteration(frame: FrameType | None) -> FrameType | None:
    module = sys.modules.get("dagster._daemon.run_coordinator.queued_run_coordinator_daemon")
    parent = frame.f_back if frame else None
    grandparent = parent.f_back if parent else None
    if module is None or grandparent is None:
        return None
    is_pass = grandparent.f_code is module.QueuedRunCoordinatorDaemon.run_iteration.__code__
    return grandparent if is_pass else None


def pass_time(frame: FrameType | None) -> float | None:
    """The time that the pass is told to go by, for the frame of :func:`dequeue_daemon`; mostly none."""
    parent = frame.f_back if frame else None
    grandparent = parent.f_back if parent else None
    return grandparent.f_locals.get("fixed_iteration_time") if grandparent else None


def report_daemon_error(daemon: Any, message: str, kind: str) -> None:
    """Show ``message`` as an error of the daemon in the UI, without ending the pass that it is in."""
    daemon._errors.appendleft((SerializableErrorInfo(message, [], kind), datetime.now(tz=UTC)))


class _NoFullQueue(logging.Filter):
    """Drops "N runs are currently in progress. Maximum is N": that maximum is our way to end a pass early."""

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        return "won't launch more" not in str(record.msg)


_NO_FULL_QUEUE = _NoFullQueue()


def hush_full_queue(daemon: Any) -> None:
    """Keep the dequeue daemon from logging a maximum that nobody configured; calling it again is harmless."""
    daemon._logger.addFilter(_NO_FULL_QUEUE)


def paused_locations(daemon: Any, now: float) -> dict[str, float]:
    """The code locations of which the dequeue daemon launches nothing, with the time until which.

    It pauses one for a while that cannot be reached or loaded, if ``max_user_code_failure_retries`` is set.
    """
    with daemon._location_timeouts_lock:
        return {name: until for name, until in daemon._location_timeouts.items() if until > now}


@dataclass(frozen=True, slots=True)
class PoolRules:
    """How the dequeue pass counts pools: whether at all, by runs or by ops, and with what buffer."""

    hold_back: bool
    by_run: bool
    buffer: int


def pool_rules(instance: dg.DagsterInstance) -> PoolRules:
    """What dagster.yaml says of them; without it, by ops."""
    config = instance.get_concurrency_config()
    queue = config.run_queue_config
    return PoolRules(
        hold_back=queue is not None and queue.should_block_op_concurrency_limited_runs,
        by_run=config.pool_config.pool_granularity is PoolGranularity.RUN,
        buffer=queue.op_concurrency_slot_buffer if queue else 0,
    )


def pool_slots(
    instance: dg.DagsterInstance,
    rules: PoolRules,
    queued: Sequence[dg.DagsterRun],
    in_progress: Sequence[RunRecord],
) -> dict[str, tuple[int, int]]:
    """Size and free slots of each pool with a limit that ``queued`` runs take from, as Dagster counts them.

    A pool that gets the default limit is made on the way, as the dequeue pass itself does.
    """
    storage = instance.event_log_storage
    keys = set(storage.get_concurrency_keys())
    if instance.global_op_concurrency_default_limit:
        runs = [run.run_op_concurrency for run in queued if run.run_op_concurrency]
        keys |= {pool for run in runs for pool in (*(run.all_pools or ()), *run.root_key_counts)}
    counter = GlobalOpConcurrencyLimitsCounter(
        instance,
        queued,
        in_progress,
        concurrency_keys=keys,
        pool_limits=storage.get_pool_limits(),
        slot_count_offset=rules.buffer,
        pool_granularity=PoolGranularity.RUN if rules.by_run else PoolGranularity.OP,
    )
    slots = {}
    for pool, info in counter._concurrency_info_by_key.items():
        size = info.slot_count + rules.buffer
        waiting = 0 if rules.by_run else len(info.pending_steps)
        slots[pool] = (size, size - waiting - counter._in_progress_pool_counts[pool])
    return slots


@dataclass(frozen=True, slots=True)
class TagLimit:
    """A tag concurrency limit: on a key, on a key with a value, or (``each``) on each value of a key."""

    key: str
    value: str | None
    each: bool
    limit: int


def tag_limits(limits: Sequence[Mapping[str, Any]]) -> list[TagLimit]:
    """The limits as the dequeue pass reads them: of two on the same, the last counts."""
    counter = TagConcurrencyLimitsCounter(limits, [])
    return [
        *(TagLimit(key, None, each=False, limit=limit) for key, limit in counter._key_limits.items()),
        *(
            TagLimit(key, value, each=False, limit=limit)
            for (key, value), limit in counter._key_value_limits.items()
        ),
        *(TagLimit(key, None, each=True, limit=limit) for key, limit in counter._unique_value_limits.items()),
    ]


def concurrency_settings(instance: dg.DagsterInstance) -> Mapping[str, Any]:
    """The ``concurrency`` section of ``dagster.yaml``; empty when there is none."""
    return instance.get_settings("concurrency") or {}


def sqlite_directory(instance: dg.DagsterInstance) -> Path | None:
    """The directory of an instance that keeps its runs in SQLite files; ``None`` for any other storage."""
    storage = _run_storage(instance)
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
    url = getattr(_run_storage(instance), "postgres_url", None)
    if not url:
        raise dg.DagsterInvariantViolationError(
            f"AdaptiveRunCoordinator cannot keep its ledger beside {type(instance.run_storage).__name__}:"
            " give `ledger` in run_coordinator.config, the URL of a PostgreSQL database or a SQLite file."
        )
    return str(url)


def _run_storage(instance: dg.DagsterInstance) -> Any:
    storage = instance.run_storage
    return storage._storage.run_storage if isinstance(storage, LegacyRunStorage) else storage


def _event_log_storage(instance: dg.DagsterInstance) -> Any:
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
    for storage in (_run_storage(instance), _event_log_storage(instance), _schedule_storage(instance)):
        if hasattr(storage, "postgres_url"):
            storage._engine.pool._pre_ping = True


def sigkills(instance: dg.DagsterInstance, run_id: str) -> list[float]:
    """When Dagster found that a process of the run had been ended by SIGKILL (POSIX seconds, ascending).

    The multiprocess executor finds it of a step's process within a tenth of a second, and the code server of
    the run's own within a second; neither says it otherwise than in the words of an engine event.
    """
    page = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)
    entries = [record.event_log_entry for record in page.records]
    said = [entry for entry in entries if entry.dagster_event and KILLED in str(entry.dagster_event.message)]
    return sorted(entry.timestamp for entry in said)


def spare_event_file_check(instance: dg.DagsterInstance, run_id: str) -> None:
    """Let SQLite storage take the event file of a queued run as it is, if it is there.

    Each process looks at the file of each run once, before it first writes to it. That takes ten times as
    long as the write, for it loads all migrations; and a run gets into the queue by an event in its file.
    """
    storage = _event_log_storage(instance)
    if isinstance(storage, SqliteEventLogStorage) and Path(storage.path_for_shard(run_id)).exists():
        storage._initialized_dbs.add(run_id)


def gather_tag_statistics(instance: dg.DagsterInstance) -> None:
    """Let SQLite learn that a tag is better found by its run than by its name; other databases know.

    Without statistics it takes the other index, and reads a tag of all runs to rewrite that of one: 10 ms
    where ten thousand carry it. To learn takes some milliseconds, and what is learned stays in the file.
    """
    storage = _run_storage(instance)
    if isinstance(storage, SqliteRunStorage):
        with storage.connect() as connection:
            connection.exec_driver_sql("PRAGMA analysis_limit = 1000")
            connection.exec_driver_sql("ANALYZE run_tags")


def submitted_from(context: SubmitRunContext) -> Mapping[str, CodeLocationEntry]:
    """The code locations, by name, of the workspace from which a run is submitted."""
    return context.workspace.get_code_location_entries()


def is_stub(node: BaseAssetNode) -> bool:
    """Whether a code location does not define the asset, but only names it as what another one reads."""
    return bool(node.metadata.get(SYSTEM_METADATA_KEY_AUTO_CREATED_STUB_ASSET))


_KINDS: Mapping[type, str] = {
    StaticPartitionsSnap: "static",
    DynamicPartitionsSnap: "dynamic",
    TimeWindowPartitionsSnap: "time",
    MultiPartitionsSnap: "multipartitions",
    dg.StaticPartitionsDefinition: "static",
    dg.DynamicPartitionsDefinition: "dynamic",
    dg.TimeWindowPartitionsDefinition: "time",
    dg.MultiPartitionsDefinition: "multipartitions",
}


def partitions_kind(node: BaseAssetNode) -> str:
    """How the selection syntax calls the partitions of an asset: ``partitions:time``; empty without any."""
    partitions: object
    if isinstance(node, RemoteRepositoryAssetNode):
        partitions = node.asset_node_snap.partitions  # a static one may have thousands of keys to read
    else:
        partitions = node.partitions_def
    if partitions is None:
        return ""
    return next((kind for one, kind in _KINDS.items() if isinstance(partitions, one)), "other")


def is_reconstruction() -> bool:
    """True in the process of a run or a step, which loads again what the code server has loaded before.

    Also true in a code server that loads ``@dg.definitions``.
    """
    return DefinitionsLoadContext.get().load_type is DefinitionsLoadType.RECONSTRUCTION


def asset_records(
    instance: dg.DagsterInstance, keys: Sequence[dg.AssetKey]
) -> dict[dg.AssetKey, AssetRecord]:
    """The storage's record of each asset that has ever been materialized, in one read."""
    return {record.asset_entry.asset_key: record for record in instance.get_asset_records(keys)}


def freshness_states(
    instance: dg.DagsterInstance, keys: Sequence[dg.AssetKey]
) -> Mapping[dg.AssetKey, FreshnessStateRecord]:
    """What the freshness daemon last said of each asset that has a freshness policy."""
    return instance.get_freshness_state_records(keys)


def latest_evaluations(
    instance: dg.DagsterInstance, keys: Sequence[dg.AssetCheckKey]
) -> dict[dg.AssetCheckKey, AssetCheckExecutionRecord]:
    """The latest execution of each check that came to a result, in one read.

    Dagster's own read of many checks gives a plan to execute one instead of the result before it. Such a plan
    is written when a run is created, so a long queue has planned most checks again.
    """
    if not keys:
        return {}
    column = AssetCheckExecutionsTable.c
    results = [status.value for status in COMPLETED_ASSET_CHECK_EXECUTION_RECORD_STATUSES]
    latest = (
        select(func.max(column.id))
        .where(
            column.asset_key.in_({key.asset_key.to_string() for key in keys}),
            column.check_name.in_({key.name for key in keys}),
            column.execution_status.in_(results),
        )
        .group_by(column.asset_key, column.check_name)
    )
    wanted = {(key.asset_key.to_string(), key.name): key for key in keys}
    with _event_log_storage(instance).index_connection() as connection:
        rows = connection.execute(select(AssetCheckExecutionsTable).where(column.id.in_(latest))).mappings()
        found = {wanted.get((row["asset_key"], row["check_name"])): row for row in rows}
    return {key: AssetCheckExecutionRecord.from_db_row(row, key) for key, row in found.items() if key}


@dataclass(frozen=True, slots=True)
class LoadedWorkspace:
    """The code locations by name, and the jobs of those that load by name with their locations.

    ``failed`` tells of the others, by name, the message of the error that was the cause.
    """

    entries: Mapping[str, CodeLocationEntry]
    jobs: Mapping[str, tuple[str, ...]]
    failed: Mapping[str, str]


@contextmanager
def loaded_workspace(
    instance: dg.DagsterInstance, workspace: Mapping[str, Any] | Path
) -> "Iterator[LoadedWorkspace]":
    """Load the code locations of a workspace file, or of what such a file would hold.

    Those that run in this environment are loaded in this process, which spares their servers.
    """
    from dagster._core.remote_origin import (
        CodeLocationOrigin,
        InProcessCodeLocationOrigin,
        ManagedGrpcPythonEnvCodeLocationOrigin,
    )
    from dagster._core.workspace.context import WorkspaceProcessContext
    from dagster._core.workspace.load import location_origins_from_config, location_origins_from_yaml_paths
    from dagster._core.workspace.load_target import WorkspaceLoadTarget

    def near(origin: CodeLocationOrigin) -> CodeLocationOrigin:
        if not isinstance(origin, ManagedGrpcPythonEnvCodeLocationOrigin):
            return origin
        target = origin.loadable_target_origin
        if target.executable_path not in (None, sys.executable):
            return origin
        return InProcessCodeLocationOrigin(target, location_name=origin.location_name)

    class Near(WorkspaceLoadTarget):
        @override
        def create_origins(self) -> Sequence[CodeLocationOrigin]:
            if isinstance(workspace, Path):
                origins = location_origins_from_yaml_paths([str(workspace)])
            else:
                origins = list(location_origins_from_config(workspace, "the command line").values())
            return [near(origin) for origin in origins]

    with WorkspaceProcessContext(instance, Near(), code_server_log_level="ERROR") as process:
        request = process.create_request_context()
        entries = request.get_code_location_entries()
        yield LoadedWorkspace(
            entries=entries,
            jobs=_jobs(entries),
            failed={
                name: _cause(entry.load_error).message.strip()
                for name, entry in entries.items()
                if entry.load_error is not None
            },
        )


def _jobs(entries: Mapping[str, CodeLocationEntry]) -> dict[str, tuple[str, ...]]:
    jobs: defaultdict[str, tuple[str, ...]] = defaultdict(tuple)
    for name, entry in entries.items():
        repositories = entry.code_location.get_repositories() if entry.code_location else {}
        for repository in repositories.values():
            for job in repository.get_all_jobs():
                jobs[job.name] += (name,)
    return dict(jobs)


def _cause(error: SerializableErrorInfo) -> SerializableErrorInfo:
    while error.cause is not None:
        error = error.cause
    return error
