"""The state of an input is that of the version that would be read, and of no other."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as db
from dagster._core.definitions.freshness import FreshnessState, FreshnessStateChange

from adaptive_assets.assets import tags
from adaptive_assets.assets.catalogues import facts_of_asset
from adaptive_assets.assets.check_states import CHECK_STATE, NOT_EVALUATED
from adaptive_assets.assets.input_states import InputStates
from adaptive_assets.assets.inputs import Input
from adaptive_assets.dagster_compat.storage import event_log_storage
from adaptive_assets.dagster_compat.versions import latest_by_partition
from adaptive_assets.planning.snapshot import CheckState, DataState, Freshness
from adaptive_assets.policy import AssetFacts, Catalogue, CheckFacts

pytestmark = pytest.mark.filterwarnings(
    "ignore::dagster_shared.utils.warnings.PreviewWarning",
)
"""Partitions of checks are new in Dagster."""

FAIL, WARN, UNKNOWN, PASSED = CheckState.FAIL, CheckState.WARN, CheckState.NOT_EVALUATED, None
LETTERS = dg.StaticPartitionsDefinition(["a", "b", "c", "d"])
NOW = datetime(2026, 3, 1, tzinfo=UTC).timestamp()


def judged(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    """As the run's tag ``check`` says: ok, bad, warn, broken (raises), skipped (not evaluated)."""
    said = context.run.tags.get("check", "ok")
    if said == "broken":
        raise ValueError("the check is broken")
    return dg.AssetCheckResult(
        asset_key=dg.AssetKey("raw"),
        check_name="sane",
        passed=said == "ok",
        severity=dg.AssetCheckSeverity.WARN if said == "warn" else dg.AssetCheckSeverity.ERROR,
        description=f"\n{said} rows\tfound\nsecond line",
        metadata={CHECK_STATE: NOT_EVALUATED} if said == "skipped" else {},
    )


