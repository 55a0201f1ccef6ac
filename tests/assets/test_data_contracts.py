"""Contracts and needs on assets: what Dagster shows of them, and definitions that are refused."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pandera.pandas as pa
import pandera.polars as pp
import polars as pl
import pytest

from adaptive_assets import (
    DataContract,
    FrameIOManager,
    Needs,
    adapt,
    pandera_checks,
    with_contract,
    with_needs,
)

DAYS = dg.DailyPartitionsDefinition("2024-01-01")


class Departures(pa.DataFrameModel):
    """Flights that left."""

    flight: int = pa.Field(gt=0, unique=True, description="The number")
    carrier: str = pa.Field(isin=["AA", "DL"])
    delay: float = pa.Field(ge=-60, lt=1440, nullable=True)

    class Config:
        """A flight of a carrier once."""

        unique = ["flight", "carrier"]  # noqa: RUF012


CONTRACT = DataContract(
    Departures, owner="team:flights", version="1.2.0", freshness=timedelta(hours=1), compatibility="full"
)


def asset(name: str, *deps: str, **options: Any) -> dg.AssetsDefinition:
    """An asset that makes nothing."""

    def made() -> None: ...

    defined: dg.AssetsDefinition = dg.asset(name=name, deps=deps, **options)(made)
    return defined


def spec_of(defined: Any) -> Any:
    """The one spec of an asset, or the spec itself."""
    if isinstance(defined, dg.AssetSpec):
        return defined
    (spec,) = defined.specs
    return spec


def refused(*assets: Any, checks: Any = ()) -> list[str]:
    """What `adapt()` has against definitions, line by line; nothing where it takes them."""
    defs = dg.Definitions(assets=assets, asset_checks=checks)
    try:
        adapt(defs)
    except dg.DagsterInvalidDefinitionError as error:
        return str(error).splitlines()
    return []


def producer(model: Any = Departures, **options: Any) -> tuple[Any, Any]:
    """`departures` with a contract."""
    return with_contract(asset("departures"), DataContract(model, **options))


def consumer(*given: Any, **needed: Any) -> dg.AssetsDefinition:
    """`forecast`, which needs something of `departures`."""
    return with_needs(asset("forecast", "departures"), {"departures": Needs(*given, **needed)})


def test_an_asset_shows_its_contract_in_dagsters_own_metadata() -> None:
    """Columns with types and constraints, owners, freshness, the contract; its own description stays."""
    made, checks = with_contract(asset("departures", partitions_def=DAYS, description="Mine"), CONTRACT)
    spec = spec_of(made)
    assert spec.owners == ("team:flights",)
    assert spec.freshness_policy == dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=1))
    assert spec.description == "Mine"
    assert spec.metadata["adaptive/contract"] == "Departures 1.2.0"
    table = spec.metadata["dagster/column_schema"].value
    assert [(one.name, one.type, one.constraints.nullable) for one in table.columns] == [
        ("flight", "int64", False),
        ("carrier", "string[pyarrow]", False),
        ("delay", "float64", True),
    ]
    assert table.columns[0].description == "The number"
    assert table.columns[0].constraints.unique
    assert table.columns[2].constraints.other == [
        "greater_than_or_equal_to(min_value=-60)",
        "less_than(max_value=1440)",
    ]
    assert table.constraints.other == ["unique: flight, carrier"]
    (check,) = checks
    assert (
        check.check_specs_by_output_name["result"].partitions_def == DAYS
        if check.check_specs_by_output_name
        else 1
    )
    defs = adapt(dg.Definitions([made], asset_checks=checks))
    dg.Definitions.validate_loadable(defs)


def test_what_the_asset_says_itself_stays() -> None:
    """Its owners, its freshness policy and its schema."""
    own = dg.FreshnessPolicy.time_window(fail_window=timedelta(days=1))
    schema = dg.TableSchema([dg.TableColumn(name) for name in ("flight", "carrier", "delay", "gate")])
    made, _ = with_contract(
        asset(
            "d", owners=["me@flights.org"], freshness_policy=own, metadata={"dagster/column_schema": schema}
        ),
        CONTRACT,
    )
    spec = spec_of(made)
    assert (tuple(spec.owners), spec.freshness_policy) == (("me@flights.org",), own)
    assert len(spec.metadata["dagster/column_schema"].columns) == 4


def test_a_contract_for_a_column_that_never_was_is_refused() -> None:
    """Where the asset's own schema has no such column, with the nearest that it has."""
    schema = dg.TableSchema([dg.TableColumn("flight"), dg.TableColumn("carier"), dg.TableColumn("delay")])
    with pytest.raises(
        dg.DagsterInvalidDefinitionError,
        match="demands the column `carrier`, and the `dagster/column_schema` of the asset `d` has no such "
        "column; did you mean `carier`",
    ):
        with_contract(asset("d", metadata={"dagster/column_schema": schema}), CONTRACT)


