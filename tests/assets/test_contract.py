"""Holding frames against pandera models: what pandera lets pass in silence must not pass here."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pandas as pd
import pandera.pandas as pa
import pandera.polars as pp
import polars as pl
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pandera.engines.pandas_engine import PydanticModel

from adaptive_assets.assets.contract import Contract, NotEvaluatedError
from adaptive_assets.assets.contract_findings import ContractFinding


class Delays(pa.DataFrameModel):
    """Delays in a pandas frame."""

    carrier: str = pa.Field(isin=["AA", "UA"])
    minutes: int = pa.Field(gt=0)


class PolarsDelays(pp.DataFrameModel):
    """The same in a Polars frame."""

    carrier: str = pp.Field(isin=["AA", "UA"])
    minutes: int = pp.Field(gt=0)


BAD = {"carrier": ["AA", "ZZ", "UA"], "minutes": [1, 2, -3]}
GOOD = {"carrier": ["AA", "UA"], "minutes": [1, 2]}


def findings(model: Any, data: Any, **options: Any) -> list[ContractFinding]:
    """What a model finds in data."""
    contract = Contract(model, **options)
    return contract.findings(contract.frame_of(data))


def found(model: Any, data: Any, **options: Any) -> list[tuple[str, str, tuple[int, ...] | None]]:
    """The column, check and rows of each finding."""
    return [(one.column, one.check, rows_of(one)) for one in findings(model, data, **options)]


def rows_of(finding: ContractFinding) -> tuple[int, ...] | None:
    """The rows of a finding as plain numbers."""
    return None if finding.rows is None else tuple(map(int, finding.rows))


@pytest.mark.parametrize(
    ("model", "frame"),
    [(Delays, pd.DataFrame), (PolarsDelays, pl.DataFrame), (PolarsDelays, pl.LazyFrame)],
    ids=["pandas", "polars", "polars lazy"],
)
def test_every_failure_is_found_with_its_rows(model: Any, frame: Any) -> None:
    """Failures of all columns are collected at once, and each names the rows that it is about."""
    assert found(model, frame(BAD)) == [("carrier", "isin", (1,)), ("minutes", "greater_than", (2,))]
    assert found(model, frame(GOOD)) == []


def test_pandera_alone_passes_a_lazy_frame() -> None:
    """The reason for collecting: pandera itself looks at no value of a lazy frame."""
    PolarsDelays.validate(pl.LazyFrame(BAD), lazy=True)
    assert findings(PolarsDelays, pl.LazyFrame(BAD))


SILENCED = """
import pandas as pd, pandera.pandas as pa
from adaptive_assets.assets.contract import Contract

class Delays(pa.DataFrameModel):
    minutes: int = pa.Field(gt=0)

