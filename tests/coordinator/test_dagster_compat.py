"""The contract of each private Dagster name that we rely on, against the installed Dagster."""

import inspect
import json
import logging
import sys
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import dagster as dg
import psutil
import pytest
from dagster._core.definitions.definitions_load_context import DefinitionsLoadContext, DefinitionsLoadType
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.instance.config import PoolGranularity
from dagster._core.launcher import DefaultRunLauncher
from dagster._core.op_concurrency_limits_counter import GlobalOpConcurrencyLimitsCounter
from dagster._core.remote_representation.external_data import RepositorySnap
from dagster._core.run_coordinator.base import SubmitRunContext
from dagster._grpc.client import DagsterGrpcClient
from dagster._utils import get_run_crash_explanation
from dagster_shared.record import copy

from adaptive_assets import dagster_compat as compat
from adaptive_assets.assets import tags
from adaptive_assets.assets.asset_keys import text_of
from adaptive_assets.assets.catalogues import catalogue_of, facts_of_asset
from adaptive_assets.assets.selection import Selector
from adaptive_assets.dagster_compat import automation
from adaptive_assets.dagster_compat.modes import deaf_work
from adaptive_assets.policy import Catalogue
from tests.conftest import MakeInstance
from tests.coordinator.conftest import MakeWorld
from tests.coordinator.world import World
from tools.postgres import connect

DEAF = """
import dagster as dg

@dg.op
def toil(): return 1

@dg.op(required_resource_keys={"run_mode"})
def asks(): return 1

@dg.asset(required_resource_keys={"run_mode"})
def asking(): ...

@dg.graph_asset
def in_a_graph(): return asks()

@dg.multi_asset(specs=[dg.AssetSpec("one"), dg.AssetSpec("two")])
def both(): yield from ()

@dg.job
def plain(): toil()

@dg.job
def careful():
    asks()
    toil()

nightly = dg.define_asset_job("nightly", "*")
source = dg.AssetSpec("source")
defs = dg.Definitions(
    [asking, in_a_graph, both, source], jobs=[plain, careful, nightly], resources={"run_mode": 1}
)
"""


WINDOWS = """
import datetime as dt
import dagster as dg

days = dg.DailyPartitionsDefinition("2026-01-01")
letters = dg.StaticPartitionsDefinition(["x", "y"])

@dg.asset(partitions_def=days, freshness_policy=dg.FreshnessPolicy.time_window(dt.timedelta(hours=2)))
def daily(): ...

@dg.asset(partitions_def=dg.MultiPartitionsDefinition({"hour": days, "at": letters}))
def both(): ...

@dg.asset(name="letters", partitions_def=letters)
def of_letters(): ...

defs = dg.Definitions([daily, both, of_letters])
"""


@pytest.mark.parametrize("apart", [False, True])
def test_what_asks_for_a_resource_is_in_the_snapshots_of_a_location(tmp_path: Path, apart: bool) -> None:
    """Of assets, of graphs and of the ops of jobs; also where the location has a process of its own.

    Which has ended when the workspace is left.
    """
    before = set(psutil.Process().children())
    file = tmp_path / "deaf_location.py"
    file.write_text(DEAF)
    executable = {"executable_path": str(Path(sys.executable).with_name("python3"))} if apart else {}
    location = {"python_file": {"relative_path": str(file), **executable}}
    with (
        dg.DagsterInstance.local_temp() as instance,
        compat.workspace.loaded_workspace(instance, {"load_from": [location]}) as loaded,
    ):
        (entry,) = loaded.entries.values()
        assert entry.code_location is not None, loaded.failed
        (repository,) = entry.code_location.get_repositories().values()
        assets, jobs = deaf_work(repository, "run_mode")
    assert {text_of(key) for key in assets} == {"one", "two"}
    assert jobs == {"plain"}
    assert set(psutil.Process().children()) <= before


