"""Each row needs an answer of each check: no answer passes in pandera, and not here."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import pandera.pandas as pa
import pandera.polars as pp
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pandera.errors import SchemaErrors

from adaptive_assets.assets.contract import Contract

NULLABLE = {
    "Int64": [1, None, 2],
    "Float64": [1.0, None, 2.0],
    "boolean": [True, None, False],
    "int64[pyarrow]": [1, None, 2],
    "double[pyarrow]": [1.0, None, 2.0],
    "bool[pyarrow]": [True, None, False],
    "string[pyarrow]": ["a", None, "b"],
    "string": ["a", None, "b"],
}
"""Types of pandas in which a comparison with a null is null, with values."""


def passes(schema: Any, frame: Any) -> bool:
    """What pandera says by itself."""
    try:
        schema.validate(frame, lazy=True)
    except SchemaErrors:
        return False
    return True


def found(schema: Any, frame: Any) -> list[tuple[str, str, list[int] | None]]:
    """The column and the problem of each finding, and its rows."""
    contract = Contract(schema)
    findings = contract.findings(contract.frame_of(frame))
    return [(one.column, one.problem, None if one.rows is None else list(one.rows)) for one in findings]


def agrees(value: Any) -> Any:
    """A check that any value passes, and of a null says nothing."""
    return value == value  # noqa: PLR0124


CHECKS: dict[str, Callable[[str], pa.DataFrameSchema]] = {
    "column": lambda dtype: pa.DataFrameSchema(
        {"a": pa.Column(dtype, pa.Check(agrees, name="agrees", ignore_na=False), nullable=True)}
    ),
    "element": lambda dtype: pa.DataFrameSchema(
        {
            "a": pa.Column(
                dtype, pa.Check(agrees, name="agrees", element_wise=True, ignore_na=False), nullable=True
            )
        }
    ),
    "frame": lambda dtype: pa.DataFrameSchema(
        {"a": pa.Column(dtype, nullable=True)},
        checks=pa.Check(lambda frame: frame["a"] == frame["a"], name="agrees", ignore_na=False),
    ),
    "cells": lambda dtype: pa.DataFrameSchema(
        {"a": pa.Column(dtype, nullable=True)},
        checks=pa.Check(lambda frame: frame == frame, name="agrees", ignore_na=False),  # noqa: PLR0124
    ),
}


@pytest.mark.parametrize("dtype", NULLABLE)
@pytest.mark.parametrize("kind", CHECKS)
def test_nulls_that_count_are_found_in_nullable_types(dtype: str, kind: str) -> None:
    """`ignore_na=False` finds the null, in a row that is named."""
    schema = CHECKS[kind](dtype)
    frame = pd.DataFrame({"a": pd.Series(NULLABLE[dtype], dtype=dtype)})
    assert found(schema, frame) == [("" if kind in {"frame", "cells"} else "a", "agrees", [1])]
    assert found(schema, frame.dropna()) == []


@pytest.mark.parametrize("dtype", ["Int64", "Float64", "double[pyarrow]"])
def test_a_comparison_that_pandera_offers_finds_them_too(dtype: str) -> None:
    """Greater than, as a model writes it."""
    schema = pa.DataFrameSchema({"a": pa.Column(dtype, pa.Check.gt(0, ignore_na=False), nullable=True)})
    frame = pd.DataFrame({"a": pd.Series([1, None, -1], dtype=dtype)})
    assert found(schema, frame) == [("a", "greater_than(0)", [1, 2])]


@pytest.mark.parametrize("dtype", ["Int64", "boolean", "double[pyarrow]", "string"])
def test_pandera_by_itself_passes_them(dtype: str) -> None:
    """The reason for all this: a release of pandera that finds the null makes this fail."""
    frame = pd.DataFrame({"a": pd.Series(NULLABLE[dtype], dtype=dtype)})
    assert passes(CHECKS["column"](dtype), frame)
    assert passes(CHECKS["frame"](dtype), frame)


@pytest.mark.parametrize("dtype", NULLABLE)
def test_nulls_that_do_not_count_are_passed(dtype: str) -> None:
    """With pandera's default, a row with a null is not judged by a check of its column or of the frame."""
    column = pa.Column(dtype, pa.Check(agrees), nullable=True)
    schema = pa.DataFrameSchema({"a": column}, checks=pa.Check(lambda frame: frame["a"] == frame["a"]))
    frame = pd.DataFrame({"a": pd.Series(NULLABLE[dtype], dtype=dtype)})
    assert found(schema, frame) == []