bad = pd.DataFrame({"minutes": [-1]})
Delays.validate(bad, lazy=True)
print("pandera passed it")
print([(one.column, one.check) for one in Contract(Delays).findings(bad)])
"""


@pytest.mark.parametrize(
    "setting", [("PANDERA_VALIDATION_DEPTH", "SCHEMA_ONLY"), ("PANDERA_VALIDATION_ENABLED", "False")]
)
def test_what_the_environment_silences_is_still_found(setting: tuple[str, str]) -> None:
    """In a process whose environment makes pandera pass everything, a failing check fails here."""
    name, value = setting
    done = subprocess.run(
        [sys.executable, "-c", SILENCED],
        env={**os.environ, name: value},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.splitlines() == ["pandera passed it", "[('minutes', 'greater_than')]"]


@pytest.mark.parametrize("silenced", [{"validation_enabled": False}, {"validation_depth": "SCHEMA_ONLY"}])
@pytest.mark.parametrize(("model", "frame"), [(Delays, pd.DataFrame), (PolarsDelays, pl.DataFrame)])
def test_skipped_checks_are_not_a_pass(
    monkeypatch: pytest.MonkeyPatch, silenced: dict[str, Any], model: Any, frame: Any
) -> None:
    """Were pandera to ignore the configuration that we pin, the canaries that nobody caught would tell."""
    import pandera.config

    pinned = pandera.config.config_context

    @contextmanager
    def deaf(**_: Any) -> Iterator[None]:
        with pinned(**silenced):
            yield

    monkeypatch.setattr(pandera.config, "config_context", deaf)
    with pytest.raises(NotEvaluatedError, match="skipped checks"):
        findings(model, frame(GOOD))


class Repairing(pa.DataFrameModel):
    """A model that mends a copy until it passes."""

    minutes: int = pa.Field(gt=0, coerce=True)
    weight: float = pa.Field(default=1.0, nullable=False)

    @pa.dataframe_parser
    @classmethod
    def mended(cls, frame: pd.DataFrame) -> pd.DataFrame:
        """Nobody reads what this returns."""
        return frame.assign(minutes=frame["minutes"].abs())

    class Config:
        """All that pandera can do to a frame before it looks."""

        add_missing_columns = True
        drop_invalid_rows = True


def test_data_is_judged_as_it_is_stored() -> None:
    """A model that repairs its copy passes in pandera; what is stored, and read, is still broken."""
    stored = pd.DataFrame({"minutes": [5, -1]})
    assert len(Repairing.validate(stored, lazy=True)) == 2
    assert found(Repairing, stored) == [
        ("weight", "column_in_dataframe", None),
        ("minutes", "greater_than", (1,)),
    ]


def test_coercion_is_a_choice() -> None:
    """A column that could be read as its type fails, unless coercion is asked for."""
    stored = pd.DataFrame({"minutes": ["5", "6"], "weight": [1.0, 2.0]})
    (finding,) = [one for one in findings(Repairing, stored) if one.check.startswith("dtype")]
    assert finding.problem == "stored as str, the contract says int64"
    assert findings(Repairing, stored, coerce=True) == []


def test_dropped_rows_are_failures_on_polars() -> None:
    """The same for Polars, where dropping leaves a frame that looks clean."""
    schema = pp.DataFrameSchema({"minutes": pp.Column(int, pp.Check.gt(0))}, drop_invalid_rows=True)
    stored = pl.DataFrame({"minutes": [1, -1]})
    assert len(schema.validate(stored, lazy=True)) == 1
    assert found(schema, stored) == [("minutes", "greater_than", (1,))]


class Record(pydantic.BaseModel):
    """One row."""

    minutes: int = pydantic.Field(gt=0)


def test_a_pydantic_row_model_is_not_skipped() -> None:
    """pandera checks rows of a pydantic model in its coercion, which is the one repair that stays on."""
    schema = pa.DataFrameSchema(dtype=PydanticModel(Record), coerce=True)
    assert findings(schema, pd.DataFrame({"minutes": [1, -1]}))
    assert not findings(schema, pd.DataFrame({"minutes": [1, 1]}))


class Shaped(pa.DataFrameModel):
    """A model about everything but values."""

    day: int = pa.Field(unique=True)
    hour: int
    note: str = pa.Field(nullable=False)

    class Config:
        """No other columns, in this order, and no two rows for one hour."""

        strict = True
        ordered = True
        unique = ["day", "hour"]  # noqa: RUF012


class PolarsShaped(pp.DataFrameModel):
    """The same for Polars."""

    day: int = pp.Field(unique=True)
    hour: int
    note: str = pp.Field(nullable=False)

    class Config:
        """No other columns, in this order, and no two rows for one hour."""

        strict = True
        ordered = True
        unique = ["day", "hour"]  # noqa: RUF012


@pytest.mark.parametrize(
    ("model", "frame", "strays"),
    [
        (
            Shaped,
            pd.DataFrame,
            {("extra", "the column is not in the contract"), ("day", "the column is out of order")},
        ),
        # On Polars pandera stops at the first column that is not where it should be.
        (PolarsShaped, pl.DataFrame, set()),
    ],
)
def test_shape_is_part_of_the_contract(model: Any, frame: Any, strays: set[tuple[str, str]]) -> None:
    """Missing, extra and misplaced columns, types, nulls and duplicates are found and said in words."""
    shaped = {"day": [1, 1], "hour": [5, 5], "note": ["a", None]}
    assert {(one.column, one.problem, rows_of(one)) for one in findings(model, frame(shaped))} == {
        ("", "rows that are equal in day, hour", (0, 1)),
        ("day", "duplicates", (0, 1)),
        ("note", "nulls", (1,)),
    }
    misplaced = {"hour": [5], "day": [1], "extra": [0]}
    assert {(one.column, one.problem) for one in findings(model, frame(misplaced))} == {
        ("hour", "the column is out of order"),
        ("note", "the column is missing"),
        *strays,
    }


def test_columns_by_pattern_and_indexes() -> None:
    """Checks of columns named by a pattern and of an index are found where they belong."""
    schema = pa.DataFrameSchema(
        {"delay_.*": pa.Column(int, pa.Check.gt(0), regex=True)},
        index=pa.Index(int, pa.Check.gt(5), name="flight"),
    )
    frame = pd.DataFrame({"delay_in": [1, 0], "delay_out": [0, 1]}, index=pd.Index([5, 6], name="flight"))
    assert found(schema, frame) == [
        ("delay_in", "greater_than", (1,)),
        ("delay_out", "greater_than", (0,)),
        ("index `flight`", "greater_than", (0,)),
    ]


def test_indexes_of_several_levels() -> None:
    """Each level is judged, as it is stored."""
    levels = pa.MultiIndex(
        [pa.Index(int, pa.Check.gt(5), name="hour"), pa.Index(int, name="day", coerce=True)]
    )
    schema = pa.DataFrameSchema({"minutes": pa.Column(int)}, index=levels)
    index = pd.MultiIndex.from_tuples([(6, "1"), (5, "2")], names=["hour", "day"])
    problems = [one.problem for one in findings(schema, pd.DataFrame({"minutes": [1, 2]}, index=index))]
    assert problems == ["greater_than(5)", "stored as str, the contract says int64"]


def test_rows_with_equal_index_labels_are_told_apart() -> None:
    """Positions are counted by row, so that a label that occurs twice does not accuse the wrong one."""
    frame = pd.DataFrame({"carrier": ["AA", "AA"], "minutes": [1, -1]}, index=[7, 7])
    assert found(Delays, frame) == [("minutes", "greater_than", (1,))]


class Crashing(pa.DataFrameModel):
    """A model whose checks have bugs."""

    minutes: int

    @pa.check("minutes", name="looks_up")
    @classmethod
    def looks_up(cls, minutes: pd.Series) -> pd.Series:
        """A check that raises."""
        raise KeyError("JFK 1234")

    @pa.dataframe_check(name="forgets")
    @classmethod
    def forgets(cls, frame: pd.DataFrame) -> None:
        """A check that returns nothing."""


class PolarsCrashing(pp.DataFrameModel):
    """The same for Polars, where a check may also fail when its plan is executed."""

    minutes: int

    @pp.check("minutes", name="looks_up")
    @classmethod
    def looks_up(cls, data: pp.PolarsData) -> pl.LazyFrame:
        """A check that raises."""
        raise KeyError("JFK 1234")

    @pp.dataframe_check(name="forgets")
    @classmethod
    def forgets(cls, data: pp.PolarsData) -> pl.LazyFrame:
        """A check about a column that is not there."""
        return data.lazyframe.select(pl.col("nowhere") > 1)


@pytest.mark.parametrize(("model", "frame"), [(Crashing, pd.DataFrame), (PolarsCrashing, pl.DataFrame)])
def test_a_check_that_raises_is_named(model: Any, frame: Any) -> None:
    """A check with a bug was not evaluated, and it is named with what it raised."""
    by_name = {one.check: one for one in findings(model, frame({"minutes": [1]}))}
    assert by_name.keys() == {"looks_up", "forgets"}
    assert all(one.crashed for one in by_name.values())
    assert by_name["looks_up"].column == "minutes"
    assert "JFK 1234" in by_name["looks_up"].problem


@pytest.mark.parametrize(("model", "frame"), [(Crashing, pd.DataFrame), (PolarsCrashing, pl.DataFrame)])
def test_nothing_is_quoted_where_data_is_private(model: Any, frame: Any) -> None:
    """What a check raises may quote the data: without quotes only the kind of the exception is told."""
    problems = [one.problem for one in findings(model, frame({"minutes": [1]}), quotes=False)]
    assert "the check raised KeyError" in problems
    assert not any("JFK" in problem for problem in problems)


class Mixed(pp.DataFrameModel):
    """A model whose failures are of different types: a number, a text, a plain False."""

    carrier: str = pp.Field(isin=["AA"])
    minutes: int = pp.Field(gt=0)

    @pp.dataframe_check
    @classmethod
    def never(cls, data: pp.PolarsData) -> bool:
        """A check that answers for the frame as a whole."""
        return False


def test_failures_of_different_types_do_not_hide_each_other() -> None:
    """pandera's own table of such failures breaks on Polars; the findings do without it."""
    assert [check for _, check, _ in found(Mixed, pl.DataFrame(BAD))] == ["isin", "greater_than", "never"]


