"""Other runs see a version when its blocking checks have passed, and not before; a recheck takes it back."""

import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from typing_extensions import override

from adaptive_assets import FrameIOManager
from adaptive_assets.assets.rollback import ROLLED_BACK_TO, NothingToRollBackError, roll_back
from adaptive_assets.assets.versions import versions_in

HOURS = dg.StaticPartitionsDefinition(["05", "06"])


@dg.asset(partitions_def=HOURS)
def number(context: dg.AssetExecutionContext) -> int:
    """What a tag of the run says."""
    return int(context.run.tags["value"])


def _positive(context: dg.AssetCheckExecutionContext, number: int) -> dg.AssetCheckResult:
    """Fails below zero, or as a tag says."""
    if context.run.tags.get("crash"):
        raise ValueError("a bug of the check")
    ok = context.run.tags.get("ok")
    return dg.AssetCheckResult(passed=number >= 0 if ok is None else ok == "yes", metadata={"saw": number})


with warnings.catch_warnings():
    warnings.simplefilter("ignore", dg.PreviewWarning)
    positive = dg.asset_check(asset=number, name="positive", blocking=True, partitions_def=HOURS)(_positive)


@dg.asset(partitions_def=HOURS)
def reader(number: int) -> int:
    """What a reader in the same or another run gets."""
    return number


class Site:
    """Runs on one instance with one storage."""

    def __init__(self, instance: dg.DagsterInstance, folder: Path, **options: Any) -> None:
        self.instance = instance
        self.store = FrameIOManager(base_dir=str(folder), **options)

    def run(self, *select: str, hour: str = "05", raises: bool = False, **tags: Any) -> Any:
        """Materialize; checks are selected by their name."""
        selection = dg.AssetSelection.assets(*(s for s in select if s != "positive")).without_checks()
        if "positive" in select:
            selection = selection | dg.AssetSelection.checks(positive)
        return dg.materialize(
            [number, positive, reader],
            selection=selection,
            resources={"io_manager": self.store},
            instance=self.instance,
            # Dagster finds no partitions of a run without assets; the tag does what its own pages do.
            partition_key=None if select == ("positive",) else hour,
            tags={"dagster/partition": hour, **tags} if select == ("positive",) else tags,
            raise_on_error=raises,
        )

    def make(self, value: int, hour: str = "05", **tags: Any) -> Any:
        """Materialize and check."""
        return self.run("number", "positive", hour=hour, value=str(value), **tags)

    def check(self, ok: str, hour: str = "05") -> Any:
        """Check again, in a run of its own."""
        return self.run("positive", hour=hour, ok=ok)

    def read(self, hour: str = "05") -> int:
        """What another run reads."""
        return int(self.run("reader", hour=hour, raises=True).output_for_node("reader"))

    def stored(self, hour: str = "05") -> list[int]:
        """The numbers of the versions of an hour."""
        return [version.number for version in versions_in(Path(self.store.base_dir, "number", f"@{hour}"))]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A site in memory."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield Site(instance, tmp_path)


def test_other_runs_read_the_newest_version_that_passed(site: Site) -> None:
    """A failed version, one whose check crashed and one that was never checked are all passed over."""
    site.make(1)
    site.make(-1)
    assert site.read() == 1
    site.make(2, crash="yes")
    assert site.read() == 1
    site.run("number", value="3")
    assert site.read() == 1
    site.make(4)
    assert site.read() == 4


def test_a_version_outlives_its_run(site: Site) -> None:
    """Runs are deleted as they get old: what checks said of their versions stays, and so does their order."""
    first = site.make(1)
    site.instance.delete_run(first.run_id)
    assert site.read() == 1
    second = site.make(2)
    bad = site.make(-1)
    for run in (second, bad):
        assert site.read() == 2
        site.instance.delete_run(run.run_id)
    assert site.read() == 2
    site.run("number", value="3")
    assert site.read() == 2
    site.make(4)
    assert site.read() == 4


def test_versions_from_before_there_were_checks_are_read(site: Site) -> None:
    """Also when their runs were deleted; of a version that failed since, the one before it is read."""
    site.run("number", value="0")
    old = site.run("number", value="1")
    assert site.read() == 1
    site.instance.delete_run(old.run_id)
    assert site.read() == 1
    site.make(-1)
    assert site.read() == 1


def test_what_is_made_without_its_checks_is_not_read_in_any_partition(site: Site) -> None:
    """Once the asset has checks; what was made before is."""
    site.run("number", value="1", hour="06")
    site.make(2)
    site.run("number", value="3", hour="06")
    assert site.read("06") == 1


def test_without_audit_the_newest_is_read(site: Site) -> None:
    """Who does not want it reads what is stored."""
    site.make(1)
    site.make(-1)
    site.store = FrameIOManager(base_dir=site.store.base_dir, audit=False)
    assert site.read() == -1


