"""What has changed between two contracts, and whom it breaks."""

import json
from dataclasses import replace
from typing import Any

import pandas as pd
import pandera.pandas as pa
import pandera.polars as pp
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adaptive_assets.assets.contract import Contract
from adaptive_assets.assets.contract_diff import Change, changes
from adaptive_assets.assets.contract_findings import ContractFinding
from adaptive_assets.assets.contract_reading import terms_of
from adaptive_assets.assets.contract_terms import ContractTerms, TermsError
from adaptive_assets.assets.contract_types import logical_type


class Departures(pa.DataFrameModel):
    """Flights that left."""

    flight: int = pa.Field(gt=0, unique=True)
    carrier: str = pa.Field(isin=["AA", "DL"], description="Two letters")
    delay: float = pa.Field(ge=-60, lt=1440, nullable=True)
    gate: str | None

    @pa.check("delay", name="whole")
    @classmethod
    def whole(cls, delay: "pd.Series[float]") -> "pd.Series[bool]":
        """Minutes are counted."""
        return delay % 1 == 0

    class Config:
        """A flight of a carrier once."""

        unique = ["flight", "carrier"]  # noqa: RUF012


OLD = terms_of(Departures)


def schema(**columns: Any) -> ContractTerms:
    """Terms of a pandas model of the columns that are given."""
    return terms_of(pa.DataFrameSchema(columns))


def one(old: ContractTerms, new: ContractTerms) -> Change:
    """The one change between two contracts."""
    (change,) = changes(old, new)
    return change


INT, NULLABLE = pa.Column(int), pa.Column(int, nullable=True)


@pytest.mark.parametrize(
    ("old", "new", "told", "readers", "stored"),
    [
        ({"a": INT}, {}, "column `a`: present as int64 → absent", True, False),
        ({}, {"a": INT}, "column `a`: absent → present as int64", False, True),
        ({}, {"a": pa.Column(int, required=False)}, "column `a`: absent → present as int64", False, False),
        ({"a": INT}, {"a": pa.Column(float)}, "column `a`: int64 → float64", True, True),
        ({"a": INT}, {"a": pa.Column("Int64")}, "column `a`: int64 → Int64", False, False),
        ({"a": INT}, {"a": pa.Column("int32")}, "column `a`: int64 → int32", True, True),
        ({"a": INT}, {"a": pa.Column()}, "column `a`: int64 → of any type", True, False),
        ({"a": pa.Column()}, {"a": INT}, "column `a`: of any type → int64", False, True),
        ({"a": INT}, {"a": NULLABLE}, "column `a`: without nulls → nullable", True, False),
        ({"a": NULLABLE}, {"a": INT}, "column `a`: nullable → without nulls", False, True),
        (
            {"a": pa.Column(int, unique=True)},
            {"a": INT},
            "column `a`: unique → not unique",
            True,
            False,
        ),
        (
            {"a": INT},
            {"a": pa.Column(int, required=False)},
            "column `a`: always present → not always present",
            True,
            False,
        ),
        (
            {"a": pa.Column(int, pa.Check.gt(0))},
            {"a": INT},
            "column `a`: checked by greater_than(min_value=0) → not checked by greater_than",
            True,
            False,
        ),
        (
            {"a": pa.Column(int, pa.Check.gt(0))},
            {"a": pa.Column(int, pa.Check.gt(0, raise_warning=True))},
            (
                "column `a`: checked by greater_than(min_value=0) (an error, nulls ignored) → "
                "checked by greater_than(min_value=0) (a warning, nulls ignored)"
            ),
            True,
            False,
        ),
        (
            {"a": pa.Column(str, pa.Check.str_matches("^A"))},
            {"a": pa.Column(str, pa.Check.str_matches("^B"))},
            "column `a`: checked by str_matches(pattern='^A') → checked by str_matches(pattern='^B')",
            True,
            True,
        ),
    ],
)
def test_each_kind_of_change(
    old: dict[str, Any], new: dict[str, Any], told: str, readers: bool, stored: bool
) -> None:
    """Each is told in words, with whom it breaks."""
    other = {"key": pa.Column(int)}
    change = one(schema(**old, **other), schema(**new, **other))
    assert f"{change.subject}: {change.was} → {change.now}" == told
    assert (change.breaks_readers, change.breaks_stored) == (readers, stored)