def test_specs_and_definitions_of_several_assets() -> None:
    """An external asset has its contract in its spec; of several assets, one says which."""
    made, checks = with_contract(dg.AssetSpec("raw"), CONTRACT)
    assert isinstance(made, dg.AssetSpec)
    assert made.metadata["adaptive/contract"] == "Departures 1.2.0"
    assert len(checks) == 1

    @dg.multi_asset(specs=[dg.AssetSpec("a"), dg.AssetSpec(["b", "c"])])
    def both():  # type: ignore[no-untyped-def]
        ...

    with pytest.raises(dg.DagsterInvalidDefinitionError, match="makes `a`, `b/c`; say which by `key=`"):
        with_contract(both, CONTRACT)
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="makes `a`, `b/c`, and not `b`"):
        with_contract(both, CONTRACT, key="b")
    changed, _ = with_contract(both, CONTRACT, key=["b", "c"])
    by_key = {spec.key: spec for spec in changed.specs}
    assert "adaptive/contract" not in by_key[dg.AssetKey("a")].metadata
    assert by_key[dg.AssetKey(["b", "c"])].owners == ("team:flights",)
    with pytest.raises(
        dg.DagsterInvalidDefinitionError, match=r"has the contract `Departures 1\.2\.0` already"
    ):
        with_contract(changed, CONTRACT, key=["b", "c"])
    with pytest.raises(TypeError, match="takes an asset or an AssetSpec, not str"):
        with_contract("departures", CONTRACT)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (
            {"freshness": timedelta(seconds=30)},
            "promises data no older than 30 s, which Dagster cannot watch",
        ),
        ({"compatibility": "backwards"}, "is 'backwards'; it can be `backward`, `forward`, `full`, `none`"),
        ({"version": ""}, "has an empty version"),
    ],
)
def test_a_contract_that_cannot_be_is_refused(options: Any, told: str) -> None:
    """When it is made."""
    with pytest.raises(ValueError, match=told):
        DataContract(Departures, **options)


def test_a_result_names_the_contract_and_its_version(tmp_path: Path) -> None:
    """Of a check of a contract; of a check of a mere model, the model's name."""

    @dg.asset
    def departures() -> pd.DataFrame:
        return pd.DataFrame({"flight": [1, 2], "carrier": ["AA", "XX"], "delay": [0.0, None]})

    made, checks = with_contract(departures, CONTRACT)
    more = pandera_checks(made, Departures, name="model")
    result = dg.materialize(
        [made, *checks, *more],
        resources={"io_manager": FrameIOManager(base_dir=str(tmp_path))},
        raise_on_error=False,
    )
    told = {
        one.check_name: {name: value.value for name, value in one.metadata.items()}
        for one in result.get_asset_check_evaluations()
    }
    assert told["contract"]["adaptive/contract"] == "Departures"
    assert told["contract"]["adaptive/contract_version"] == "1.2.0"
    assert (told["contract"]["failing_rows"], told["contract"]["rows"]) == (1, 2)
    assert told["model"]["adaptive/contract"] == "Departures"
    assert "adaptive/contract_version" not in told["model"]


class Ranged(pa.DataFrameModel):
    """What a careful consumer needs."""

    delay: float = pa.Field(ge=-100, le=2000, nullable=True)
    carrier: str = pa.Field(isin=["AA", "DL", "UA"])


class Narrow(pa.DataFrameModel):
    """What the contract does not promise."""

    delay: float = pa.Field(ge=0, nullable=True)
    carrier: str = pa.Field(isin=["AA"])


class PolarsDepartures(pp.DataFrameModel):
    """The same columns in Polars."""

    flight: pl.Int64
    delay: pl.Float64 = pp.Field(nullable=True)