def test_a_partition_that_never_passed_says_what_failed(site: Site) -> None:
    """The error names the asset, the partition, the check and the run; the good hour is another's."""
    site.make(1, hour="06")
    run_id = site.make(-1).run_id
    with pytest.raises(dg.Failure) as failure:
        site.read()
    told = str(failure.value.description)
    assert told.startswith("No version of `number[05]` has passed its checks: v00000001-")
    assert f"`positive` failed (run {run_id[:8]})" in told
    assert site.read("06") == 1


def test_the_run_that_made_it_reads_its_own(site: Site) -> None:
    """Downstream steps of the same run read the candidate, and so do the checks."""
    site.make(1)
    result = site.run("number", "reader", value="7")
    assert result.output_for_node("reader") == 7
    assert site.read() == 1


def test_a_check_only_run_judges_the_newest_and_publishes_it(site: Site) -> None:
    """It reads the version that Dagster calls the latest, never the published one."""
    site.make(1)
    site.make(-5)
    result = site.check("yes")
    (said,) = result.get_asset_check_evaluations()
    assert said.metadata["saw"].value == -5
    assert site.read() == -5


def test_a_recheck_withdraws_and_restores(site: Site) -> None:
    """However many evaluations of another partition come after."""
    site.make(1)
    site.make(2)
    site.check("no")
    assert site.read() == 1
    site.make(9, hour="06")
    for _ in range(60):
        site.check("yes", hour="06")
    assert site.read() == 1
    site.check("yes")
    assert site.read() == 2


class Slow(FrameIOManager):
    """Lets another run store and record a version between the two of its own."""

    @override
    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        """Store it; of the value 1, make 2 meanwhile."""
        super().handle_output(context, obj)
        if obj == 1:
            Site(context.step_context.instance, Path(self.base_dir)).make(2)


def test_the_order_is_that_of_events(site: Site) -> None:
    """Of two versions made at once, that counts which Dagster recorded last, whatever their numbers are."""
    site.store = Slow(base_dir=site.store.base_dir)
    site.make(1)
    assert site.stored() == [1, 2]
    (latest,) = site.instance.fetch_materializations(
        dg.AssetRecordsFilter(dg.AssetKey("number"), asset_partitions=["05"]), limit=1
    ).records
    assert latest.asset_materialization is not None
    assert str(latest.asset_materialization.metadata["version"].value).startswith("v00000001")
    assert site.read() == 1


def test_a_version_whose_writer_died_before_its_event_is_no_version(site: Site) -> None:
    """Whole on the disk, and unknown to Dagster: nobody else reads it, also as the first one there is."""
    run_id = site.instance.create_run_for_job(
        dg.job(name="dead")(lambda: None), status=dg.DagsterRunStatus.STARTED
    ).run_id
    folder = Path(site.store.base_dir, "number", "@05")
    folder.mkdir(parents=True)
    (folder / f"v00000001-{run_id}.pickle").write_bytes(b"whole, and never recorded")
    with pytest.raises(dg.Failure, match=r"its materialization in run .* is not recorded"):
        site.read()
    site.make(1)
    assert site.read() == 1


def test_a_file_removed_by_hand_goes_back_one_version(site: Site) -> None:
    """The readers fall back to the good version before it."""
    site.make(1)
    site.make(2)
    versions_in(Path(site.store.base_dir, "number", "@05"))[-1].path.unlink()
    assert site.read() == 1


def test_retention_by_count_and_age(site: Site) -> None:
    """Young versions stay whatever their number, and the last good one of a partition stays for ever."""
    site.store = FrameIOManager(base_dir=site.store.base_dir, keep_versions=1, keep_for_hours=1)
    for value in (1, 2, -1, -2):
        site.make(value)
    assert site.stored() == [1, 2, 3, 4]
    for version in versions_in(Path(site.store.base_dir, "number", "@05")):
        os.utime(version.path, (0, version.written_at - 7200))
    site.make(-3)
    assert site.stored() == [2, 5]
    assert site.read() == 2


def test_a_version_that_is_being_audited_is_not_removed(site: Site) -> None:
    """Another writer of the partition leaves the candidate of a run that is going on."""
    site.store = FrameIOManager(base_dir=site.store.base_dir, keep_versions=1)
    site.make(1)
    alive = site.instance.create_run_for_job(
        dg.job(name="alive")(lambda: None), status=dg.DagsterRunStatus.STARTED
    ).run_id
    candidate = Path(site.store.base_dir, "number", "@05", f"v00000002-{alive}.pickle")
    candidate.write_bytes(b"")
    site.make(3)
    assert candidate.exists()
    os.utime(candidate, (0, 0))
    site.make(4)
    assert not candidate.exists()