def test_one_pass_asks_for_one_cycle_however_often_it_asks_for_the_config(world: World) -> None:
    """``run_iteration`` asks once itself; what asks from deeper down begins no pass."""
    daemons: list[object] = []
    asked = 0
    coordinator = world.coordinator
    original = coordinator.get_run_queue_config

    def spy() -> compat.daemon.RunQueueConfig:
        nonlocal asked
        asked += 1
        daemon = compat.daemon.dequeue_daemon(inspect.currentframe())
        if daemon is not None:
            daemons.append(daemon)
        return original()

    world.submit("readings")
    coordinator.get_run_queue_config = spy  # type: ignore[method-assign]
    world.pass_()
    assert daemons == [world.daemon]
    assert asked >= 1
    world.instance.get_concurrency_config()
    assert len(daemons) == 1


def test_an_error_that_is_reported_reaches_the_daemons_heartbeat(world: World) -> None:
    """The deque of errors that the daemon sends with its heartbeat."""
    world.pass_()
    compat.daemon.report_daemon_error(world.daemon, "something is off", "Fault")
    error, at = world.daemon._errors[0]
    assert (error.message, error.cls_name) == ("something is off", "Fault")
    assert at.tzinfo is not None


def test_the_line_about_a_maximum_that_nobody_set_is_hushed(world: World) -> None:
    """And no other line of the dequeue daemon."""
    world.pass_()
    record = logging.LogRecord
    logger = world.daemon._logger
    full = record(
        "x", logging.INFO, "", 0, "0 runs are in progress. Maximum is 0, won't launch more.", (), None
    )
    other = record("x", logging.INFO, "", 0, "Launched 1 runs.", (), None)
    assert not logger.filter(full)
    assert logger.filter(other)


def test_a_pass_without_room_ends_before_it_reads_the_queue(world: World) -> None:
    """``max_concurrent_runs`` not above the runs in progress ends it: what admits nothing costs little."""
    world.submit("readings")
    config = world.coordinator.get_run_queue_config()._replace(max_concurrent_runs=0)
    world.pass_()
    daemon = world.daemon
    concurrency = copy(world.instance.get_concurrency_config(), run_queue_config=config)
    assert daemon._get_runs_to_dequeue(world.instance, concurrency, None) == []


def test_a_run_says_which_code_server_was_asked(world: World) -> None:
    """The launcher writes host, and socket or port, into a tag of the run, as JSON."""
    client = DagsterGrpcClient(host="localhost", socket="/tmp/code-server")
    run = world.run(world.submit("readings"))
    with pytest.raises(DagsterUserCodeUnreachableError):
        DefaultRunLauncher.launch_run_from_grpc_client(world.instance, run, client)
    info = json.loads(world.run(run.run_id).tags[compat.runs.GRPC_INFO_TAG])
    assert info == {"host": "localhost", "socket": "/tmp/code-server"}


def test_tags_on_a_queued_run_are_read_again_by_each_pass(make_world: MakeWorld) -> None:
    """Holding is a tag limit of 0: flipping the tag is all it takes to let a run go."""
    world = make_world("version: 1\nguards: {cpu: 100%, memory: 1%}\n")
    run_id = world.submit(job="plain")
    assert world.pass_() == []
    config = world.coordinator.get_run_queue_config()._replace(max_concurrent_runs=-1)
    concurrency = copy(world.instance.get_concurrency_config(), run_queue_config=config)
    assert world.daemon._get_runs_to_dequeue(world.instance, concurrency, None) == []
    world.instance.add_run_tags(run_id, {tags.ADMISSION: tags.ADMITTED})
    assert [run.run_id for run in world.daemon._get_runs_to_dequeue(world.instance, concurrency, None)] == [
        run_id
    ]


def test_the_location_of_the_storage(make_instance: MakeInstance) -> None:
    """A directory for SQLite files, a URL for PostgreSQL."""
    sqlite = make_instance()
    directory = compat.storage.sqlite_directory(sqlite)
    assert directory is not None
    assert directory.is_relative_to(Path(sqlite.root_directory))
    postgres = make_instance(postgres=True)
    assert compat.storage.sqlite_directory(postgres) is None
    assert compat.storage.storage_url(postgres).startswith("postgresql")


def test_concurrency_settings_tell_whether_runs_were_limited(make_instance: MakeInstance) -> None:
    """Absent unless somebody set them."""
    assert not compat.daemon.concurrency_settings(make_instance()).get("runs")
    limited = make_instance(concurrency={"runs": {"max_concurrent_runs": 3}})
    assert compat.daemon.concurrency_settings(limited)["runs"]