@pytest.mark.parametrize(
    ("rule", "readers", "stored"),
    [("backward", True, False), ("forward", False, True), ("full", True, True), ("none", False, False)],
)
def test_a_rule_says_who_is_protected(rule: Any, readers: bool, stored: bool) -> None:
    """Readers by the old contract, data stored under it, both or nobody."""
    assert one(schema(a=INT), schema(a=NULLABLE)).breaks(rule) == readers
    assert one(schema(a=NULLABLE), schema(a=INT)).breaks(rule) == stored


def test_the_frame_and_the_contract_itself() -> None:
    """Uniqueness, strictness, order, library and freshness; owners and versions break nobody."""
    assert changes(OLD, OLD) == []
    assert not one(OLD, replace(OLD, unique=("flight",))).breaks_readers
    assert one(OLD, replace(OLD, unique=("flight", "gate"))).breaks_readers
    assert one(OLD, replace(OLD, strict=True)).breaks_stored
    assert not one(replace(OLD, strict=True), OLD).breaks_readers
    assert one(replace(OLD, ordered=True), OLD).breaks_readers
    assert one(OLD, replace(OLD, library="polars")).breaks_readers
    assert one(replace(OLD, freshness=60.0), replace(OLD, freshness=61.0)).breaks_readers
    assert not one(OLD, replace(OLD, freshness=60.0)).breaks_readers
    for told in ({"version": "2"}, {"owners": ("team:a",)}, {"name": "other"}, {"compatibility": "none"}):
        change = one(OLD, replace(OLD, **told))
        assert not change.breaks("full")


def test_a_check_of_the_projects_own_is_known_by_its_code() -> None:
    """Other code is a change that breaks, because nobody can say what it demands; comments are no code."""

    def positive(values: Any) -> Any:
        return values > 0

    def of(function: Any) -> ContractTerms:
        return schema(a=pa.Column(int, pa.Check(function, name="own")))

    def commented() -> Any:
        def positive(values: Any) -> Any:
            """With words."""
            # and more of them
            return values > 0

        return positive

    def loosened() -> Any:
        def positive(values: Any) -> Any:
            return values > -1

        return positive

    assert changes(of(positive), of(commented())) == []
    change = one(of(positive), of(loosened()))
    assert change.now == "checked by own with other code"
    assert change.breaks_readers


def test_what_a_statistical_test_is_to_show_is_part_of_it() -> None:
    """Another level of significance is another check, and so are other groups."""

    def of(alpha: float, group: str = "sex") -> ContractTerms:
        test = pa.Hypothesis.two_sample_ttest(
            sample1="M", sample2="F", groupby=group, relationship="greater_than", alpha=alpha
        )
        return schema(height=pa.Column(float, test), sex=pa.Column(), age=pa.Column())

    assert changes(of(0.05), of(0.05)) == []
    assert one(of(0.05), of(0.5)).breaks_readers
    assert one(of(0.05), of(0.05, "age")).breaks_readers


def test_a_pattern_stands_for_the_columns_that_it_matches() -> None:
    """A column that was named may be promised by a pattern, but no longer that it is there."""
    new = schema(**{"delay_.*": pa.Column(float, regex=True)})
    found = changes(schema(delay_in=pa.Column(float)), new)
    assert [(change.was, change.breaks_readers) for change in found] == [
        ("always present", True),
        ("absent", False),
    ]


def test_terms_are_the_same_after_json() -> None:
    """Of pandas and Polars, with an index, arguments of all kinds and a check of the project's own."""
    odd = pa.DataFrameSchema(
        {
            "a": pa.Column("datetime64[us, UTC]", pa.Check.gt(pd.Timestamp("2020-01-01", tz="UTC"))),
            "b.*": pa.Column(int, pa.Check.isin({3, 1, 2}), regex=True, required=False),
        },
        index=pa.MultiIndex([pa.Index(int, name="x"), pa.Index(str)]),
        checks=pa.Check(lambda frame: len(frame) > 0, name="any", ignore_na=False),
        strict="filter",
        ordered=True,
    )
    polars = pp.DataFrameSchema(
        {"at": pp.Column(pl.Datetime("us", "UTC")), "tags": pp.Column(pl.List(pl.String))}
    )
    for terms in (OLD, terms_of(odd), terms_of(polars)):
        assert ContractTerms.from_json(json.loads(json.dumps(terms.as_json()))) == terms


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ([], "the contract is a list; it should be an object"),
        ({}, "the contract has no `contract`"),
        ({"contract": "A"}, "the contract has no `columns`"),
        ({"contract": 3}, "`contract` of the contract is a number; it should be a text"),
        ({"contract": "A", "columns": {"a": 1}}, "the column `a` is a number; it should be an object"),
        ({"contract": "A", "columns": {}, "colums": 1}, "the contract has the unknown key `colums`"),
        ({"format": 2, "contract": "A", "columns": {}}, "the contract has the format 2, and 1 is the one"),
        ({"contract": "A", "columns": {"a": {"nullable": 1}}}, "`nullable` of the column `a` is a number"),
        ({"contract": "A", "columns": {"(": {"pattern": True}}}, "the column `[(]` is a pattern, and no reg"),
        (
            {"contract": "A", "columns": {}, "compatibility": "x"},
            "`compatibility` is 'x'; it can be backward,",
        ),
        (
            {"contract": "A", "columns": {"a": {"checks": [{}]}}},
            "check 1 of the column `a` has no `check`",
        ),
    ],
)
def test_what_is_no_contract_is_told(value: Any, told: str) -> None:
    """With the place, and what would be right."""
    with pytest.raises(TermsError, match=told):
        ContractTerms.from_json(value)


