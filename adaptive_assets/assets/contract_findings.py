"""What pandera collected, in words: where, what is wrong, and in which rows."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from adaptive_assets.assets.contract_answers import UNANSWERED

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from pandera.errors import SchemaError

    Rows = NDArray[np.integer[Any]]

WARNS: Final = "_adaptive_assets_warns"
"""Marks, on a pandera check, that the model wants a warning of it and no error."""

_CHECK_OUTPUT: Final = "check_output"
"""pandera's name for the column that says of each row of a Polars frame whether it passed."""

_PROBLEMS: Final = {
    "column_not_in_dataframe": "the column is missing",
    "column_not_in_schema": "the column is not in the contract",
    "column_not_ordered": "the column is out of order",
    "series_contains_nulls": "nulls",
    "series_contains_duplicates": "duplicates",
}


@dataclass(frozen=True, slots=True, eq=False)
class ContractFinding:
    """One thing that one check of the model found."""

    column: str
    """Empty for what concerns the frame as a whole."""
    check: str
    problem: str
    rows: "Rows | None"
    """Positions of the failing rows, where pandera tells; ``None`` for what is no matter of rows."""
    warns: bool
    """The model marks the check with ``raise_warning=True``."""
    crashed: bool
    """The check itself raised: it was not evaluated."""


def finding_of(error: "SchemaError", frame: Any, *, quotes: bool) -> ContractFinding:
    """Translate what pandera collected; without ``quotes`` leave out all that may quote the data."""
    reason = error.reason_code.value if error.reason_code else ""
    check: Any = error.check
    return ContractFinding(
        column=_column(error, reason),
        check=str(getattr(check, "name", None) or check or reason),
        problem=_problem(error, reason, quotes=quotes),
        rows=_rows(error, frame),
        warns=getattr(check, WARNS, False),
        crashed=reason == "check_error",
    )


def _column(error: "SchemaError", reason: str) -> str:
    if reason in ("column_not_in_dataframe", "column_not_in_schema", "column_not_ordered"):
        return str(error.failure_cases)
    schema: Any = error.schema
    kind = type(schema).__name__
    if kind == "DataFrameSchema":
        return ""
    name = error.column_name if error.column_name is not None else schema.name
    if "Index" in kind:
        return f"index `{name}`" if name is not None else "index"
    return str(name)


def _problem(error: "SchemaError", reason: str, *, quotes: bool) -> str:
    check: Any = error.check
    schema: Any = error.schema
    match reason:
        case "wrong_dtype":
            # The several levels of an index have no type together; pandera puts the level's into the check.
            wanted = schema.dtype or str(check).removeprefix("dtype('").removesuffix("')")
            return f"stored as {error.failure_cases}, the contract says {wanted}"
        case "duplicates":
            return f"rows that are equal in {', '.join(schema.unique)}"
        case "check_error":
            raised = str(error.failure_cases)
            if raised.startswith(UNANSWERED):
                return raised.removeprefix(f'{UNANSWERED}("').removesuffix('")')
            return f"the check raised {first_line(raised) if quotes else raised.partition('(')[0]}"
        case "dataframe_check":
            return str(check.error or check.description or check.name)
    return _PROBLEMS.get(reason) or (f"{reason}: {first_line(str(error))}" if quotes else reason)


def _rows(error: "SchemaError", frame: Any) -> "Rows | None":
    """The positions of the rows that fail, if pandera tells; arrays, because they may be many millions."""
    rows: Rows
    output: Any = error.check_output
    if type(frame).__module__.startswith("polars"):
        if not hasattr(output, "columns") or _CHECK_OUTPUT not in output.columns or len(output) != len(frame):
            return None
        rows = (~output[_CHECK_OUTPUT].fill_null(value=True)).arg_true().to_numpy()
        return rows
    if hasattr(output, "to_numpy") and len(output) == len(frame) > 0 and output.index.equals(frame.index):
        passed = output.to_numpy(dtype=bool, na_value=True)
        (rows,) = (~passed.reshape(len(frame), -1).all(axis=1)).nonzero()
        return rows
    cases: Any = error.failure_cases
    if not hasattr(cases, "columns") or "index" not in cases.columns or not frame.index.is_unique:
        return None
    rows = frame.index.get_indexer(cases["index"].unique())
    return rows[rows >= 0]


def first_line(error: object, *, quotes: bool = True) -> str:
    """The kind of an exception and the first line of what it says; of anything else, its first line."""
    first = str(error).strip().partition("\n")[0].strip()
    if not isinstance(error, Exception):
        return first
    return f"{type(error).__name__}: {first}" if first and quotes else type(error).__name__