def test_a_code_location_tells_assets_checks_and_jobs(world: World) -> None:
    """What the catalogue is made of."""
    (entry,) = world.workspace.get_code_location_entries().values()
    assert entry.code_location is not None
    (repository,) = entry.code_location.get_repositories().values()
    graph = repository.asset_graph
    (check,) = graph.remote_asset_nodes_by_key[dg.AssetKey("readings")].check_keys
    assert check.name == "plausible"
    assert graph.remote_asset_check_nodes_by_key[check].asset_check.blocking
    assert "reports" in graph.remote_asset_nodes_by_key[dg.AssetKey("report")].job_names
    assert {job.name for job in repository.get_all_jobs()} >= {"plain", "reports"}


def test_the_workspace_of_the_dequeue_daemon_is_found_where_its_pass_is(world: World) -> None:
    """Its code locations are one mapping until one is loaded anew, and a load has another version."""
    found: list[object] = []
    coordinator = world.coordinator
    original = coordinator.get_run_queue_config

    def spy() -> compat.daemon.RunQueueConfig:
        found.append(compat.daemon.dequeue_workspace(inspect.currentframe()))
        return original()

    coordinator.get_run_queue_config = spy  # type: ignore[method-assign]
    world.pass_()
    assert found[0] is world.process_context
    assert set(found[1:]) <= {None}
    before = compat.workspace.code_locations(world.process_context)
    assert compat.workspace.code_locations(world.process_context) is before
    assert (
        compat.workspace.submitted_from(SubmitRunContext(world.create("report"), world.workspace)) is before
    )
    (name,) = before
    workspace: Any = world.process_context
    workspace.refresh_code_location(name)
    after = compat.workspace.code_locations(world.process_context)
    assert after is not before
    assert after[name].version_key != before[name].version_key


@pytest.mark.parametrize(
    ("partitions", "kind"),
    [
        (None, ""),
        (dg.StaticPartitionsDefinition(["a"]), "static"),
        (dg.DynamicPartitionsDefinition(name="d"), "dynamic"),
        (dg.HourlyPartitionsDefinition("2024-01-01-00:00"), "time"),
        (
            dg.MultiPartitionsDefinition(
                {"a": dg.StaticPartitionsDefinition(["a"]), "b": dg.StaticPartitionsDefinition(["b"])}
            ),
            "multipartitions",
        ),
    ],
)
def test_kinds_of_partitions_and_stubs_are_told(
    partitions: dg.PartitionsDefinition[Any] | None, kind: str
) -> None:
    """In the graph of definitions and in that of a code location; a stub is what nobody defines."""
    asset = dg.AssetSpec("asset", partitions_def=partitions, deps=["nobody"])
    defs = dg.Definitions([asset])
    local = defs.resolve_asset_graph()
    snap = RepositorySnap.from_def(defs.get_repository_def())
    remote = {one.asset_key: one.partitions for one in snap.asset_nodes}
    assert compat.definitions.partitions_kind(local.get(asset.key)) == kind
    assert type(remote[asset.key]).__name__.lower().startswith(kind.removesuffix("partitions") or "none")
    assert [compat.definitions.is_stub(local.get(dg.AssetKey(name))) for name in ("asset", "nobody")] == [
        False,
        True,
    ]


def test_the_load_of_a_run_worker_is_told_from_that_of_a_code_server() -> None:
    """The load context of definitions."""
    for load_type in DefinitionsLoadType:
        with DefinitionsLoadContext.scoped(DefinitionsLoadContext(load_type=load_type)):
            assert compat.definitions.is_reconstruction() == (load_type.name == "RECONSTRUCTION")


