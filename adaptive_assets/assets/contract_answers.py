"""The answers of a pandera model's checks, of which each row needs one: no answer is not a pass.

pandera counts a null in an answer as a pass (in pandas always, so that ``ignore_na=False`` finds no null of a
nullable column; in Polars unless ``ignore_na=False``), and an answer for some of the rows as one for all.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, Final

UNANSWERED: Final = "UnansweredError"
_ADVICE: Final = "answer for each row, or with one value for all"


class UnansweredError(Exception):
    """A check did not answer for all that it was asked about; the message says what is missing."""


def demand_answers(check: Any) -> None:
    """Make a pandera check fail where its answer is null, and raise where it has not one for each row.

    A null is excused in a row of the data with a null, unless the check says ``ignore_na=False``. One value
    for the whole frame (in Polars a frame of one row, too) is an answer for each row.
    """
    get_backend: Callable[[Any], Any] = check.get_backend
    check.get_backend = lambda data: _strict(get_backend(data))


@cache
def _strict(backend: Any) -> Any:
    def postprocess(self: Any, data: Any, answer: Any) -> Any:
        whole = _whole_polars if type(answer).__module__.startswith("polars") else _whole_pandas
        return backend.postprocess(self, data, whole(data, answer, ignore_na=self.check.ignore_na))

    return type(backend.__name__, (backend,), {"postprocess": postprocess})


def _whole_pandas(data: Any, answer: Any, *, ignore_na: bool) -> Any:
    import pandas as pd

    if not isinstance(answer, (pd.Series, pd.DataFrame)):
        if pd.api.types.is_scalar(answer) and pd.isna(answer):
            raise UnansweredError(f"its answer is {'nothing' if answer is None else 'null'}")
        return answer
    # a check of groups answers for each group
    rows = not isinstance(data, dict)
    if rows:
        _refuse_another_shape(data, answer)
    if isinstance(answer, pd.Series) and _is_text(answer):
        raise UnansweredError("its answers are neither true nor false")
    if not (nulls := answer.isna().to_numpy()).any():
        return answer
    passed = answer.to_numpy(dtype=bool, na_value=False)
    if ignore_na and rows:
        excused = data.isna().to_numpy()
        if isinstance(data, pd.DataFrame) and isinstance(answer, pd.Series):
            excused = excused.any(axis=1)
        passed |= nulls & excused
    if isinstance(answer, pd.Series):
        return pd.Series(passed, index=answer.index)
    return pd.DataFrame(passed, index=answer.index, columns=answer.columns)


def _refuse_another_shape(data: Any, answer: Any) -> None:
    if len(answer) != len(data):
        raise UnansweredError(f"it answered for {len(answer):,} of {len(data):,} rows; {_ADVICE}")
    if answer.ndim == 2 and answer.shape != data.shape:
        columns = data.shape[1] if data.ndim == 2 else 1
        raise UnansweredError(f"it answered for {answer.shape[1]:,} of {columns:,} columns; {_ADVICE}")


def _is_text(answer: Any) -> bool:
    """Whether an answer has values that are true only because they are not empty."""
    import pandas as pd

    dtype = answer.dtype
    if pd.api.types.is_bool_dtype(dtype) or pd.api.types.is_numeric_dtype(dtype):
        return False
    return pd.api.types.infer_dtype(answer, skipna=True) not in {"boolean", "empty", "integer"}


def _whole_polars(data: Any, answer: Any, *, ignore_na: bool) -> Any:
    import polars as pl

    answered = answer.collect()
    (name,) = answered.columns
    rows = data.lazyframe.select(pl.len()).collect().item()
    if len(answered) not in {1, rows}:
        raise UnansweredError(f"it answered for {len(answered):,} of {rows:,} rows; {_ADVICE}")
    if answered[name].null_count():
        excused: Any = pl.lit(value=False)
        if ignore_na and len(answered) == rows:
            nulls = data.lazyframe.select(pl.any_horizontal(pl.col(data.key).is_null())).collect()
            excused = nulls.to_series()
        answered = answered.with_columns(pl.col(name).fill_null(excused))
    return answered.lazy()
