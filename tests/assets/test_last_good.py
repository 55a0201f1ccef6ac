"""The mode `last_good`: which stored version is good, and what is served when none is."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pandera.polars as pp
import polars as pl
import pytest

from adaptive_assets import FrameIOManager, RunMode, pandera_checks
from adaptive_assets.assets.versions import versions_in


@dg.asset
def forecast(context: dg.AssetExecutionContext, run_mode: RunMode) -> pl.DataFrame:
    """A forecast whose value a run's tag says, or the last good one."""
    if run_mode.read(context).is_last_good:
        frame: pl.DataFrame = run_mode.last_good(context)
        return frame
    return pl.DataFrame({"minutes": [int(context.run.tags.get("minutes", 0))]})


@dg.asset_check(asset=forecast, blocking=True)
def plausible(context: dg.AssetCheckExecutionContext, forecast: pl.DataFrame) -> dg.AssetCheckResult:
    """Blocks negative delays; raises at exactly 13, unless the run says that it was mended."""
    minutes = forecast["minutes"][0]
    if minutes == 13 and "mended" not in context.run.tags:
        raise ValueError("a bug of the check")
    return dg.AssetCheckResult(passed=minutes >= 0)


@dg.asset_check(asset=forecast)
def advisory(forecast: pl.DataFrame) -> dg.AssetCheckResult:
    """Blocks nothing, and fails for odd delays."""
    return dg.AssetCheckResult(passed=forecast["minutes"][0] % 2 == 0)


@dg.asset_check(asset=forecast, blocking=True)
def warning(forecast: pl.DataFrame) -> dg.AssetCheckResult:
    """Blocking, but only ever warns."""
    return dg.AssetCheckResult(passed=forecast["minutes"][0] < 5, severity=dg.AssetCheckSeverity.WARN)