@pytest.mark.filterwarnings("ignore::dagster.BetaWarning")
def test_a_selection_is_resolved_over_any_graph() -> None:
    """Each form of Dagster's syntax finds in ours what it finds in that of the definitions."""
    daily = dg.DailyPartitionsDefinition("2024-01-01")
    defs = dg.Definitions(
        [
            dg.AssetSpec("source", group_name="outside", tags={"a": "b"}),
            dg.asset(name="one", deps=["source"], owners=["team:x"], kinds={"python"})(lambda: None),
            dg.asset(name="two", deps=["one"], group_name="late")(lambda: None),
            dg.asset(key_prefix="p", name="three", deps=["two"], partitions_def=daily)(lambda: None),
        ]
    )
    graph = defs.resolve_asset_graph()
    ours = Selector(Catalogue({text_of(n.key): facts_of_asset(n) for n in graph.asset_nodes}))
    for text in (
        "*",
        "key:one",
        'key:"p/*"',
        "+key:two",
        "key:one+1",
        "1+key:p/three",
        "group:late",
        "tag:a=b",
        'owner:"team:x"',
        "kind:python",
        "is:external",
        "partitions:time",
        "partitions:none",
        "roots(*)",
        "sinks(*)",
        "not key:two",
        "key:one or group:late and not is:external",
    ):
        theirs = dg.AssetSelection.from_string(text).resolve(graph, allow_missing=True)
        assert ours(text) == {text_of(key) for key in theirs}, text


def test_states_of_data_are_read_in_one_go(world: World) -> None:
    """Asset records and freshness states, by key."""
    key = dg.AssetKey("readings")
    assert compat.events.asset_records(world.instance, [key]) == {}
    world.materialize("readings", check=False)
    assert set(compat.events.asset_records(world.instance, [key])) == {key}
    assert compat.events.freshness_states(world.instance, [key]) == {}


@pytest.mark.parametrize("on_postgres", [False, True])
def test_versions_and_evaluations_are_rows_of_the_event_log(make_world: MakeWorld, on_postgres: bool) -> None:
    """By partition and storage id; a plan to check is none, and the order is that of the evaluations."""
    world = make_world(postgres=on_postgres)
    key, versions = dg.AssetKey("readings"), compat.versions
    check = dg.AssetCheckKey(key, "plausible")
    planning = world.create("readings")
    world.plan_check(planning, "readings")
    for partition in (None, "a", "b", "a"):
        world.instance.report_runless_asset_event(
            dg.AssetMaterialization(key, partition=partition, metadata={"mark": f"of {partition}"})
        )
    latest = versions.latest_by_partition(world.instance, key, ["a", "b", "c"])
    whole = versions.latest_without_partition(world.instance, key, 0.0)
    assert whole is not None
    assert set(latest) == {"a", "b"}
    assert whole < latest["b"] < latest["a"]
    assert versions.latest_without_partition(world.instance, key, time.time() + 60) is None
    made = versions.materializations(world.instance, [whole, *latest.values()], "mark")
    assert {(one.partition, one.marked, one.run_id, one.problem) for one in made.values()} == {
        (None, "of None", "", ""),
        ("a", "of a", "", ""),
        ("b", "of b", "", ""),
    }
    assert all(abs(one.at - time.time()) < 3600 for one in made.values())
    (older,) = versions.older_materializations(world.instance, key, [made[latest["a"]]], 5).values()
    assert [one.partition for one in older] == ["a"]

    for passed, partition in ((True, "a"), (False, "b")):
        world.instance.report_runless_asset_event(
            dg.AssetCheckEvaluation(key, "plausible", passed, partition=partition, description=f"{passed}")
        )
    rows = versions.evaluation_rows_by_partition(world.instance, key, ["plausible"], list(made.values()))
    rows.sort(key=lambda row: row.order)
    assert [(row.succeeded, row.partition, row.target) for row in rows] == [
        (True, "a", None),
        (False, "b", None),
    ]
    assert (
        sorted(
            versions.evaluation_rows(world.instance, [check], list(made.values())), key=lambda row: row.order
        )
        == rows
    )
    assert sorted(versions.latest_evaluation_rows(world.instance, [check]), key=lambda row: row.order) == rows
    (event,) = versions.evaluation_events(world.instance, [rows[-1].row_id]).values()
    evaluation = versions.evaluation_of(event)
    assert (evaluation.passed, evaluation.description) == (False, "False")


def test_the_runs_that_were_to_materialize_an_asset_are_known(world: World) -> None:
    """From their plan, whether they came to it or not."""
    run = world.create("readings", planned=True)
    other = world.create(job="plain", planned=True)
    key = dg.AssetKey("readings")
    found = compat.versions.planned_by(world.instance, [key], [run.run_id, other.run_id])
    assert found == {(key.to_string(), run.run_id)}