def odd(values: Any) -> Any:
    """Answers for the first rows only."""
    return (values > 0).head(2)


def unsure(values: Any) -> Any:
    """Answers with a null where there is a value."""
    return (values > 0).astype("boolean").mask(values == 2)


def test_an_answer_that_is_null_where_there_is_a_value_is_no_pass() -> None:
    """Nothing excuses it."""
    schema = pa.DataFrameSchema({"a": pa.Column(int, pa.Check(unsure, name="unsure"))})
    frame = pd.DataFrame({"a": [1, 2, 3]})
    assert passes(schema, frame)
    assert found(schema, frame) == [("a", "unsure", [1])]


@pytest.mark.parametrize("of", ["column", "frame"])
def test_an_answer_for_fewer_rows_is_not_evaluated(of: str) -> None:
    """pandera takes the rows without an answer for good."""
    schema = (
        pa.DataFrameSchema({"a": pa.Column(int, pa.Check(odd, name="odd"))})
        if of == "column"
        else pa.DataFrameSchema(
            {"a": pa.Column(int)}, checks=pa.Check(lambda frame: odd(frame["a"]), name="odd")
        )
    )
    frame = pd.DataFrame({"a": [1, 2, -3]})
    assert passes(schema, frame)
    ((_, problem, rows),) = found(schema, frame)
    assert problem == "it answered for 2 of 3 rows; answer for each row, or with one value for all"
    assert rows is None
    (finding,) = Contract(schema).findings(frame)
    assert finding.crashed


@pytest.mark.parametrize(("answer", "told"), [(pd.NA, "null"), (float("nan"), "null"), (None, "nothing")])
def test_no_answer_at_all_is_not_evaluated(answer: Any, told: str) -> None:
    """One value for the frame has to be true or false."""
    schema = pa.DataFrameSchema({"a": pa.Column(int)}, checks=pa.Check(lambda _: answer, name="mute"))
    (finding,) = Contract(schema).findings(pd.DataFrame({"a": [1]}))
    assert (finding.crashed, finding.problem) == (True, f"its answer is {told}")


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (lambda frame: frame["b"], "its answers are neither true nor false"),
        (lambda frame: frame[["a"]] > 0, "it answered for 1 of 2 columns; "),
    ],
    ids=["text", "some columns"],
)
def test_an_answer_that_says_something_else_is_not_evaluated(answer: Any, told: str) -> None:
    """Texts, which are all true for pandera, and an answer for some columns."""
    schema = pa.DataFrameSchema({"a": pa.Column(int)}, checks=pa.Check(answer, name="odd"))
    (finding,) = Contract(schema).findings(pd.DataFrame({"a": [1, 2], "b": ["False", "no"]}))
    assert finding.crashed
    assert finding.problem.startswith(told)


@given(
    st.lists(st.one_of(st.none(), st.integers(-2, 2)), min_size=1, max_size=12),
    st.sampled_from(["Int64", "Float64", "float64", "int64[pyarrow]", "double[pyarrow]", "polars"]),
    st.booleans(),
)
def test_any_rows_of_any_type_are_judged_alike(values: list[int | None], dtype: str, ignore_na: bool) -> None:
    """The rows found are those that break the check, and the nulls where they count."""
    wrong = [row for row, value in enumerate(values) if (not ignore_na if value is None else value <= 0)]
    if dtype == "polars":
        frame: Any = pl.DataFrame({"a": values}, schema={"a": pl.Int64})
        schema: Any = polars(positive, name="positive", ignore_na=ignore_na)
    else:
        frame = pd.DataFrame({"a": pd.Series(values, dtype=dtype)})
        column = pa.Column(dtype, pa.Check.gt(0, ignore_na=ignore_na), nullable=True)
        schema = pa.DataFrameSchema({"a": column})
    assert [rows for _, _, rows in found(schema, frame)] == ([wrong] if wrong else [])


