"""`pandera_checks` in real materializations: blocking, partitions, what the result says."""

from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pandera.pandas as pa
import pandera.polars as pp
import polars as pl
import pytest
from typing_extensions import override

from adaptive_assets import FrameIOManager, pandera_checks
from adaptive_assets.assets.contract import Contract
from adaptive_assets.assets.contract_report import ContractReport


class Delays(pa.DataFrameModel):
    """Delays of departures."""

    minutes: int = pa.Field(gt=0)


class PolarsDelays(pp.DataFrameModel):
    """The same for Polars."""

    minutes: int = pp.Field(gt=0)


HOURS = dg.StaticPartitionsDefinition(["05", "06", "07"])


@pytest.fixture
def ephemeral() -> Any:
    """An instance that forgets."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def io_manager(tmp_path: Path) -> FrameIOManager:
    """Storage of the test's own."""
    return FrameIOManager(base_dir=str(tmp_path))


def run(
    *definitions: Any, io_manager: FrameIOManager, instance: dg.DagsterInstance | None = None, **options: Any
) -> dg.ExecuteInProcessResult:
    """Materialize; a failure is the result's and not an exception."""
    return dg.materialize(
        definitions, resources={"io_manager": io_manager}, instance=instance, raise_on_error=False, **options
    )


def verdict(result: dg.ExecuteInProcessResult) -> dg.AssetCheckEvaluation:
    """The one evaluation of a run."""
    (evaluation,) = result.get_asset_check_evaluations()
    return evaluation