def test_warnings_of_the_model_are_found_and_marked() -> None:
    """pandera turns a failed `raise_warning` check into a Python warning and a pass; here it is a finding."""
    schema = pa.DataFrameSchema({"m.*": pa.Column(int, pa.Check.gt(0, raise_warning=True), regex=True)})
    assert [(one.column, one.warns) for one in findings(schema, pd.DataFrame({"m1": [-1], "m2": [1]}))] == [
        ("m1", True)
    ]


@pytest.mark.parametrize(
    ("model", "data", "told"),
    [
        (Delays, 7, "a `builtins.int` is stored"),
        (Delays, None, "nothing is stored"),
        (Delays, pl.DataFrame(GOOD), "a model for pandas frames, and a polars frame is stored"),
        (PolarsDelays, pd.DataFrame(GOOD), "a model for polars frames, and a pandas frame is stored"),
    ],
)
def test_data_of_another_kind_is_not_evaluated(model: Any, data: Any, told: str) -> None:
    """What is no frame of the model's library is not evaluated, and the cause says what it is."""
    with pytest.raises(NotEvaluatedError, match=told):
        findings(model, data)


def test_a_lazy_frame_that_cannot_be_collected_is_not_evaluated() -> None:
    """A plan that fails when it is executed leaves nothing to look at."""
    with pytest.raises(NotEvaluatedError, match="cannot be collected: ColumnNotFoundError"):
        findings(PolarsDelays, pl.LazyFrame(GOOD).select("nowhere"))


