"""The terms of a pandera model."""

import ast
import functools
import hashlib
import inspect
import json
import math
import textwrap
from collections.abc import Callable, Iterator
from typing import Any, Final

from adaptive_assets.assets.contract import schema_of
from adaptive_assets.assets.contract_terms import CheckTerm, ColumnTerms, ContractTerms

_MOST_VALUES: Final = 1_000
"""Of one argument of a check: a longer list is kept as its digest."""
_HOW: Final = ("groupby", "groups", "samples", "relationship", "relationship_kwargs")
"""What a check demands beside its arguments: of which groups, and what a statistical test is to show."""


def terms_of(model: Any, *, coerced: bool = False) -> ContractTerms:
    """What a pandera model demands; version, owners and freshness are not its to say.

    If data is ``coerced`` before it is judged, what the model coerces can be stored as any type.

    Raises:
        TypeError: It is no model of pandera's for pandas or Polars.
    """
    name, library, schema = schema_of(model)
    return ContractTerms(
        name=name,
        library=library,
        columns=(
            *(
                _column(one, coerced=coerced and (one.coerce or schema.coerce))
                for one in schema.columns.values()
            ),
            *_levels(schema.index),
        ),
        checks=tuple(map(_check, schema.checks)),
        unique=_texts(schema.unique),
        strict=bool(schema.strict),
        ordered=bool(schema.ordered),
        description=_flat(schema.description),
    )


def _column(column: Any, *, coerced: bool) -> ColumnTerms:
    return ColumnTerms(
        name=str(column.name),
        type="" if column.dtype is None or coerced else str(column.dtype),
        nullable=bool(column.nullable),
        unique=bool(column.unique),
        required=bool(column.required),
        pattern=bool(column.regex),
        description=_flat(column.description or column.title),
        checks=tuple(map(_check, column.checks)),
    )


def _levels(index: Any) -> Iterator[ColumnTerms]:
    if index is None:
        return
    for level in getattr(index, "indexes", None) or [index]:
        yield ColumnTerms(
            name="index" if level.name is None else f"index `{level.name}`",
            type="" if level.dtype is None else str(level.dtype),
            nullable=bool(level.nullable),
            unique=bool(level.unique),
            checks=tuple(map(_check, level.checks)),
        )


def _check(check: Any) -> CheckTerm:
    arguments = {str(name): _plain(value) for name, value in (check.statistics or {}).items()}
    for name in _HOW:
        if value := getattr(check, name, None):
            arguments[name] = _digest(value) if callable(value) else _plain(value)
    return CheckTerm(
        name=str(check.name or check.error or "check"),
        arguments=arguments,
        code=_code(check),
        ignores_nulls=bool(check.ignore_na),
        warns=bool(check.raise_warning),
    )


def _code(check: Any) -> str:
    """A digest of the function of a check that the project wrote; empty for pandera's own."""
    function = _of_the_project(check._check_fn)  # noqa: SLF001  pandera has no other name for it
    return "" if function is None else _digest(function)


def _digest(function: Callable[..., Any]) -> str:
    """A digest of a function's source, without comments, docstrings and layout."""
    try:
        source = textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError):
        code = getattr(function, "__code__", None)
        source = repr((getattr(code, "co_code", b""), getattr(code, "co_consts", ())))
    try:
        source = ast.unparse(_without_docstrings(ast.parse(source)))
    except SyntaxError:
        # a lambda in the middle of a statement
        source = " ".join(source.split())
    return hashlib.sha256(source.encode()).hexdigest()[:12]


def _of_the_project(function: Any) -> Callable[..., Any] | None:
    """The function that the project wrote, out of what pandera and functools have wrapped around it."""
    while True:
        if isinstance(function, functools.partial):
            function = function.func
        elif isinstance(function, (classmethod, staticmethod)) or inspect.ismethod(function):
            function = function.__func__
        elif inspect.isfunction(function) and function.__module__.startswith("pandera."):
            inner = inspect.getclosurevars(function).nonlocals
            holder = inner.get("self")
            function = getattr(holder, "check_fn", None)
        else:
            return function if inspect.isfunction(function) else None


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return tree


def _plain(value: Any) -> Any:
    """An argument as JSON values; sets in order, what JSON has no value for as text."""
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        value = value.item()
    if isinstance(value, (frozenset, set)):
        value = sorted(value, key=repr)
    if isinstance(value, (list, tuple)):
        values = [_plain(each) for each in value]
        if len(values) <= _MOST_VALUES:
            return values
        digest = hashlib.sha256(json.dumps(values).encode()).hexdigest()[:12]
        return f"{len(values):,} values ({digest})"
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _texts(value: Any) -> tuple[str, ...]:
    if not value:
        return ()
    return (value,) if isinstance(value, str) else tuple(map(str, value))


def _flat(text: Any) -> str:
    return " ".join(str(text or "").split())