def said(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    """What the metadata of the one evaluation says."""
    return {name: value.value for name, value in verdict(result).metadata.items()}


@pytest.mark.parametrize(
    ("frame", "model"),
    [(pd.DataFrame, Delays), (pl.DataFrame, PolarsDelays), (pl.LazyFrame, PolarsDelays)],
    ids=["pandas", "polars", "polars lazy"],
)
def test_a_broken_contract_keeps_downstream_from_starting(
    frame: Any, model: Any, io_manager: FrameIOManager
) -> None:
    """The check blocks, says in a sentence what is wrong, and shows the failing rows."""

    @dg.asset
    def delays() -> Any:
        return frame({"minutes": [5, -1, 7]})

    @dg.asset
    def forecast(delays: Any) -> None: ...

    result = run(delays, forecast, *pandera_checks(delays, model), io_manager=io_manager)

    assert not result.success
    assert not result.asset_materializations_for_node("forecast")
    assert not verdict(result).passed
    assert verdict(result).blocking
    assert verdict(result).description == f"1 of 3 rows break `{model.__name__}`: minutes: greater_than(0)"
    assert said(result) == {
        "adaptive/check_state": "evaluated",
        "adaptive/contract": model.__name__,
        "rows": 3,
        "failing_rows": 1,
        "failures": 1,
        "by_column": "| column | check | problem | failing rows |\n| --- | --- | --- | --- |\n"
        "| minutes | greater_than | greater_than(0) | 1 |",
        "samples": "| row | minutes |\n| --- | --- |\n| 1 | -1 |",
    }


def test_a_kept_contract_lets_downstream_go(io_manager: FrameIOManager) -> None:
    """A pass says that it was evaluated, and on how many rows."""

    @dg.asset
    def delays() -> pd.DataFrame:
        return pd.DataFrame({"minutes": [5]})

    @dg.asset
    def forecast(delays: pd.DataFrame) -> None: ...

    result = run(delays, forecast, *pandera_checks(delays, Delays), io_manager=io_manager)
    assert result.success
    assert said(result) == {
        "adaptive/check_state": "evaluated",
        "adaptive/contract": "Delays",
        "rows": 1,
        "failing_rows": 0,
        "failures": 0,
    }
    assert verdict(result).description == "1 row keep `Delays`"


def test_a_check_that_raises_is_not_evaluated(io_manager: FrameIOManager) -> None:
    """A bug in the model's own check is no pass: the result names the check and what it raised."""

    class Buggy(pa.DataFrameModel):
        minutes: int = pa.Field(gt=0)

        @pa.check("minutes", name="plausible")
        @classmethod
        def plausible(cls, minutes: pd.Series) -> pd.Series:
            raise KeyError("no such airport")

    @dg.asset
    def delays() -> pd.DataFrame:
        return pd.DataFrame({"minutes": [5]})

    result = run(delays, *pandera_checks(delays, Buggy), io_manager=io_manager)
    assert not verdict(result).passed
    assert said(result)["adaptive/check_state"] == "not_evaluated"
    assert said(result)["cause"] == '`plausible` of `minutes`: the check raised KeyError("no such airport")'
    assert verdict(result).description == f"`Buggy` was not evaluated: {said(result)['cause']}"


def test_what_is_no_frame_is_not_evaluated(io_manager: FrameIOManager) -> None:
    """An asset that returns something else fails its check with the cause."""

    @dg.asset
    def delays() -> dict[str, int]:
        return {"minutes": 5}

    result = run(delays, *pandera_checks(delays, Delays), io_manager=io_manager)
    assert not verdict(result).passed
    assert said(result)["adaptive/check_state"] == "not_evaluated"
    assert "a `builtins.int` is stored" in said(result)["cause"]


def test_warnings_of_the_model_do_not_block(io_manager: FrameIOManager) -> None:
    """Where only `raise_warning` checks fail the result fails with WARN, and downstream goes on."""
    schema = pa.DataFrameSchema(
        {"minutes": pa.Column(int, pa.Check.lt(60, raise_warning=True))}, name="Delays"
    )

    @dg.asset
    def delays() -> pd.DataFrame:
        return pd.DataFrame({"minutes": [600]})

    @dg.asset
    def forecast(delays: pd.DataFrame) -> None: ...

    result = run(delays, forecast, *pandera_checks(delays, schema), io_manager=io_manager)
    assert result.success
    assert not verdict(result).passed
    assert verdict(result).severity is dg.AssetCheckSeverity.WARN


def test_no_data_leaves_with_zero_samples(io_manager: FrameIOManager) -> None:
    """With `samples=0` no value of the data is in anything that is reported."""

    class Private(pa.DataFrameModel):
        name: str = pa.Field(isin=["nobody"])

        @pa.check("name", name="looks_up")
        @classmethod
        def looks_up(cls, name: pd.Series) -> pd.Series:
            raise LookupError(name.iloc[0])

    @dg.asset
    def people() -> pd.DataFrame:
        return pd.DataFrame({"name": ["Ada Lovelace"]})

    result = run(people, *pandera_checks(people, Private, samples=0), io_manager=io_manager)
    assert not verdict(result).passed
    assert said(result)["failing_rows"] == 1
    assert "Ada" not in f"{said(result)} {verdict(result).description}"


def partitioned(bad: str | None = None) -> dg.AssetsDefinition:
    """Hours of delays, of which one may be bad."""

    @dg.asset(partitions_def=HOURS)
    def delays(context: dg.AssetExecutionContext) -> pd.DataFrame:
        return pd.DataFrame({"minutes": [-1 if context.partition_key == bad else 1]})

    return delays


@pytest.mark.parametrize("by_key", [False, True])
def test_a_run_of_one_partition_checks_that_partition(
    by_key: bool, io_manager: FrameIOManager, ephemeral: dg.DagsterInstance
) -> None:
    """Only the run's partition is loaded and judged, and the evaluation is recorded for it."""
    delays = partitioned(bad="06")
    checks = (
        pandera_checks("delays", Delays, partitions_def=HOURS) if by_key else pandera_checks(delays, Delays)
    )
    for hour, good in [("05", True), ("06", False), ("07", True)]:
        result = run(delays, *checks, io_manager=io_manager, instance=ephemeral, partition_key=hour)
        assert verdict(result).passed is good
        assert verdict(result).partition == hour
        assert said(result)["rows"] == 1


def test_without_its_partitions_a_check_still_judges_the_right_one(
    io_manager: FrameIOManager, ephemeral: dg.DagsterInstance
) -> None:
    """Named by key alone, the check loads every partition, and judges the run's own; without one, all."""
    delays, checks = partitioned(bad="06"), pandera_checks("delays", Delays)
    for hour in HOURS.get_partition_keys():
        run(delays, io_manager=io_manager, instance=ephemeral, partition_key=hour)
    passed = run(delays, *checks, io_manager=io_manager, instance=ephemeral, partition_key="05")
    assert verdict(passed).passed
    everything = run(
        delays,
        *checks,
        io_manager=io_manager,
        instance=ephemeral,
        selection=dg.AssetSelection.checks(*checks),
    )
    assert not verdict(everything).passed
    assert said(everything)["rows"] == 3
    assert "| 06 | minutes |" in said(everything)["by_column"]
    assert said(everything)["samples"].endswith("| 06 | 0 | -1 |")


def test_an_asset_may_have_several_contracts(io_manager: FrameIOManager) -> None:
    """Each with a name of its own, each judged on its own."""

    class Plausible(pa.DataFrameModel):
        minutes: int = pa.Field(lt=1000)

    @dg.asset
    def delays() -> pd.DataFrame:
        return pd.DataFrame({"minutes": [-5]})

    checks = [
        *pandera_checks(delays, Delays),
        *pandera_checks(delays, Plausible, name="plausible", blocking=False),
    ]
    result = run(delays, *checks, io_manager=io_manager)
    evaluations = {each.check_name: each.passed for each in result.get_asset_check_evaluations()}
    assert evaluations == {"contract": False, "plausible": True}


def test_long_reports_are_cut(io_manager: FrameIOManager) -> None:
    """Hundreds of broken columns and unruly values leave a report that a page can show."""
    wide = pa.DataFrameSchema(
        {f"c{n:03}": pa.Column(str, pa.Check.isin(["x"])) for n in range(120)}, name="Wide"
    )

    @dg.asset
    def delays() -> pd.DataFrame:
        return pd.DataFrame({f"c{n:03}": ["a|b\n<script>" + "z" * 500] * 9 for n in range(120)})

    result = run(delays, *pandera_checks(delays, wide), io_manager=io_manager)
    report = said(result)
    assert report["failures"] == 120
    assert report["by_column"].endswith("and 70 more")
    table = report["samples"].splitlines()
    assert len(table) == 2 + 5
    assert all(line.replace("\\|", "").count("|") == 14 for line in table)
    assert "<" not in report["samples"]
    assert str(verdict(result).description).endswith("; and 117 more")


@pytest.mark.parametrize("model", [dict, "Delays", pa.DataFrameSchema({})])
def test_a_wrong_model_is_an_error_when_the_code_loads(model: Any) -> None:
    """Not when the check runs for the first time; the message names the asset."""
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="of the asset `delays`"):
        pandera_checks("delays", model)