@pytest.mark.parametrize(
    ("names", "holds"),
    [
        (("int64", "Int64", "int64[pyarrow]", "int"), "int64"),
        (("float64", "Float64", "double[pyarrow]"), "float64"),
        (("float32", "Float32", "float[pyarrow]"), "float32"),
        (("bool", "boolean", "bool[pyarrow]", "Boolean"), "bool"),
        (("str", "string", "string[pyarrow]", "string[python]", "large_string[pyarrow]", "String"), "string"),
        (("category", "Categorical"), "category"),
        (
            (
                "datetime64[us, UTC]",
                "timestamp[us, tz=UTC][pyarrow]",
                "Datetime(time_unit='us', time_zone='UTC')",
            ),
            "datetime[us, UTC]",
        ),
        (("timedelta64[us]", "duration[us][pyarrow]", "Duration(time_unit='us')"), "timedelta[us]"),
        (("List(Int64)",), "List(Int64)"),
    ],
)
def test_types_are_what_they_hold(names: tuple[str, ...], holds: str) -> None:
    """However a library stores them."""
    assert {logical_type(name) for name in names} == {holds}


NUMBERS = st.integers(-3, 3)
CHECKS = st.one_of(
    st.builds(pa.Check.gt, NUMBERS),
    st.builds(pa.Check.ge, NUMBERS),
    st.builds(pa.Check.lt, NUMBERS),
    st.builds(pa.Check.le, NUMBERS),
    st.builds(pa.Check.eq, NUMBERS),
    st.builds(pa.Check.ne, NUMBERS),
    st.builds(pa.Check.isin, st.lists(NUMBERS, min_size=1, max_size=5)),
    st.builds(pa.Check.notin, st.lists(NUMBERS, min_size=1, max_size=5)),
    st.builds(
        lambda low, size, first, last: pa.Check.in_range(
            low, low + size, include_min=first, include_max=last
        ),
        NUMBERS,
        st.integers(1, 4),
        st.booleans(),
        st.booleans(),
    ),
)
COLUMNS = st.builds(
    lambda checks, nullable, counts: pa.Column(
        "Int64", [*checks, *([pa.Check.ge(-9, ignore_na=False)] if counts else [])], nullable=nullable
    ),
    st.lists(CHECKS, max_size=2),
    st.booleans(),
    st.booleans(),
)
VALUES = pd.DataFrame({"a": pd.Series([None, *range(-4, 5)], dtype="Int64")})


@given(COLUMNS, COLUMNS)
def test_what_is_called_compatible_is_so(old: pa.Column, new: pa.Column) -> None:
    """No value or null that the new contract takes is refused by the old one, and the other way round."""
    before, after = pa.DataFrameSchema({"a": old}), pa.DataFrameSchema({"a": new})
    found = changes(terms_of(before), terms_of(after))
    taken_before, taken_after = taken(before), taken(after)
    if not any(change.breaks_readers for change in found):
        assert taken_after <= taken_before
    if not any(change.breaks_stored for change in found):
        assert taken_before <= taken_after


def rows_of(finding: ContractFinding) -> Any:
    """The rows of a finding; a contract of one column has no finding without."""
    assert finding.rows is not None
    return finding.rows


def taken(schema: pa.DataFrameSchema) -> set[int]:
    """The rows of `VALUES` that a schema takes."""
    refused = {int(row) for one in Contract(schema).findings(VALUES) for row in rows_of(one)}
    return set(range(len(VALUES))) - refused