@pytest.mark.parametrize(
    "needed",
    [
        {"columns": ["flight", "carrier"]},
        {"columns": {"flight": int, "carrier": str, "delay": "float64"}, "nullable": ["delay"]},
        {"columns": ["flight"], "checks": ["carrier: isin", "contract"]},
        {"checks": ["delay: less_than(max_value=1440)"]},
        {"model": Ranged},
        {"model": PolarsDepartures},
    ],
)
def test_needs_that_a_contract_meets_pass(needed: Any) -> None:
    """By name, by type, by check, by a model whose checks follow from the contract's."""
    made, checks = producer(Departures)
    assert refused(made, consumer(**needed), checks=checks) == []


@pytest.mark.parametrize(
    ("needed", "told"),
    [
        (
            {"columns": {"delay": "float64"}},
            "column `delay` of `departures` to be without nulls, and by the ",
        ),
        (
            {"columns": {"flight": "float64"}},
            "column `flight` of `departures` to be float64, and by the contract",
        ),
        ({"columns": ["dellay"]}, "absent; did you mean `delay`?"),
        ({"checks": ["delay: isin"]}, "checked by `delay: isin`, and neither the contract"),
        ({"checks": ["schedule"]}, "to be checked by `schedule`, and neither"),
        ({"model": Narrow}, "checked by greater_than_or_equal_to(min_value=0), and by the contract"),
    ],
)
def test_needs_that_a_contract_does_not_meet_are_refused(needed: Any, told: str) -> None:
    """Both sides are named, and the contract with its version and owner."""
    made, checks = producer(version="3", owner="team:flights")
    line = refused(made, consumer(**needed), checks=checks)[0]
    assert line.startswith("`forecast` needs ")
    assert "`Departures 3` of team:flights" in line
    assert told in line


def test_a_contract_that_nothing_checks_is_refused() -> None:
    """It would be a promise that nobody keeps; an asset that is made elsewhere is checked there."""
    made, checks = producer()
    (line,) = refused(made)
    assert line.startswith(
        "`departures` states a contract that nothing checks: give `Definitions` the checks"
    )
    assert refused(made, checks=checks) == []
    elsewhere, _ = with_contract(dg.AssetSpec("departures"), CONTRACT)
    assert refused(elsewhere) == []


def test_all_broken_needs_are_told_at_once() -> None:
    """Of all consumers."""
    made, checks = producer()
    needs = {"departures": Needs(["a", "b"])}
    others = [with_needs(asset(name, "departures"), needs) for name in ("one", "two")]
    told = refused(made, *others, checks=checks)
    assert len(told) == 4
    assert told[0].endswith("(1 of 4)")
    assert [line.split("`")[1] for line in told] == ["one", "one", "two", "two"]


def test_a_change_is_compatible_or_breaks_a_consumer() -> None:
    """A new column and a tighter check pass; a dropped column, another type and a looser check do not."""

    def changed(**columns: Any) -> list[str]:
        made, checks = producer(pa.DataFrameSchema({"flight": pa.Column(int), **columns}, name="D"))
        needed = consumer(model=pa.DataFrameSchema({"delay": pa.Column(float, pa.Check.lt(1440))}))
        return refused(made, needed, checks=checks)

    assert changed(delay=pa.Column(float, pa.Check.lt(1440))) == []
    assert changed(delay=pa.Column(float, pa.Check.lt(1000)), gate=pa.Column(str)) == []
    assert len(changed()) == 1
    assert len(changed(delay=pa.Column(int, pa.Check.lt(1440)))) == 1
    assert len(changed(delay=pa.Column(float, pa.Check.lt(1500)))) == 1
    assert len(changed(delay=pa.Column(float))) == 1


def test_a_model_that_is_only_checked_is_a_contract_too() -> None:
    """`pandera_checks` alone promises as much, if the check blocks; several models promise together."""
    made = asset("departures")
    needed = consumer(["flight"], model=pa.DataFrameSchema({"delay": pa.Column(float, nullable=True)}))
    assert refused(made, needed, checks=pandera_checks(made, Departures)) == []
    assert refused(made, needed, checks=pandera_checks(made, Departures, blocking=False))
    delay = pa.DataFrameSchema({"delay": pa.Column(float)}, name="delay")
    flight = pa.DataFrameSchema({"flight": pa.Column(int)}, name="flight")
    both = [*pandera_checks(made, delay, name="a"), *pandera_checks(made, flight, name="b")]
    assert refused(made, needed, checks=both) == []
    (line,) = refused(made, needed, checks=both[:1])
    assert "column `flight`" in line
    (line,) = refused(made, needed)
    assert line.startswith("`forecast` needs columns of `departures`, which states no contract: give it")