def test_freshness_by_the_policy_is_what_the_daemon_would_say() -> None:
    """Windows are limits that belong to the worse side; a cron looks at its last deadline."""
    window = dg.FreshnessPolicy.time_window(timedelta(hours=2), timedelta(hours=1))
    ages = {1.0: "PASS", 3599.0: "PASS", 3600.0: "WARN", 7199.0: "WARN", 7200.0: "FAIL"}
    found = {age: compat.freshness.freshness_at(window, 1e9 - age, 1e9) for age in ages}
    assert found == ages
    cron = dg.FreshnessPolicy.cron("0 10 * * *", timedelta(hours=1), timezone="Europe/Berlin")
    noon = datetime(2026, 3, 1, 11, tzinfo=UTC).timestamp()  # the deadline was at 09:00 UTC
    at = {hour: compat.freshness.freshness_at(cron, noon - 3600 * hour, noon) for hour in (2.5, 3.0, 3.1)}
    assert at == {2.5: "PASS", 3.0: "PASS", 3.1: "FAIL"}


@pytest.mark.parametrize("apart", [False, True])
def test_windows_and_policies_cross_to_another_process_as_text(tmp_path: Path, apart: bool) -> None:
    """Of one dimension and of two; from definitions, and from a code location."""
    file = tmp_path / "windows_location.py"
    file.write_text(WINDOWS)
    if apart:
        location = {"python_file": {"relative_path": str(file)}}
        with (
            dg.DagsterInstance.local_temp() as instance,
            compat.workspace.loaded_workspace(instance, {"load_from": [location]}) as loaded,
        ):
            (entry,) = loaded.entries.values()
            assert entry.code_location is not None, loaded.failed
            known = catalogue_of(entry.code_location).assets
    else:
        names: dict[str, Any] = {}
        exec(compile(WINDOWS, str(file), "exec"), names)
        known = {
            text_of(node.key): facts_of_asset(node)
            for node in names["defs"].resolve_asset_graph().asset_nodes
        }
    asked = [("daily", "2026-01-03"), ("both", "x|2026-01-03"), ("letters", "x"), ("daily", "no day")]
    ends = [
        compat.freshness.WindowEnds(known[name].time_windows, known[name].time_place).of(key)
        for name, key in asked
    ]
    end = datetime(2026, 1, 4, tzinfo=UTC).timestamp()
    assert ends == [end, end, None, None]
    policy = compat.freshness.read_policy(known["daily"].freshness_policy)
    assert policy == dg.FreshnessPolicy.time_window(timedelta(hours=2))
    assert known["letters"].freshness_policy == ""


def test_the_event_file_of_a_queued_run_is_taken_as_it_is(world: World) -> None:
    """A process that did not write it can add to it; one that is not there is made as ever."""
    queued, gone = world.submit("readings"), world.submit("readings")
    with dg.DagsterInstance.from_config(world.instance.root_directory) as daemon:
        storage = compat.storage.event_log_storage(daemon)
        Path(storage.path_for_shard(gone)).unlink()
        for run_id in (queued, gone):
            compat.storage.spare_event_file_check(daemon, run_id)
            assert (run_id in storage._initialized_dbs) == (run_id == queued)
            daemon.report_engine_event("told", world.run(run_id))
    for run_id in (queued, gone):
        records = world.instance.get_records_for_run(run_id).records
        assert any("told" in record.event_log_entry.message for record in records)


def test_connections_are_kept_and_replaced_when_the_server_has_closed_them(
    instance_postgres: dg.DagsterInstance,
) -> None:
    """One connection serves all queries of a storage; to lose it is not an error of the next query."""
    compat.storage.keep_connections(instance_postgres)
    for storage in (
        compat.storage.run_storage(instance_postgres),
        compat.storage.event_log_storage(instance_postgres),
    ):
        first, second = _backend(storage), _backend(storage)
        assert first == second
        with closing(connect(storage.postgres_url)) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s)", (first,))
        assert _backend(storage) != first


def test_sqlite_storage_has_no_connections_to_keep(world: World) -> None:
    """What is asked of it is done without them."""
    compat.storage.keep_connections(world.instance)
    run_id = world.submit("readings")
    assert world.pass_() == [run_id]