@pytest.mark.parametrize("schema", [pa.DataFrameSchema({}), pp.DataFrameSchema({})])
def test_a_model_that_demands_nothing_is_refused(schema: Any) -> None:
    """A model without column, index or check would pass any data."""
    with pytest.raises(ValueError, match="any data would keep it"):
        Contract(schema)


@pytest.mark.parametrize("thing", [dict, "Delays", pa.Column(int), GOOD])
def test_only_pandera_models_are_contracts(thing: Any) -> None:
    """Anything else is refused when the check is defined, and not when it first runs."""
    with pytest.raises(TypeError, match="no pandera model"):
        Contract(thing)


def test_a_model_is_not_changed_by_its_use() -> None:
    """The model goes on working in the project's own code: repairs and warnings stay as they were written."""
    findings(Repairing, pd.DataFrame({"minutes": [5, -1]}))
    assert len(Repairing.validate(pd.DataFrame({"minutes": [5, -1]}), lazy=True)) == 2
    assert set(Repairing.to_schema().columns) == {"minutes", "weight"}


@given(st.lists(st.tuples(st.sampled_from(["AA", "UA", "ZZ"]), st.integers(-3, 3)), max_size=20))
def test_findings_agree_with_the_data(rows: list[tuple[str, int]]) -> None:
    """For any rows, both libraries accuse exactly those that break the contract; an empty frame keeps it."""
    carriers = tuple(row for row, (carrier, _) in enumerate(rows) if carrier == "ZZ")
    minutes = tuple(row for row, (_, value) in enumerate(rows) if value <= 0)
    expected = [("carrier", "isin", carriers)] * bool(carriers)
    expected += [("minutes", "greater_than", minutes)] * bool(minutes)
    columns = {"carrier": [carrier for carrier, _ in rows], "minutes": [value for _, value in rows]}
    types = {"carrier": pl.String, "minutes": pl.Int64}
    assert found(PolarsDelays, pl.DataFrame(columns, schema=types)) == expected
    assert found(Delays, pd.DataFrame(columns).astype({"carrier": "str", "minutes": "int64"})) == expected