def test_a_coerced_column_may_be_stored_as_anything() -> None:
    """What passes the check by coercion has no type that a consumer could rely on."""
    model = pa.DataFrameSchema({"flight": pa.Column(int, coerce=True)}, name="D")
    needed = consumer({"flight": int})
    made, checks = with_contract(asset("departures"), DataContract(model))
    assert refused(made, needed, checks=checks) == []
    made, checks = with_contract(asset("departures"), DataContract(model), coerce=True)
    (line,) = refused(made, needed, checks=checks)
    assert "to be int64, and by the contract `D 1` it is of any type" in line


def test_producers_of_other_code_locations_are_not_judged() -> None:
    """An asset that is only named here may have any contract there."""
    assert refused(consumer(["flight"])) == []
    assert refused(dg.AssetSpec("departures"), consumer(["flight"])) == []
    made, checks = with_contract(dg.AssetSpec("departures"), CONTRACT)
    assert len(refused(made, consumer(["gate"]), checks=checks)) == 1


def test_lineage_of_columns_is_in_dagsters_own_metadata() -> None:
    """Of all upstream assets together, however often needs are given."""
    report = asset("report", "departures", "weather")
    report = with_needs(
        report, {"departures": Needs(["delay"], lineage={"late": "delay", "score": ["delay"]})}
    )
    report = with_needs(report, {"weather": Needs(["wind"], lineage={"score": ["wind"]})})
    lineage = spec_of(report).metadata["dagster/column_lineage"].value.deps_by_column
    assert {
        own: [(one.asset_key.path, one.column_name) for one in deps] for own, deps in lineage.items()
    } == {
        "late": [(["departures"], "delay")],
        "score": [(["departures"], "delay"), (["weather"], "wind")],
    }


def test_a_lineage_of_a_column_that_never_was_is_refused() -> None:
    """Of the consumer's own contract, and of what it needs."""
    report, checks = with_contract(
        asset("report", "departures"), DataContract(pa.DataFrameSchema({"late": pa.Column(bool)}, name="R"))
    )
    report = with_needs(report, {"departures": Needs(["delay"], lineage={"lat": "delay"})})
    (line,) = refused(report, checks=checks)
    assert line == (
        "the column `lat` of `report` is made of columns of `departures`, and the contract `R 1` of `report` "
        "has no such column; did you mean `late`?"
    )


@pytest.mark.parametrize(
    ("given", "error", "told"),
    [
        ({}, ValueError, "it needs nothing"),
        ({"columns": "delay"}, TypeError, "give a list of names"),
        ({"columns": {"delay": 8}}, TypeError, "the type of the column `delay` is 8; give its name"),
        (
            {"columns": ["delay"], "nullable": ["dely"]},
            ValueError,
            "`dely` in the nullable is none of the columns",
        ),
        (
            {"columns": ["delay"], "lineage": {"x": "y"}},
            ValueError,
            "`y` in the lineage of `x` is none of the col",
        ),
        ({"columns": ["delay"], "model": Ranged}, ValueError, "the column `delay` is needed twice"),
        ({"model": 3}, TypeError, "is no pandera model"),
    ],
)
def test_needs_that_cannot_be_are_refused(given: Any, error: Any, told: str) -> None:
    """When they are made."""
    with pytest.raises(error, match=told):
        Needs(**given)


def test_needs_of_what_is_not_read_are_refused() -> None:
    """An asset needs something of those that it depends on."""
    with pytest.raises(
        dg.DagsterInvalidDefinitionError,
        match="`forecast` does not depend on `departure`; did you mean `departures`",
    ):
        with_needs(asset("forecast", "departures"), {"departure": Needs(["delay"])})


def test_metadata_that_somebody_wrote_is_told() -> None:
    """Not a traceback: the asset and the place are named."""
    odd = asset("odd", metadata={"adaptive/contract_terms": {"contract": 3}, "adaptive/needs": {"a": {}}})
    first, second = refused(odd)
    assert first.startswith("the contract of `odd`, in its metadata `adaptive/contract_terms`: `contract` of")
    assert second.startswith("what `odd` needs, in its metadata `adaptive/needs`: ")