def test_with_statistics_a_tag_is_found_by_its_run(world: World) -> None:
    """SQLite looks into the tags of one run, and no longer into one tag of all runs."""
    for _ in range(40):
        world.instance.add_run(dg.DagsterRun("plain", tags={tags.ADMISSION: tags.HELD, tags.TIER: "batch"}))
    compat.storage.gather_tag_statistics(world.instance)
    storage = compat.storage.run_storage(world.instance)
    with storage.connect() as connection:
        rewrite = "EXPLAIN QUERY PLAN UPDATE run_tags SET value = '' WHERE run_id = '' AND key = ''"
        (step,) = connection.exec_driver_sql(rewrite).mappings()
    assert "idx_run_tags_run_idx" in step["detail"]


def _backend(storage: Any) -> int:
    """The server process that serves the next query of a storage."""
    with storage.connect() if hasattr(storage, "connect") else storage._connect() as connection:
        return int(connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one())


def test_a_sigkill_is_told_in_these_words(world: World) -> None:
    """What Dagster says of a process that was killed, and of one that was ended otherwise."""
    run = world.run(world.submit("readings"))
    before = time.time()
    for exit_code in (-9, -15, 1):
        message = get_run_crash_explanation(f"Run execution process for {run.run_id}", exit_code)
        world.instance.report_engine_event(message, run)
    (at,) = compat.events.sigkills(world.instance, run.run_id)
    assert before <= at <= time.time()


def test_the_statuses_part_the_runs_into_active_and_finished() -> None:
    """A status of Dagster's that is new must be given a place here."""
    waiting = {"QUEUED", "NOT_STARTED", "MANAGED", "SUSPENDED"}
    known = {
        status.value for status in (*compat.runs.ACTIVE_RUN_STATUSES, *compat.runs.FINISHED_STATUSES)
    } | waiting
    assert {status.value for status in dg.DagsterRunStatus} == known


def test_slots_of_pools_are_those_that_the_dequeue_pass_counts(make_world: MakeWorld) -> None:
    """A run is blocked by a pool, in Dagster's own words, exactly where none of our slots of it is free."""
    code = """
import dagster as dg

@dg.op(pool="db")
def query() -> None: ...

@dg.job
def pooled() -> None: query()
"""
    for granularity in PoolGranularity:
        world = make_world(code=code, concurrency={"pools": {"granularity": granularity.value}})
        storage = world.instance.event_log_storage
        run = world.create(job="pooled", planned=True)
        started = world.create(job="pooled", planned=True)
        world.instance.report_dagster_event(
            dg.DagsterEvent(dg.DagsterEventType.RUN_STARTING.value, "pooled"), started.run_id
        )
        active = world.instance.get_run_records(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTING]))
        rules = compat.slots.pool_rules(world.instance)
        assert rules == compat.slots.PoolRules(True, by_run=granularity is PoolGranularity.RUN, buffer=0)
        assert compat.slots.pool_slots(world.instance, rules, [run], active) == {}
        for slots in (0, 1, 2, 3):
            storage.set_concurrency_slots("db", slots)
            counter = GlobalOpConcurrencyLimitsCounter(
                world.instance,
                [run],
                active,
                storage.get_concurrency_keys(),
                storage.get_pool_limits(),
                pool_granularity=granularity,
            )
            assert compat.slots.pool_slots(world.instance, rules, [run], active) == {"db": (slots, slots - 1)}
            assert counter.is_blocked(run) is (slots <= 1)


def test_the_rules_of_pools_are_read_from_the_configuration(make_world: MakeWorld) -> None:
    """Whether they hold runs back at all, and how many runs beyond the slots may go."""
    without = make_world(config={"block_op_concurrency_limited_runs": {"enabled": False}})
    assert not compat.slots.pool_rules(without.instance).hold_back
    buffered = make_world(concurrency={"pools": {"granularity": "op", "op_granularity_run_buffer": 3}})
    assert compat.slots.pool_rules(buffered.instance) == compat.slots.PoolRules(
        hold_back=True, by_run=False, buffer=3
    )


