"""What a contract demands, as plain data that is written to JSON and read back."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, cast, get_args

from typing_extensions import override

Compatibility = Literal["backward", "forward", "full", "none"]
"""Who is protected from a change: readers by the old terms (``backward``), data stored under the old terms
(``forward``), both, or nobody."""

_FORMAT: Final = 1


class TermsError(ValueError):
    """What should be a contract as JSON is none; the message names the place and what would be right."""


@dataclass(frozen=True, slots=True)
class CheckTerm:
    """One check of values, of a column or of the frame."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """JSON values by name: the limits of a range, the values that are allowed."""
    code: str = ""
    """A digest of the source of a check that the project wrote; empty for those that pandera offers."""
    ignores_nulls: bool = True
    warns: bool = False

    @override
    def __str__(self) -> str:
        said = [
            f"{name}={value!r}"
            for name, value in self.arguments.items()
            if not (value is True and name.startswith("include_"))
        ]
        return f"{self.name}({', '.join(said)})" if said else self.name


@dataclass(frozen=True, slots=True)
class ColumnTerms:
    """One column, or a level of the index; ``pattern`` when its name is a regular expression."""

    name: str
    type: str = ""
    """As pandera names it, ``float64``; empty when any type will do."""
    nullable: bool = False
    unique: bool = False
    required: bool = True
    pattern: bool = False
    description: str = ""
    checks: tuple[CheckTerm, ...] = ()

    @property
    def is_level(self) -> bool:
        """Whether it is the index of a pandas frame, or a level of it."""
        return self.name == "index" or self.name.startswith("index `")


@dataclass(frozen=True, slots=True)
class ContractTerms:
    """All that a contract demands of a frame, and what it says of itself."""

    name: str
    version: str = ""
    library: str = ""
    """``pandas`` or ``polars``; empty when either will do."""
    owners: tuple[str, ...] = ()
    compatibility: Compatibility = "backward"
    freshness: float | None = None
    """Seconds."""
    columns: tuple[ColumnTerms, ...] = ()
    checks: tuple[CheckTerm, ...] = ()
    unique: tuple[str, ...] = ()
    """Columns of which no two rows are equal."""
    strict: bool = False
    ordered: bool = False
    description: str = ""

    @override
    def __str__(self) -> str:
        return f"{self.name} {self.version}".strip()

    def column(self, name: str) -> ColumnTerms | None:
        """The terms of a column: its own, or those of the first pattern that matches."""
        exact = (one for one in self.columns if one.name == name)
        matching = (one for one in self.columns if one.pattern and re.match(one.name, name))
        return next(exact, None) or next(matching, None)

    def as_json(self) -> dict[str, Any]:
        """As JSON values; what is not said is left out."""
        said = {
            "format": _FORMAT,
            "contract": self.name,
            "version": self.version,
            "library": self.library,
            "owners": list(self.owners),
            "compatibility": self.compatibility,
            "freshness_s": self.freshness,
            "description": self.description,
            "columns": {column.name: _column_json(column) for column in self.columns},
            "checks": [_check_json(check) for check in self.checks],
            "unique": list(self.unique),
            "strict": self.strict,
            "ordered": self.ordered,
        }
        return {
            key: value
            for key, value in said.items()
            if key == "columns" or value not in (None, "", [], False)
        }

    @classmethod
    def from_json(cls, value: object) -> "ContractTerms":
        """Read what `as_json` wrote.

        Raises:
            TermsError: It is something else.
        """
        read = _Reader("the contract", value)
        made = read.number("format", _FORMAT)
        if made != _FORMAT:
            raise TermsError(f"the contract has the format {made:g}, and {_FORMAT} is the one known here")
        compatibility = read.text("compatibility", "backward")
        if compatibility not in get_args(Compatibility):
            raise TermsError(
                f"`compatibility` is {compatibility!r}; it can be {', '.join(get_args(Compatibility))}"
            )
        freshness = read.number("freshness_s", 0)
        terms = cls(
            name=read.text("contract"),
            version=read.text("version", ""),
            library=read.text("library", ""),
            owners=read.texts("owners"),
            compatibility=cast("Compatibility", compatibility),
            freshness=freshness or None,
            columns=tuple(_column(name, each) for name, each in read.object("columns", needed=True).items()),
            checks=tuple(_checks("the contract", read)),
            unique=read.texts("unique"),
            strict=read.flag("strict", default=False),
            ordered=read.flag("ordered", default=False),
            description=read.text("description", ""),
        )
        read.finish()
        return terms


def _column_json(column: ColumnTerms) -> dict[str, Any]:
    said = {
        "type": column.type,
        "nullable": column.nullable,
        "unique": column.unique,
        "pattern": column.pattern,
        "description": column.description,
        "checks": [_check_json(check) for check in column.checks],
    }
    return {key: value for key, value in said.items() if value not in ("", [], False)} | (
        {} if column.required else {"required": False}
    )


def _check_json(check: CheckTerm) -> dict[str, Any]:
    said = {"check": check.name, "with": dict(check.arguments), "code": check.code, "warns": check.warns}
    return {key: value for key, value in said.items() if value not in ("", {}, False)} | (
        {} if check.ignores_nulls else {"ignore_na": False}
    )


def _column(name: str, value: object) -> ColumnTerms:
    where = f"the column `{name}`"
    read = _Reader(where, value)
    column = ColumnTerms(
        name=name,
        type=read.text("type", ""),
        nullable=read.flag("nullable", default=False),
        unique=read.flag("unique", default=False),
        required=read.flag("required", default=True),
        pattern=read.flag("pattern", default=False),
        description=read.text("description", ""),
        checks=tuple(_checks(where, read)),
    )
    read.finish()
    if column.pattern:
        try:
            re.compile(name)
        except re.error as error:
            raise TermsError(f"{where} is a pattern, and no regular expression: {error}") from error
    return column


def _checks(where: str, parent: "_Reader") -> "Iterator[CheckTerm]":
    for number, each in enumerate(parent.list("checks"), 1):
        read = _Reader(f"check {number} of {where}", each)
        yield CheckTerm(
            name=read.text("check"),
            arguments=read.object("with"),
            code=read.text("code", ""),
            ignores_nulls=read.flag("ignore_na", default=True),
            warns=read.flag("warns", default=False),
        )
        read.finish()


class _Reader:
    """An object of JSON, read key by key, so that what is wrong or left over can be named."""

    def __init__(self, where: str, value: object) -> None:
        if not isinstance(value, dict):
            raise TermsError(f"{where} is {_kind(value)}; it should be an object")
        self._where = where
        self._left = dict(value)

    def _taken(self, key: str, kind: type | tuple[type, ...], wanted: str, default: Any) -> Any:
        value = self._left.pop(key, default)
        if value is None:
            raise TermsError(f"{self._where} has no `{key}`")
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise TermsError(f"`{key}` of {self._where} is {_kind(value)}; it should be {wanted}")
        return value

    def text(self, key: str, default: str | None = None) -> str:
        return cast("str", self._taken(key, str, "a text", default))

    def flag(self, key: str, *, default: bool) -> bool:
        return cast("bool", self._taken(key, bool, "true or false", default))

    def number(self, key: str, default: float) -> float:
        return cast("float", self._taken(key, (int, float), "a number", default))

    def list(self, key: str) -> "list[object]":
        return cast("list[object]", self._taken(key, list, "a list", []))

    def object(self, key: str, *, needed: bool = False) -> "dict[str, object]":
        return cast("dict[str, object]", self._taken(key, dict, "an object", None if needed else {}))

    def texts(self, key: str) -> "tuple[str, ...]":
        values = self.list(key)
        if wrong := [value for value in values if not isinstance(value, str)]:
            raise TermsError(f"`{key}` of {self._where} has {_kind(wrong[0])}; it should have texts")
        return tuple(cast("list[str]", values))

    def finish(self) -> None:
        if self._left:
            raise TermsError(f"{self._where} has the unknown key `{next(iter(self._left))}`")


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
