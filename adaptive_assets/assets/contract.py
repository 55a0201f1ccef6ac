"""Holding a frame against a pandera model, so that nothing passes that was not looked at.

pandera passes data silently in several cases: a Polars lazy frame, ``PANDERA_VALIDATION_DEPTH`` and
``PANDERA_VALIDATION_ENABLED`` in the environment, and models that repair a copy (coercion, parsers, defaults,
dropping invalid rows or columns) of which the stored data knows nothing. Here its configuration is pinned,
repairs are turned off, each row needs an answer of each check, and two canaries that have to be caught ride
along with every validation.
"""

import copy
import importlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from adaptive_assets.assets.contract_answers import demand_answers
from adaptive_assets.assets.contract_findings import WARNS, ContractFinding, finding_of, first_line
from adaptive_assets.assets.frames import kind_of

if TYPE_CHECKING:
    from pandera.api.dataframe.container import DataFrameSchema
    from pandera.api.dataframe.model import DataFrameModel
    from pandera.errors import SchemaError

_CANARY: Final = "adaptive_assets_canary"


class NotEvaluatedError(Exception):
    """The contract could not be evaluated; the message is the cause."""


class Contract:
    """A pandera model, ready to be held against frames.

    With ``coerce`` the model's coercion goes first. Without ``quotes`` no finding quotes the data. ``named``
    is the name and the version to go by; otherwise it is the model's name, and no version.

    Raises:
        TypeError: The model is not one of pandera's for pandas or Polars.
        ValueError: The model demands nothing, so that any data would keep it.
    """

    def __init__(
        self,
        model: "type[DataFrameModel[Any, Any]] | DataFrameSchema[Any]",
        *,
        coerce: bool = False,
        quotes: bool = True,
        named: tuple[str, str] | None = None,
    ) -> None:
        own_name, self._library, schema = schema_of(model)
        self.name, self.version = named or (own_name, "")
        if not any((schema.columns, schema.index, schema.checks, schema.dtype, schema.unique, schema.strict)):
            raise ValueError(
                f"the pandera model `{self.name}` has no column, index or check: any data would keep it"
            )
        self._schema = schema
        self._coerce = coerce
        self._quotes = quotes

    def frame_of(self, data: object) -> Any:
        """The frame that ``data`` is; of a Polars lazy frame, what it collects to.

        Raises:
            NotEvaluatedError: It is no frame of the model's library, or cannot be collected.
        """
        kind = kind_of(data)
        if kind == "polars_lazy":
            try:
                collected = data.collect()  # type: ignore[attr-defined]
            except Exception as error:
                raise NotEvaluatedError(self._told("it cannot be collected", error)) from error
            return self.frame_of(collected)
        if kind != self._library:
            what = f"a {kind} frame" if kind else _type_name(data)
            raise NotEvaluatedError(
                f"`{self.name}` is a model for {self._library} frames, and {what} is stored"
            )
        return data

    def findings(self, frame: Any) -> list[ContractFinding]:
        """Everything in which a frame breaks the contract; empty when it keeps it.

        Raises:
            NotEvaluatedError: pandera failed, or skipped checks.
        """
        try:
            errors = _errors(self._prepared(), frame)
            return [finding_of(error, frame, quotes=self._quotes) for error in errors]
        except NotEvaluatedError:
            raise
        except Exception as error:
            raise NotEvaluatedError(self._told("pandera failed", error)) from error

    def _told(self, what: str, error: Exception) -> str:
        return f"{what}: {first_line(error, quotes=self._quotes)}"

    def _prepared(self) -> Any:
        """A copy of the schema that judges data as stored, notes every failure and has its canaries."""
        schema = copy.deepcopy(self._schema)
        pandera = importlib.import_module(f"pandera.{self._library}")
        for part in _parts(schema):
            _judge_only(part, coerce=self._coerce)
        schema.checks = [*schema.checks, pandera.Check(lambda _: False, name=_CANARY)]
        schema.columns = {**schema.columns, _CANARY: pandera.Column(name=_CANARY, required=True)}
        for part in _parts(schema):
            part.get_backend = _without_summary(part.get_backend)
        return schema


def schema_of(model: Any) -> tuple[str, str, Any]:
    """The name of a model, its library (``pandas`` or ``polars``) and its schema.

    Raises:
        TypeError: It is not one of pandera's for these.
    """
    schema: Any = model.to_schema() if isinstance(model, type) and hasattr(model, "to_schema") else model
    library = type(schema).__module__.removeprefix("pandera.api.").partition(".")[0]
    if library not in ("pandas", "polars") or not hasattr(schema, "columns"):
        what = getattr(model, "__name__", None) or repr(model)
        raise TypeError(
            f"`{what}` is no pandera model: give a DataFrameModel class or a DataFrameSchema "
            "of pandera.pandas or pandera.polars"
        )
    return schema.name or getattr(model, "__name__", None) or "contract", library, schema


def _errors(schema: Any, frame: Any) -> "list[SchemaError]":
    from pandera.config import ValidationDepth, config_context
    from pandera.errors import SchemaErrors

    errors: list[SchemaError] = []
    with config_context(validation_enabled=True, validation_depth=ValidationDepth.SCHEMA_AND_DATA):
        try:
            schema.validate(frame, lazy=True)
        except SchemaErrors as collected:
            errors = collected.schema_errors
    canaries = [error for error in errors if _is_canary(error)]
    if len(canaries) != 2:
        raise NotEvaluatedError("pandera skipped checks: two that must fail did not both fail")
    return [error for error in errors if error not in canaries]


def _is_canary(error: "SchemaError") -> bool:
    return _CANARY in (getattr(error.check, "name", None), error.failure_cases if _is_text(error) else None)


def _is_text(error: "SchemaError") -> bool:
    return isinstance(error.failure_cases, str)


def _parts(schema: Any) -> Iterator[Any]:
    yield schema
    yield from schema.columns.values()
    if schema.index is not None:
        yield schema.index
        yield from getattr(schema.index, "indexes", ())


def _judge_only(part: Any, *, coerce: bool) -> None:
    # A pydantic model as dtype checks its rows in what pandera calls coercion: there is no other way.
    if not coerce and type(part.dtype).__name__ != "PydanticModel":
        part.coerce = False
    part.parsers = []
    part.drop_invalid_rows = False
    if hasattr(part, "add_missing_columns"):
        part.add_missing_columns = False
    if hasattr(part, "default"):
        part.default = None
    if getattr(part, "strict", None) == "filter":
        part.strict = True
    for check in part.checks:
        demand_answers(check)
        check.n_failure_cases = None
        # A warning would be reported as a pass; it is noted as a failure here and told apart by this mark,
        # which survives the copies that pandera makes of a column whose name is a pattern.
        setattr(check, WARNS, check.raise_warning)
        check.raise_warning = False


def _without_summary(get_backend: Callable[..., Any]) -> Callable[..., Any]:
    """Leave out pandera's own table of failures: on Polars it cannot hold values of two types."""
    from pandera.errors import FailureCaseMetadata

    def quiet(*args: Any, **kwargs: Any) -> Any:
        backend = get_backend(*args, **kwargs)
        backend.failure_cases_metadata = lambda *_: FailureCaseMetadata(None, {}, {})
        return backend

    return quiet


def _type_name(value: object) -> str:
    return "nothing" if value is None else f"a `{type(value).__module__}.{type(value).__qualname__}`"