def test_tag_limits_are_read_as_the_dequeue_pass_reads_them() -> None:
    """Of three kinds; of two on the same, the last counts."""
    limits = [
        {"key": "a", "limit": 1},
        {"key": "a", "value": "x", "limit": 2},
        {"key": "a", "value": {"applyLimitPerUniqueValue": True}, "limit": 3},
        {"key": "a", "limit": 4},
    ]
    assert compat.slots.tag_limits(limits) == [
        compat.slots.TagLimit("a", None, each=False, limit=4),
        compat.slots.TagLimit("a", "x", each=False, limit=2),
        compat.slots.TagLimit("a", None, each=True, limit=3),
    ]


def test_a_code_location_that_is_paused_is_passed_by(world: World) -> None:
    """Until the time that the dequeue daemon noted for it."""
    run = world.run(world.submit(job="plain", tags={}))
    world.pass_()
    assert compat.daemon.paused_locations(world.daemon, 0.0) == {}
    assert run.remote_job_origin is not None
    name = run.remote_job_origin.location_name
    world.daemon._location_timeouts[name] = 100.0
    assert compat.daemon.paused_locations(world.daemon, 99.0) == {name: 100.0}
    assert compat.daemon.paused_locations(world.daemon, 100.0) == {}
    assert world.daemon._is_location_pausing_dequeues(name, 99.0)
    assert not world.daemon._is_location_pausing_dequeues(name, 100.0)


def test_the_time_that_a_pass_is_told_to_go_by(world: World) -> None:
    """Dagster's own tests give one; the daemon does not, and the clock's counts."""
    told: list[float | None] = []
    coordinator = world.coordinator
    original = coordinator.get_run_queue_config

    def spy() -> compat.daemon.RunQueueConfig:
        if compat.daemon.dequeue_daemon(inspect.currentframe()) is not None:
            told.append(compat.daemon.pass_time(inspect.currentframe()))
        return original()

    coordinator.get_run_queue_config = spy  # type: ignore[method-assign]
    world.pass_()
    list(world.daemon.run_iteration(world.process_context, fixed_iteration_time=7.0))
    assert told == [None, 7.0]


def test_what_a_condition_sees_of_a_tick(instance_sqlite: dg.DagsterInstance) -> None:
    """Subsets of a view, mapped upwards; views can be kept weakly, by identity."""
    days = dg.DailyPartitionsDefinition("2024-01-01", end_date="2024-01-04")
    later = dg.DailyPartitionsDefinition("2024-01-02", end_date="2024-01-04")
    before = dg.TimeWindowPartitionMapping(start_offset=-1, end_offset=-1)

    @dg.asset(partitions_def=later)
    def above() -> None: ...

    @dg.asset_check(asset=above, blocking=True, metadata={"of": "a contract"})
    def strict() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=True)

    @dg.asset_check(asset=above)
    def mild() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=True)

    @dg.asset(partitions_def=days, deps=[above, dg.AssetDep("below", partition_mapping=before)])
    def below() -> None: ...

    @dg.asset(deps=[above])
    def whole() -> None: ...

    defs = dg.Definitions(assets=[above, below, whole], asset_checks=[strict, mild])
    view = automation.AssetGraphView.for_test(defs, instance_sqlite)
    assert WeakKeyDictionary({view: 1})[view] == 1
    assert view.effective_dt.timestamp() <= time.time()
    full, single = view.get_full_subset(key=below.key), view.get_full_subset(key=whole.key)
    assert automation.parents_of(view, below.key) == [above.key, below.key]
    assert automation.partitions_in(full) == {"2024-01-01", "2024-01-02", "2024-01-03"}
    assert automation.partitions_in(single) == {None}
    assert automation.partitions_in(automation.narrowed(view, single, [])) == set()
    assert automation.narrowed(view, single, [None]) is single
    two = automation.narrowed(view, full, ["2024-01-01", "2024-01-02"])
    for parent, read, absent in (
        (above.key, {"2024-01-02"}, {"2024-01-01"}),
        (below.key, {"2024-01-01"}, set[str]()),
    ):
        found = automation.read_by(view, two, parent)
        assert [automation.partitions_in(each) for each in found] == [read, absent]
    found = automation.read_by(view, single, above.key)
    assert [automation.partitions_in(each) for each in found] == [{"2024-01-02", "2024-01-03"}, set()]
    assert automation.blocking_checks(view, above.key) == {"strict": {"of": "a contract"}}