class Runs:
    """Runs of the forecast on one instance with one storage."""

    def __init__(self, instance: dg.DagsterInstance, folder: Path, keep_versions: int = 1) -> None:
        self.instance = instance
        self.store = FrameIOManager(base_dir=str(folder), keep_versions=keep_versions)

    def run(self, *definitions: Any, raises: bool = False, **options: Any) -> dg.ExecuteInProcessResult:
        """Materialize; a failure is the result's unless it ``raises``."""
        return dg.materialize(
            definitions or (forecast, plausible, advisory, warning),
            resources={"io_manager": self.store, "run_mode": RunMode()},
            instance=self.instance,
            raise_on_error=raises,
            **options,
        )

    def make(self, minutes: int, **options: Any) -> dg.ExecuteInProcessResult:
        """Materialize in full."""
        return self.run(tags={"minutes": str(minutes)}, **options)

    def serve(self, *definitions: Any, **tags: str) -> int:
        """What `last_good` serves."""
        result = self.run(*definitions, tags={"adaptive/mode": "last_good", **tags}, raises=True)
        return int(result.output_for_node("forecast")["minutes"][0])

    def stored(self) -> list[int]:
        """The numbers of the versions that are stored."""
        return [version.number for version in versions_in(Path(self.store.base_dir, "forecast"))]


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Runs]:
    """Runs that keep no more than they must."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield Runs(instance, tmp_path / "assets")


def test_the_newest_version_that_passed_is_served(runs: Runs) -> None:
    """Versions that failed a blocking check are passed over, however many there are."""
    runs.make(2)
    for minutes in (-1, -2, -3):
        assert not runs.make(minutes).success
    assert runs.serve() == 2


def test_the_good_version_outlives_the_bad_ones(runs: Runs) -> None:
    """Only the newest version and the newest good one are kept, with `keep_versions=1`."""
    for minutes in (1, 2, -1, -2, -3):
        runs.make(minutes)
    assert runs.stored() == [2, 5]


def test_what_is_served_is_a_version_of_its_own(runs: Runs) -> None:
    """A last good version that was served, checked and passed is good itself and says how it was made."""
    runs.make(2)
    runs.make(-1)
    result = runs.run(tags={"adaptive/mode": "last_good"})
    (made,) = result.asset_materializations_for_node("forecast")
    assert made.metadata["adaptive/mode"].value == "last_good"
    assert runs.stored() == [1, 3] or runs.stored() == [3]
    runs.make(-1)
    assert runs.serve() == 2


def test_a_check_that_crashed_makes_no_version_good(runs: Runs) -> None:
    """Planned and never evaluated is not a pass."""
    runs.make(2)
    runs.make(13)
    assert runs.serve() == 2


def test_a_later_evaluation_is_believed(runs: Runs) -> None:
    """A check that runs again on its own decides about the version that it looked at."""
    only = (forecast, plausible)
    runs.run(*only, tags={"minutes": "2"})
    runs.run(*only, tags={"minutes": "13"})
    assert runs.serve(*only) == 2
    runs.run(*only, tags={"minutes": "13"})
    runs.run(*only, selection=dg.AssetSelection.checks(plausible), tags={"mended": "yes"})
    assert runs.serve(*only, mended="yes") == 13


def test_failures_that_block_nothing_do_not_spoil_a_version(runs: Runs) -> None:
    """A failed check that is not blocking, or only warns, leaves a version good."""
    runs.make(2)
    runs.make(7)
    assert runs.serve() == 7


def test_a_contract_that_was_not_evaluated_makes_no_version_good(runs: Runs) -> None:
    """Whatever its severity: a contract that only warns is still not kept by what it could not look at."""

    class Forecast(pp.DataFrameModel):
        minutes: int

        @pp.check("minutes", name="buggy")
        @classmethod
        def buggy(cls, data: pp.PolarsData) -> pl.LazyFrame:
            if data.lazyframe.collect()["minutes"][0] == 4:
                raise ValueError("a bug of the check")
            return data.lazyframe.select(pl.col("minutes") >= 0)

    (contract,) = pandera_checks(forecast, Forecast, severity=dg.AssetCheckSeverity.WARN)
    for minutes in ("3", "4"):
        runs.run(forecast, contract, tags={"minutes": minutes})
    assert runs.serve(forecast, contract) == 3


def test_an_asset_without_checks_serves_what_is_stored(runs: Runs) -> None:
    """Nothing says that a version is bad, so the newest is served."""
    runs.run(forecast, tags={"minutes": "4"})
    assert runs.serve(forecast) == 4


def test_a_version_that_was_never_checked_is_passed_over(runs: Runs) -> None:
    """Where other versions were checked, one whose run left the checks out is not known to be good."""
    runs.make(2)
    runs.run(forecast, tags={"minutes": "4"})
    assert runs.serve() == 2


def test_without_any_good_version_the_run_fails(runs: Runs) -> None:
    """The failure names the asset and says what to do; it is not tried again."""
    told = "the asset `forecast`: it has no last good version to serve: "
    with pytest.raises(dg.Failure, match=f"{told}nothing is stored; materialize it once in full") as failure:
        runs.serve()
    assert failure.value.allow_retries is False
    runs.make(-1)
    with pytest.raises(dg.Failure, match=f"{told}none of 1 in .* passed all checks that block"):
        runs.serve()


def test_each_partition_has_a_last_good_version_of_its_own(tmp_path: Path) -> None:
    """A bad hour does not take away the good version of another hour."""
    hours = dg.StaticPartitionsDefinition(["05", "06"])

    @dg.asset(partitions_def=hours)
    def hourly(context: dg.AssetExecutionContext, run_mode: RunMode) -> str:
        if run_mode.read(context).is_last_good:
            return str(run_mode.last_good(context))
        return f"{context.partition_key} {context.run.tags['value']}"

    store = FrameIOManager(base_dir=str(tmp_path))
    with dg.DagsterInstance.ephemeral() as instance:

        def run(hour: str, **tags: str) -> Any:
            return dg.materialize(
                [hourly],
                resources={"io_manager": store, "run_mode": RunMode()},
                instance=instance,
                partition_key=hour,
                tags={name.replace("__", "/"): value for name, value in tags.items()},
            ).output_for_node("hourly")

        run("05", value="one")
        run("06", value="two")
        assert run("05", adaptive__mode="last_good") == "05 one"
        assert run("06", adaptive__mode="last_good") == "06 two"


def test_a_step_that_makes_several_assets_says_which(tmp_path: Path) -> None:
    """With several assets in a step the key must be given; without it the failure says how."""

    @dg.multi_asset(outs={"one": dg.AssetOut(), "two": dg.AssetOut()})
    def both(context: dg.AssetExecutionContext, run_mode: RunMode) -> tuple[int, int]:
        mode = run_mode.read(context)
        if mode.name == "careless":
            run_mode.last_good(context)
        if mode.is_last_good:
            return run_mode.last_good(context, dg.AssetKey("one")), run_mode.last_good(
                context, dg.AssetKey("two")
            )
        return 1, 2

    resources = {"io_manager": FrameIOManager(base_dir=str(tmp_path)), "run_mode": RunMode()}
    with dg.DagsterInstance.ephemeral() as instance:
        dg.materialize([both], resources=resources, instance=instance)
        served = dg.materialize(
            [both], resources=resources, instance=instance, tags={"adaptive/mode": "last_good"}
        )
        assert (served.output_for_node("both", "one"), served.output_for_node("both", "two")) == (1, 2)
        with pytest.raises(dg.Failure, match=r"makes 2 assets \(`one`, `two`\): say whose"):
            dg.materialize([both], resources=resources, instance=instance, tags={"adaptive/mode": "careless"})


def test_several_partitions_at_once_cannot_be_served(tmp_path: Path) -> None:
    """A run over a range of partitions fails with a clear message, and not with a wrong version."""

    @dg.asset(partitions_def=dg.DailyPartitionsDefinition("2013-01-01", "2013-01-05"))
    def daily(context: dg.AssetExecutionContext, run_mode: RunMode) -> None:
        run_mode.last_good(context)

    tags = {
        "dagster/asset_partition_range_start": "2013-01-01",
        "dagster/asset_partition_range_end": "2013-01-03",
    }
    resources = {"io_manager": FrameIOManager(base_dir=str(tmp_path)), "run_mode": RunMode()}
    with pytest.raises(dg.Failure, match="several partitions at once"):
        dg.materialize([daily], resources=resources, tags=tags)


def test_the_io_manager_of_the_asset_is_asked(tmp_path: Path) -> None:
    """An asset whose IO manager has another key, configured for the run alone, is served from there."""

    @dg.asset(io_manager_key="warehouse")
    def number(context: dg.AssetExecutionContext, run_mode: RunMode) -> int:
        return int(run_mode.last_good(context)) if run_mode.read(context).is_last_good else 7

    resources = {"warehouse": FrameIOManager.configure_at_launch(), "run_mode": RunMode()}
    config = {"resources": {"warehouse": {"config": {"base_dir": str(tmp_path)}}}}
    with dg.DagsterInstance.ephemeral() as instance:
        dg.materialize([number], resources=resources, run_config=config, instance=instance)
        served = dg.materialize(
            [number],
            resources=resources,
            run_config=config,
            instance=instance,
            tags={"adaptive/mode": "last_good"},
        )
    assert served.output_for_node("number") == 7


def test_other_io_managers_serve_what_they_have(tmp_path: Path) -> None:
    """With Dagster's own storage, last good is the last."""

    @dg.asset
    def number(context: dg.AssetExecutionContext, run_mode: RunMode) -> int:
        return int(run_mode.last_good(context)) if run_mode.read(context).is_last_good else 7

    resources = {"io_manager": dg.FilesystemIOManager(base_dir=str(tmp_path)), "run_mode": RunMode()}
    with dg.DagsterInstance.ephemeral() as instance:
        dg.materialize([number], resources=resources, instance=instance)
        served = dg.materialize(
            [number], resources=resources, instance=instance, tags={"adaptive/mode": "last_good"}
        )
        assert served.output_for_node("number") == 7


def test_the_event_log_of_a_real_instance_tells_the_same(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    """On SQLite and on PostgreSQL, as in memory."""
    runs, only = Runs(instance, tmp_path / "assets"), (forecast, plausible)
    for minutes in ("2", "-1"):
        runs.run(*only, tags={"minutes": minutes})
    assert runs.serve(*only) == 2