class Project:
    """One asset ``raw`` with a blocking check ``sane`` of some shape, on a real instance."""

    def __init__(
        self,
        instance: dg.DagsterInstance,
        partitions: dg.PartitionsDefinition[str] | None = None,
        *,
        check_partitions: bool = True,
        order: str = "apart",
        policy: dg.FreshnessPolicy | None = None,
        external: bool = False,
    ) -> None:
        self.instance = instance
        self.partitions = partitions
        self.assets: list[Any] = []
        if external:
            self.assets.append(dg.AssetSpec("raw", partitions_def=partitions, freshness_policy=policy))
        elif order == "apart":
            self.assets.append(plain_asset(partitions, policy))
        else:
            self.assets.append(checking_asset(partitions, order))
        if external or order == "apart":

            @dg.asset_check(
                asset="raw",
                name="sane",
                blocking=True,
                partitions_def=partitions if check_partitions else None,
            )
            def sane(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
                return judged(context)

            self.assets.append(sane)
        self.catalogue = catalogue_of(self.assets)
        self.states = InputStates(instance)

    def run(self, partition: str | None = None, *, only: str = "", **run_tags: str) -> bool:
        """One run: all, or ``only`` the asset (``raw``) or the check (``check``)."""
        external = any(isinstance(one, dg.AssetSpec) for one in self.assets)
        key = dg.AssetKey("raw")
        job = self.job.get_subset(
            asset_selection=set() if external or only == "check" else {key},
            asset_check_selection=set() if only == "raw" else {dg.AssetCheckKey(key, "sane")},
        )
        given = run_tags | ({"dagster/partition": partition} if partition else {})
        return job.execute_in_process(instance=self.instance, tags=given, raise_on_error=False).success

    @property
    def job(self) -> dg.JobDefinition:
        """The job of all that there is."""
        return dg.Definitions(
            assets=[one for one in self.assets if not isinstance(one, dg.AssetChecksDefinition)],
            asset_checks=[one for one in self.assets if isinstance(one, dg.AssetChecksDefinition)],
        ).resolve_implicit_global_asset_job_def()

    def of(self, *partitions: str, now: float | None = None) -> DataState:
        """The state of some partitions, or of the asset."""
        one = Input("raw", partitions or None)
        return self.states.of(self.catalogue, [one], datetime.now(UTC).timestamp() if now is None else now)[
            one.key
        ]

    def verdict(self, *partitions: str) -> CheckState | None:
        """What the check says of the version, seen by a reader that has looked before and by a new one."""
        state = self.of(*partitions)
        assert InputStates(self.instance).of(self.catalogue, [Input("raw", partitions or None)], NOW + 1e9)
        assert not state.unreadable, state.problem
        return max((one.state for one in state.outcomes), key=[WARN, UNKNOWN, FAIL].index, default=None)


def plain_asset(
    partitions: dg.PartitionsDefinition[str] | None, policy: dg.FreshnessPolicy | None
) -> dg.AssetsDefinition:
    """``raw``, whose check is a step of its own."""

    @dg.asset(name="raw", partitions_def=partitions, freshness_policy=policy)
    def plain(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        return dg.MaterializeResult(metadata=mode_of(context))

    return plain


def checking_asset(partitions: dg.PartitionsDefinition[str] | None, order: str) -> dg.AssetsDefinition:
    """``raw``, which yields its check ``before`` or ``after`` its output, and may crash in between."""

    @dg.multi_asset(
        specs=[dg.AssetSpec("raw", skippable=True), dg.AssetSpec("side", skippable=True)],
        check_specs=[dg.AssetCheckSpec("sane", asset="raw", blocking=True)],
        partitions_def=partitions,
        can_subset=True,
    )
    def yielding(context: dg.AssetExecutionContext) -> Any:
        raw = dg.AssetKey("raw") in context.selected_asset_keys
        if raw and order == "after":
            yield dg.MaterializeResult("raw", metadata=mode_of(context))
        if context.selected_asset_check_keys:
            yield judged(context)
        if context.run.tags.get("crash"):
            raise RuntimeError("crashed before its output")
        if raw and order == "before":
            yield dg.MaterializeResult("raw", metadata=mode_of(context))

    return yielding


def mode_of(context: dg.AssetExecutionContext) -> dict[str, str]:
    """Metadata of a materialization, as the run's tag ``mode`` says."""
    mode = context.run.tags.get("mode")
    return {tags.MODE: mode} if mode else {}


def catalogue_of(assets: Sequence[Any]) -> Catalogue:
    """What a code location would say of them."""
    graph = dg.Definitions(
        assets=[one for one in assets if not isinstance(one, dg.AssetChecksDefinition)],
        asset_checks=[one for one in assets if isinstance(one, dg.AssetChecksDefinition)],
    ).resolve_asset_graph()
    facts = [
        facts_of_asset(
            node,
            checks=tuple(
                CheckFacts(key.name, blocking=True) for key in graph.get_check_keys_for_assets({node.key})
            ),
        )
        for node in graph.asset_nodes
    ]
    return Catalogue({one.key: one for one in facts})


Story = Callable[[dg.DagsterInstance], tuple[object, object]]
STORIES: dict[str, Story] = {}


def story(function: Story) -> Story:
    """One thing that happens to data: it returns what is found and what is right."""
    STORIES[function.__name__.removeprefix("_")] = function
    return function


@story
def _another_partition_speaks_for_itself_alone(instance: dg.DagsterInstance) -> tuple[object, object]:
    project = Project(instance, LETTERS)
    for partition, check in {"a": "ok", "b": "bad", "c": "warn"}.items():
        project.run(partition, check=check)
    found = [project.verdict(one) for one in "abc"]
    return (found, project.of("d").missing), ([PASSED, FAIL, WARN], ("d",))


@story
def _a_check_without_partitions_speaks_for_what_it_was_run_on(
    instance: dg.DagsterInstance,
) -> tuple[object, object]:
    project = Project(instance, LETTERS, check_partitions=False)
    for partition, check in {"a": "bad", "b": "ok"}.items():
        project.run(partition, check=check)
    project.run("c", only="raw")
    return [project.verdict(one) for one in "abc"], [FAIL, PASSED, UNKNOWN]


@story
def _a_newer_version_is_not_evaluated(instance: dg.DagsterInstance) -> tuple[object, object]:
    project = Project(instance, LETTERS)
    project.run("a")
    project.run("a", only="raw")
    before = project.verdict("a")
    project.run("a", only="check", check="bad")
    return [before, project.verdict("a")], [UNKNOWN, FAIL]


@story
def _a_recheck_takes_back_and_gives_back(instance: dg.DagsterInstance) -> tuple[object, object]:
    project = Project(instance)
    found = []
    project.run()
    for check in ("bad", "skipped", "ok", "broken", "warn"):
        project.run(only="check", check=check)
        found.append(project.verdict())
    return found, [FAIL, UNKNOWN, PASSED, PASSED, WARN]


@story
def _a_check_that_raised_is_not_evaluated(instance: dg.DagsterInstance) -> tuple[object, object]:
    project = Project(instance)
    project.run(check="broken")
    return project.verdict(), UNKNOWN


@story
def _a_check_before_its_output_speaks_for_it(instance: dg.DagsterInstance) -> tuple[object, object]:
    found = []
    project = Project(instance, LETTERS, order="before")
    for check in ("ok", "bad", "ok"):
        project.run("a", check=check)
        found.append(project.verdict("a"))
    return found, [PASSED, FAIL, PASSED]


@story
def _a_check_before_an_output_that_never_came_says_nothing(
    instance: dg.DagsterInstance,
) -> tuple[object, object]:
    found = []
    project = Project(instance, LETTERS, order="before")
    project.run("a", check="bad")
    project.run("a", check="ok", crash="yes")
    found.append(project.verdict("a"))
    project.run("a", check="ok")
    project.run("a", check="bad", crash="yes")
    return [*found, project.verdict("a")], [FAIL, PASSED]


@story
def _a_check_alone_of_what_could_make_the_asset_counts(instance: dg.DagsterInstance) -> tuple[object, object]:
    project = Project(instance, order="after")
    project.run(check="bad")
    before = project.verdict()
    project.run(only="check", check="ok")
    return [before, project.verdict()], [FAIL, PASSED]


@story
def _a_plan_to_check_is_no_evaluation(instance: dg.DagsterInstance) -> tuple[object, object]:
    project = Project(instance, LETTERS)
    project.run("a", check="bad")
    instance.create_run_for_job(project.job, tags={"dagster/partition": "a"})
    return project.verdict("a"), FAIL


@story
def _an_evaluation_by_hand_without_a_target_speaks_of_what_is_latest(
    instance: dg.DagsterInstance,
) -> tuple[object, object]:
    project = Project(instance)
    found = []
    for passed in (False, True):
        instance.report_runless_asset_event(dg.AssetMaterialization("raw"))
        found.append(project.verdict())
        instance.report_runless_asset_event(
            dg.AssetCheckEvaluation(dg.AssetKey("raw"), "sane", passed, blocking=True)
        )
        found.append(project.verdict())
    return found, [UNKNOWN, FAIL, UNKNOWN, PASSED]


@story
def _an_external_asset_counts_with_and_without_a_report(
    instance: dg.DagsterInstance,
) -> tuple[object, object]:
    project = Project(instance, external=True)
    found = [project.verdict()]
    for check in ("bad", "ok", "bad"):
        project.run(check=check)
        found.append(project.verdict())
    instance.report_runless_asset_event(dg.AssetMaterialization("raw"))
    found.append(project.verdict())
    project.run(check="ok")
    found.append(project.verdict())
    return found, [UNKNOWN, FAIL, PASSED, FAIL, UNKNOWN, PASSED]


@story
def _an_external_partition_that_was_never_made_is_not_missing(
    instance: dg.DagsterInstance,
) -> tuple[object, object]:
    project = Project(instance, LETTERS, external=True)
    for partition, check in {"a": "bad", "b": "ok"}.items():
        project.run(partition, check=check)
    return [*map(project.verdict, "abc"), project.of("a").missing], [FAIL, PASSED, UNKNOWN, ()]


@story
def _an_asset_that_became_partitioned_has_no_partition(instance: dg.DagsterInstance) -> tuple[object, object]:
    Project(instance).run()
    state = Project(instance, LETTERS).of("a")
    return (state.missing, state.materialized_at), (("a",), None)


@story
def _an_asset_that_lost_its_partitions_is_read_where_it_has_none(
    instance: dg.DagsterInstance,
) -> tuple[object, object]:
    whole, parted = Project(instance), Project(instance, LETTERS)
    parted.run("a", check="ok")
    found = [whole.verdict()]
    whole.run(check="bad")
    parted.run("a", check="ok")
    return [*found, whole.verdict()], [PASSED, FAIL]


@story
def _degraded_and_good_versions_are_told_by_partition(instance: dg.DagsterInstance) -> tuple[object, object]:
    project = Project(instance, LETTERS)
    for partition in "ab":
        project.run(partition)
    project.run("c", mode="reduced")
    good = project.of("b").materialized_at
    project.run("b", check="bad")
    state = project.of("a", "b", "c", "d")
    (outcome,) = state.outcomes
    found = (
        state.mode,
        state.degraded,
        state.missing,
        outcome.partition,
        outcome.said,
        state.good_at == good,
    )
    return found, ("reduced", "c", ("d",), "b", "bad rows found", True)


@story
def _wiped_data_is_missing(instance: dg.DagsterInstance) -> tuple[object, object]:
    project = Project(instance, LETTERS)
    project.run("a")
    assert project.of("a").missing == ()
    instance.wipe_assets([dg.AssetKey("raw")])
    return project.of("a").missing, ("a",)


@pytest.mark.parametrize("name", STORIES)
def test_an_input_is_what_its_version_is(instance_sqlite: dg.DagsterInstance, name: str) -> None:
    """On SQLite, each story."""
    found, right = STORIES[name](instance_sqlite)
    assert found == right


@pytest.mark.parametrize(
    "name",
    [
        "another_partition_speaks_for_itself_alone",
        "a_check_before_its_output_speaks_for_it",
        "an_external_asset_counts_with_and_without_a_report",
        "degraded_and_good_versions_are_told_by_partition",
        "an_asset_that_lost_its_partitions_is_read_where_it_has_none",
    ],
)
def test_on_postgres_too(instance_postgres: dg.DagsterInstance, name: str) -> None:
    """A sample of the stories."""
    found, right = STORIES[name](instance_postgres)
    assert found == right


DAYS = dg.DailyPartitionsDefinition("2026-01-01")
WINDOW = dg.FreshnessPolicy.time_window(timedelta(hours=24), timedelta(hours=12))
CRON = dg.FreshnessPolicy.cron("0 10 * * *", timedelta(hours=1))


@pytest.mark.parametrize(
    ("partitions", "key", "policy", "daemon", "age_h", "right"),
    [
        (LETTERS, "a", WINDOW, "PASS", 1, Freshness.PASS),
        (LETTERS, "a", WINDOW, "PASS", 13, Freshness.WARN),
        (LETTERS, "a", WINDOW, "PASS", 25, Freshness.FAIL),
        (LETTERS, "a", WINDOW, "WARN", 1, Freshness.WARN),
        (LETTERS, "a", WINDOW, "FAIL", 1, Freshness.FAIL),
        (LETTERS, "a", WINDOW, None, 1, Freshness.NOT_EVALUATED),
        (LETTERS, "a", CRON, "PASS", 1, Freshness.PASS),
        (LETTERS, "a", CRON, "PASS", 24, Freshness.FAIL),
        (LETTERS, "a", None, None, 999, Freshness.NO_POLICY),
        (DAYS, "2026-01-03", WINDOW, "PASS", 500, Freshness.PASS),
        (DAYS, "2026-03-01", WINDOW, "PASS", 25, Freshness.FAIL),
        (DAYS, "2026-01-03", WINDOW, "FAIL", 500, Freshness.FAIL),
        (
            dg.MultiPartitionsDefinition({"day": DAYS, "at": LETTERS}),
            "a|2026-01-03",
            WINDOW,
            "PASS",
            500,
            Freshness.PASS,
        ),
    ],
)
def test_a_partition_is_as_fresh_as_its_own_version(
    instance_sqlite: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
    partitions: dg.PartitionsDefinition[str],
    key: str,
    policy: dg.FreshnessPolicy | None,
    daemon: str | None,
    age_h: float,
    right: Freshness,
) -> None:
    """The worse of what the daemon says of the asset, and of the age of a version that is not complete."""
    project = Project(instance_sqlite, partitions, policy=policy)
    now = datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()
    instance_sqlite.report_runless_asset_event(dg.AssetMaterialization("raw", partition=key))
    storage_id = latest_by_partition(instance_sqlite, dg.AssetKey("raw"), [key])[key]
    made = datetime.fromtimestamp(now - 3600 * age_h, UTC).replace(tzinfo=None)
    with event_log_storage(instance_sqlite).index_connection() as connection:
        connection.execute(
            db.text("UPDATE event_logs SET timestamp = :at WHERE id = :id"),
            {"at": str(made), "id": storage_id},
        )
    if daemon:
        report_freshness(instance_sqlite, daemon)
    state = project.of(key, now=now)
    assert state.freshness is right
    if daemon == "PASS":
        assert state.stale == ("" if right is Freshness.PASS else key)


def report_freshness(instance: dg.DagsterInstance, state: str) -> None:
    """What the freshness daemon writes."""
    change = FreshnessStateChange(
        key=dg.AssetKey("raw"),
        new_state=FreshnessState(state),
        previous_state=FreshnessState.UNKNOWN,
        state_change_timestamp=NOW,
    )
    instance._report_runless_asset_event(change)


def test_one_event_that_cannot_be_read_concerns_its_partition_alone(
    instance_sqlite: dg.DagsterInstance,
) -> None:
    """The others go on, and the input says which materialization it is."""
    project = Project(instance_sqlite, LETTERS)
    for partition in "ab":
        project.run(partition, mode="reduced")
    storage_id = latest_by_partition(instance_sqlite, dg.AssetKey("raw"), ["a"])["a"]
    with event_log_storage(instance_sqlite).index_connection() as connection:
        connection.execute(
            db.text("UPDATE event_logs SET event = :event WHERE id = :id"),
            {"event": "{adaptive/mode", "id": storage_id},
        )
    inputs = [Input("raw", ("a",)), Input("raw", ("b",)), Input("raw", None, "no such mapping")]
    states = project.states.of(project.catalogue, inputs, NOW)
    bad, good, given = (states[one.key] for one in inputs)
    assert bad.unreadable
    assert str(storage_id) in bad.problem
    assert "`a`" in bad.problem
    assert (good.unreadable, good.mode) == (False, "reduced")
    assert (given.unreadable, given.problem) == (True, "no such mapping")


def test_facts_of_another_version_of_the_product_are_read_and_the_daemon_speaks_alone(
    instance_sqlite: dg.DagsterInstance,
) -> None:
    """A catalogue that was kept without windows, and one with a text that nobody can read."""
    project = Project(instance_sqlite, LETTERS, policy=WINDOW)
    project.run("a")
    report_freshness(instance_sqlite, "PASS")
    facts = project.catalogue.assets["raw"]
    assert Catalogue.from_json(project.catalogue.to_json()).assets["raw"] == facts
    for known in (
        replace(facts, freshness_policy=""),
        replace(facts, freshness_policy="{x", time_windows="{x"),
    ):
        state = read(project, known)
        assert state.freshness is Freshness.PASS


def read(project: Project, facts: AssetFacts) -> DataState:
    """The state of partition ``a`` a year from now."""
    later = datetime.now(UTC).timestamp() + 365 * 86400
    one = Input("raw", ("a",))
    return project.states.of(Catalogue({"raw": facts}), [one], later)[one.key]


def test_reads_grow_with_partitions_and_not_with_inputs(instance_sqlite: dg.DagsterInstance) -> None:
    """Statements of one call over ranges that overlap: as many as over the partitions themselves."""
    keys = [f"k{number:03d}" for number in range(60)]
    project = Project(instance_sqlite, dg.StaticPartitionsDefinition(keys))
    for key in keys:
        instance_sqlite.report_runless_asset_event(dg.AssetMaterialization("raw", partition=key))
    ranges = [Input("raw", tuple(keys[start:])) for start in range(50)]
    one = [Input("raw", tuple(keys))]

    def statements(inputs: Collection[Input]) -> int:
        states = InputStates(instance_sqlite)
        seen = []
        watch = lambda *_: seen.append(1)  # noqa: E731
        db.event.listen(db.engine.Engine, "before_cursor_execute", watch)
        try:
            states.of(project.catalogue, inputs, NOW)
        finally:
            db.event.remove(db.engine.Engine, "before_cursor_execute", watch)
        return len(seen)

    assert statements(ranges) == statements(one) < 40