def test_groups_answer_for_themselves() -> None:
    """A check of groups answers for each group, and a null of one is no pass."""

    def alike(groups: dict[str, "pd.Series[int]"]) -> "pd.Series[bool]":
        return pd.Series({name: len(group) == 1 or None for name, group in groups.items()})

    schema = pa.DataFrameSchema({"a": pa.Column(int, pa.Check(alike, groupby="g")), "g": pa.Column(str)})
    assert found(schema, pd.DataFrame({"a": [1, 2], "g": ["x", "y"]})) == []
    assert found(schema, pd.DataFrame({"a": [1, 2, 3], "g": ["x", "y", "y"]}))


def polars(function: Any, **options: Any) -> pp.DataFrameSchema:
    """A model of one nullable column with one check."""
    return pp.DataFrameSchema({"a": pp.Column(pl.Int64, pp.Check(function, **options), nullable=True)})


POLARS = pl.DataFrame({"a": [1, None, -2]})


def positive(data: Any) -> Any:
    """A check that is null where the value is."""
    return data.lazyframe.select(pl.col(data.key) > 0)


def test_polars_nulls_count_where_they_should() -> None:
    """With `ignore_na=False` the null is found; else it is passed, for columns and frames."""
    assert found(polars(positive, ignore_na=False), POLARS)[0][2] == [1, 2]
    assert found(polars(positive), POLARS)[0][2] == [2]
    assert found(polars(positive), POLARS.lazy())[0][2] == [2]


def test_a_polars_answer_that_is_null_where_there_is_a_value_is_no_pass() -> None:
    """A null in a row with a value, or for the whole frame."""
    schema = polars(
        lambda data: data.lazyframe.select(pl.when(pl.col(data.key) != 1).then(None)), name="mute"
    )
    assert passes(schema, POLARS)
    assert found(schema, POLARS)[0][2] == [0, 2]
    whole = polars(
        lambda data: data.lazyframe.select((pl.col(data.key) > 9).filter(pl.col(data.key) > 9).max())
    )
    assert passes(whole, POLARS)
    assert found(whole, POLARS)


def test_a_polars_answer_for_fewer_rows_is_not_evaluated() -> None:
    """Without the nulls, or without any row."""
    for answer in (
        lambda data: positive(data).drop_nulls(),
        lambda data: positive(data).head(0),
    ):
        frame = POLARS.with_columns(a=pl.col("a").abs())
        assert passes(polars(answer), frame)
        (finding,) = Contract(polars(answer)).findings(frame)
        assert finding.crashed
        assert "of 3 rows" in finding.problem


def test_one_polars_value_is_an_answer_for_all() -> None:
    """An aggregate, which pandera documents."""
    whole = polars(lambda data: data.lazyframe.select(pl.col(data.key).max() < 9))
    assert found(whole, POLARS) == []
    assert found(whole, pl.DataFrame({"a": [9, 1]}))


@pytest.mark.parametrize(
    ("schema", "frame"),
    [
        (pa.DataFrameSchema({"a": pa.Column(int)}, strict="filter"), pd.DataFrame({"a": [1], "b": [2]})),
        (pp.DataFrameSchema({"a": pp.Column(int)}, strict="filter"), pl.DataFrame({"a": [1], "b": [2]})),
    ],
    ids=["pandas", "polars"],
)
def test_a_column_that_pandera_would_drop_is_told(schema: Any, frame: Any) -> None:
    """It is stored, and whoever reads it does not read it by the contract."""
    assert passes(schema, frame)
    assert found(schema, frame) == [("b", "the column is not in the contract", None)]


def test_an_answer_in_another_order_accuses_no_wrong_row() -> None:
    """The rows of an answer with an index of its own are not told by their position."""
    schema = pa.DataFrameSchema({"a": pa.Column(int, pa.Check(lambda a: a.sort_values() > 0, name="sorted"))})
    ((_, _, rows),) = found(schema, pd.DataFrame({"a": [5, -1, 7]}))
    assert rows is None or rows == [1]