def test_a_missing_file_is_a_failed_run_and_no_pass(io_manager: FrameIOManager) -> None:
    """With nothing stored the check cannot load: its step fails and it records no evaluation."""

    @dg.asset
    def delays() -> pd.DataFrame:
        return pd.DataFrame({"minutes": [5]})

    checks = pandera_checks(delays, Delays)
    result = run(delays, *checks, io_manager=io_manager, selection=dg.AssetSelection.checks(*checks))
    assert not result.success
    assert not result.get_asset_check_evaluations()


class Textless:
    """Fails when it is shown."""

    @override
    def __repr__(self) -> str:
        raise ValueError("no text")


def test_a_value_that_cannot_be_shown_hides_no_finding() -> None:
    """Its own error is shown in its place: the findings of its row and of other partitions are there."""
    contract = Contract(pa.DataFrameSchema({"minutes": pa.Column(int, pa.Check.gt(0))}))
    bad = pd.DataFrame({"minutes": [1, -2], "what": [Textless(), Textless()]})
    report = ContractReport.of(contract, {"05": bad, "06": bad}, samples=5)
    assert [partition for partition, _ in report.findings] == ["05", "06"]
    assert [dict(row) for row in report.samples] == [
        {"partition": hour, "row": "1", "minutes": "-2", "what": "(no text: ValueError)"}
        for hour in ("05", "06")
    ]
    result = report.result(dg.AssetCheckSeverity.ERROR)
    assert not result.passed
    assert result.metadata["adaptive/check_state"].value == "evaluated"
