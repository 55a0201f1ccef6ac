"""A pandera model as a blocking asset check, in which *not evaluated* is never a pass.

pandera has ways to pass data that it did not look at: on a Polars LazyFrame, and wherever
``PANDERA_VALIDATION_DEPTH`` or ``PANDERA_VALIDATION_ENABLED`` say so.  Here its configuration is pinned for
the length of a validation, lazy frames are collected first, and a canary that has to be caught rides along.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import dagster as dg

if TYPE_CHECKING:
    from pandera.api.dataframe.container import DataFrameSchema
    from pandera.api.dataframe.model import DataFrameModel
    from pandera.errors import SchemaError

__all__ = ["CHECK_STATE", "EVALUATED", "NOT_EVALUATED", "pandera_checks"]

CHECK_STATE: Final = "adaptive/check_state"
"""Metadata of every result: was the contract evaluated?"""
EVALUATED: Final = "evaluated"
NOT_EVALUATED: Final = "not_evaluated"

_CANARY: Final = "adaptive_assets_canary"


def pandera_checks(
    asset: dg.AssetsDefinition | dg.AssetKey | str,
    model: "type[DataFrameModel[Any, Any]] | DataFrameSchema[Any]",
    *,
    name: str = "contract",
    blocking: bool = True,
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
    samples: int = 5,
    description: str | None = None,
) -> list[dg.AssetChecksDefinition]:
    """Make an asset check that holds what an asset stored against a pandera model.

    The check loads the asset (the run's partition of it) through its IO manager and validates pandas frames,
    Polars frames and collected Polars lazy frames in one pass that collects every failure.  It judges the data
    *as stored*: the model's coercion, parsers, defaults, added columns and dropping of invalid rows, which
    would repair a copy that nobody reads, are turned off.

    Args:
        asset: The asset to check.
        model: A ``DataFrameModel`` class or a ``DataFrameSchema``, of ``pandera.pandas`` or ``pandera.polars``.
        name: The check's name.
        blocking: Whether a failure stops what is downstream in the same run.
        severity: Severity of a failure.  Checks of the model marked ``raise_warning=True`` fail with ``WARN``.
        samples: How many failing rows to show; they end up in Dagster's event log, so 0 where data is secret.
        description: Shown in the catalog; the model's docstring by default.

    Returns:
        One check definition, in a list.  Its results say ``adaptive/check_state``: ``evaluated``, or
        ``not_evaluated`` (and then they never pass) with the cause.

    Raises:
        dagster.DagsterInvalidDefinitionError: The model is not one of pandera's, or demands nothing.
    """
    schema = _schema_of(model)
    title = schema.name or getattr(model, "__name__", "contract")

    @dg.asset_check(
        asset=asset,
        name=name,
        blocking=blocking,
        description=description or f"The stored data keeps the pandera contract `{title}`.",
        metadata={"adaptive/contract": title},
    )
    def contract(data: Any) -> dg.AssetCheckResult:
        return _judge(data, schema, severity=severity, samples=samples)

    return [contract]


@dataclass(frozen=True, slots=True)
class Failure:
    """What one check of the model found in one partition."""

    column: str
    check: str
    problem: str
    count: int
    total: int
    cases: tuple[str, ...]
    warning: bool
    crashed: bool


def _schema_of(model: Any) -> Any:
    from pandera.errors import SchemaInitError

    try:
        schema = model.to_schema() if isinstance(model, type) else model
    except (AttributeError, SchemaInitError) as error:
        raise dg.DagsterInvalidDefinitionError(
            f"pandera_checks() cannot make a schema of {model!r}: {error}"
        ) from error
    if not (hasattr(schema, "columns") and hasattr(schema, "validate")):
        raise dg.DagsterInvalidDefinitionError(
            f"pandera_checks() takes a pandera DataFrameModel class or a DataFrameSchema, not {model!r}"
        )
    demands = (
        schema.columns,
        schema.checks,
        schema.dtype,
        schema.unique,
        schema.strict,
        getattr(schema, "index", None),
    )
    if not any(demands):
        raise dg.DagsterInvalidDefinitionError(
            f"the pandera schema {schema.name or model!r} demands nothing (no column, check or index), so it would "
            "pass any data; declare what the data must be"
        )
    return schema


def _judge(data: Any, schema: Any, *, severity: dg.AssetCheckSeverity, samples: int) -> dg.AssetCheckResult:
    parts: Mapping[str | None, Any] = data if isinstance(data, Mapping) else {None: data}
    failures: list[tuple[str | None, Failure]] = []
    rows = 0
    for partition, part in parts.items():
        try:
            frame = _eager(part)
            rows += len(frame)
            failures += [(partition, failure) for failure in _validate(frame, schema, samples)]
        except Exception as error:
            return _not_evaluated(f"{type(error).__name__}: {error}", severity)
    crashed = [failure for _, failure in failures if failure.crashed]
    if crashed:
        cause = "; ".join(f"the check `{f.check}` on `{f.column}` raised {f.problem}" for f in crashed)
        return _not_evaluated(cause, severity, failures)
    return _evaluated(failures, rows, severity)


def _eager(data: Any) -> Any:
    root = type(data).__module__.partition(".")[0]
    name = type(data).__name__
    if root == "polars" and name == "LazyFrame":
        return data.collect()
    return data


def _validate(frame: Any, schema: Any, samples: int) -> list[Failure]:
    from pandera.api.checks import Check
    from pandera.config import ValidationDepth, config_context
    from pandera.errors import SchemaErrors

    as_stored, warnings = _as_stored(schema)
    as_stored.checks = [*as_stored.checks, Check(lambda _: False, name=_CANARY)]
    _without_summary(as_stored)
    with config_context(validation_enabled=True, validation_depth=ValidationDepth.SCHEMA_AND_DATA):
        try:
            as_stored.validate(frame, lazy=True)
        except SchemaErrors as collected:
            errors = collected.schema_errors
        else:
            errors = []
    canaries = [error for error in errors if getattr(error.check, "name", None) == _CANARY]
    if not canaries:
        raise RuntimeError("pandera skipped the checks on data: a check that must fail passed")
    return [_failure(error, frame, warnings, samples) for error in errors if error not in canaries]


def _as_stored(schema: Any) -> tuple[Any, frozenset[str]]:
    schema = copy.deepcopy(schema)
    warnings: set[str] = set()
    schema.coerce = False
    schema.drop_invalid_rows = False
    schema.add_missing_columns = False
    schema.parsers = []
    for part in [schema, *schema.columns.values()]:
        for check in part.checks:
            check.n_failure_cases = None
            if check.raise_warning:
                check.raise_warning = False
                warnings.add(check.name)
    for column in schema.columns.values():
        column.coerce = False
        column.drop_invalid_rows = False
        column.default = None
        column.parsers = []
    return schema, frozenset(warnings)


def _without_summary(schema: Any) -> None:
    from pandera.errors import FailureCaseMetadata

    def quiet(component: Any) -> None:
        original = component.get_backend

        def get_backend(*args: Any, **kwargs: Any) -> Any:
            backend = original(*args, **kwargs)
            backend.failure_cases_metadata = lambda name, errors: FailureCaseMetadata(None, {}, {})
            return backend

        component.get_backend = get_backend

    for component in [schema, *schema.columns.values()]:
        quiet(component)


def _failure(error: "SchemaError", frame: Any, warnings: frozenset[str], samples: int) -> Failure:
    check: Any = error.check
    name = check if isinstance(check, str) else (getattr(check, "name", None) or str(check))
    reason = error.reason_code.value if error.reason_code else ""
    cases = error.failure_cases
    crashed = reason == "check_error"
    values: tuple[str, ...] = ()
    count = 1
    if hasattr(cases, "columns"):
        listed = cases["failure_case"] if "failure_case" in cases.columns else cases.to_series(0)
        count = len(cases)
        values = tuple(str(value) for value in listed.head(samples).to_list())
    column = error.column_name or getattr(error.schema, "name", None) or ""
    return Failure(
        column=str(column),
        check=str(name),
        problem=str(cases) if crashed else (getattr(check, "error", None) or reason),
        count=count,
        total=len(frame),
        cases=values,
        warning=str(name) in warnings,
        crashed=crashed,
    )


def _not_evaluated(
    cause: str, severity: dg.AssetCheckSeverity, failures: list[tuple[str | None, Failure]] | None = None
) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=False,
        severity=severity,
        description=f"Not evaluated: {cause}",
        metadata={CHECK_STATE: NOT_EVALUATED, "cause": cause},
    )


def _evaluated(
    failures: list[tuple[str | None, Failure]], rows: int, severity: dg.AssetCheckSeverity
) -> dg.AssetCheckResult:
    metadata: dict[str, Any] = {CHECK_STATE: EVALUATED, "rows": rows, "failures": len(failures)}
    if not failures:
        return dg.AssetCheckResult(passed=True, severity=severity, metadata=metadata)
    lines = ["| column | check | problem | rows | examples |", "|---|---|---|---|---|"]
    lines += [
        f"| {f.column} | {f.check} | {f.problem} | {f.count} | {', '.join(f.cases)} |" for _, f in failures
    ]
    metadata["summary"] = dg.MetadataValue.md("\n".join(lines))
    only_warnings = all(f.warning for _, f in failures)
    return dg.AssetCheckResult(
        passed=False,
        severity=dg.AssetCheckSeverity.WARN if only_warnings else severity,
        description="; ".join(f"{f.column}: {f.check}" for _, f in failures),
        metadata=metadata,
    )