def test_rollback_makes_the_last_good_version_the_latest(site: Site) -> None:
    """By events: a materialization that says what it goes back to, and the evaluations for it."""
    site.make(1)
    site.make(2)
    site.check("no")
    done = roll_back(site.instance, dg.AssetKey("number"), "05", "a recheck failed")
    assert (done.withdrawn[:9], done.restored[:9]) == ("v00000002", "v00000001")
    (latest,) = site.instance.fetch_materializations(
        dg.AssetRecordsFilter(dg.AssetKey("number"), asset_partitions=["05"]), limit=1
    ).records
    made = latest.asset_materialization
    assert made is not None
    assert made.metadata[ROLLED_BACK_TO].value == done.restored
    record = site.instance.event_log_storage.get_asset_check_execution_history(positive.check_key, limit=1)[0]
    said: Any = record.event.dagster_event.event_specific_data  # type: ignore[union-attr]
    assert said.passed
    assert said.target_materialization_data.storage_id == latest.storage_id
    assert site.read() == 1
    assert site.stored() == [1, 2]
    # A pass of the withdrawn version comes too late: a check judges the latest, and that is the restored one.
    (seen,) = site.check("yes").get_asset_check_evaluations()
    assert seen.metadata["saw"].value == 1
    site.make(3)
    assert site.read() == 3


def test_a_rollback_that_was_cut_short_is_completed(site: Site) -> None:
    """Killed between its two writes: the next call records the evaluations, and makes no second event."""
    site.make(1)
    site.make(-2)
    roll_back(site.instance, dg.AssetKey("number"), "05", "it failed")
    wanted = dg.AssetRecordsFilter(dg.AssetKey("number"), asset_partitions=["05"])
    events = len(site.instance.fetch_materializations(wanted, limit=10).records)
    again = roll_back(site.instance, dg.AssetKey("number"), "05", "it failed")
    assert again.restored.startswith("v00000001")
    assert len(site.instance.fetch_materializations(wanted, limit=10).records) == events


def test_where_nothing_can_be_rolled_back_the_error_says_why(site: Site) -> None:
    """Nothing stored, nothing bad, nothing good."""
    key = dg.AssetKey("number")
    with pytest.raises(NothingToRollBackError, match=r"`number\[05\]` has no stored version"):
        roll_back(site.instance, key, "05", "why")
    site.make(-1)
    with pytest.raises(NothingToRollBackError, match="none of its 1 versions passed its checks"):
        roll_back(site.instance, key, "05", "why")
    site.make(1)
    with pytest.raises(NothingToRollBackError, match=r"its latest version v00000002-.* is good"):
        roll_back(site.instance, key, "05", "why")


def test_real_databases_tell_the_same(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    """On SQLite and on PostgreSQL, as in memory."""
    site = Site(instance, tmp_path)
    site.make(1)
    site.make(2)
    site.check("no")
    assert site.read() == 1
    roll_back(instance, dg.AssetKey("number"), "05", "a recheck failed")
    assert site.read() == 1
    site.make(3)
    assert site.read() == 3


def test_a_store_without_locks_tells_the_same() -> None:
    """On an object store too: what failed is not read, a recheck withdraws, and a rollback restores."""
    with dg.DagsterInstance.ephemeral() as instance:
        site = Site(instance, Path("unused"))
        site.store = FrameIOManager(base_dir="memory://audited", keep_versions=1)
        for value in (1, 2, -1, -2):
            site.make(value)
        assert site.read() == 2
        done = roll_back(instance, dg.AssetKey("number"), "05", "it failed")
        assert site.read() == 2
        assert done.restored != done.withdrawn
        site.make(3)
        assert site.read() == 3


def test_a_check_that_ran_before_the_output_looked_at_it(site: Site) -> None:
    """A check yielded before the output of its own step names the version before as its target."""

    @dg.multi_asset(
        outs={"early": dg.AssetOut()},
        check_specs=[dg.AssetCheckSpec("sane", asset="early", blocking=True)],
    )
    def make_early(context: dg.AssetExecutionContext) -> Iterator[Any]:
        value = int(context.run.tags["value"])
        yield dg.AssetCheckResult(check_name="sane", asset_key="early", passed=value >= 0)
        yield dg.Output(value, "early")

    @dg.asset
    def after(early: int) -> int:
        return early

    def run(*select: str, value: int = 0) -> Any:
        return dg.materialize(
            [make_early, after],
            selection=list(select),
            resources={"io_manager": site.store},
            instance=site.instance,
            tags={"value": str(value)},
            raise_on_error=False,
        )

    run("early", value=1)
    run("early", value=2)
    assert run("after").output_for_node("after") == 2
    run("early", value=-1)
    assert run("after").output_for_node("after") == 2
