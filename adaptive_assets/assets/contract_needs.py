"""What a consumer needs of an upstream asset, and in which of it a producer's contract does not keep."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from adaptive_assets.assets.contract_diff import ABSENT, CONTRACT, changes
from adaptive_assets.assets.contract_reading import terms_of
from adaptive_assets.assets.contract_terms import ColumnTerms, ContractTerms, TermsError
from adaptive_assets.policy.suggesting import did_you_mean

if TYPE_CHECKING:
    from pandera.api.dataframe.container import DataFrameSchema
    from pandera.api.dataframe.model import DataFrameModel

NEEDS: Final = "adaptive/needs"
"""Metadata of a consuming asset: what it needs, by upstream asset, as JSON."""

_PYTHON_TYPES: Final[Mapping[object, str]] = {float: "float64", int: "int64", str: "string", bool: "bool"}


class Needs:
    """What an asset needs of one that it reads.

    Args:
        columns: Types by column (``{"delay": "float64"}``), or names of columns of any type. A column may not
            have nulls, unless it is in ``nullable``.
        nullable: Those of the columns that may have nulls.
        checks: What has to be checked: ``"column: check"`` for a check of the contract on a column, else the
            name of a check of the contract on the frame, or of a blocking asset check.
        model: A pandera model of what is needed, where types and nulls say too little: each of its checks has
            to follow from the contract's.
        lineage: By column of the consumer's own, the columns that it is made of.

    Raises:
        TypeError: The model is not one of pandera's; a type is no type.
        ValueError: It needs nothing; a column in ``nullable`` or ``lineage`` is not among those needed.
    """

    def __init__(
        self,
        columns: Mapping[str, str | type] | Sequence[str] = (),
        *,
        nullable: Sequence[str] = (),
        checks: Sequence[str] = (),
        model: "type[DataFrameModel[Any, Any]] | DataFrameSchema[Any] | None" = None,
        lineage: Mapping[str, str | Sequence[str]] | None = None,
    ) -> None:
        if isinstance(columns, str):
            raise TypeError(f"`columns` is the text {columns!r}; give a list of names, or types by name")
        named = columns if isinstance(columns, Mapping) else dict.fromkeys(columns, "")
        of_model = terms_of(model) if model is not None else ContractTerms("needs")
        if twice := [name for name in named if any(name == one.name for one in of_model.columns)]:
            raise ValueError(f"the column `{twice[0]}` is needed twice: in `columns` and in the model")
        shorthand = (ColumnTerms(name, _type(name, given), name in nullable) for name, given in named.items())
        self.terms = replace(
            of_model, name="needs", library="", strict=False, columns=(*of_model.columns, *shorthand)
        )
        self.checks = (checks,) if isinstance(checks, str) else tuple(checks)
        self.lineage = {
            own: (made_of,) if isinstance(made_of, str) else tuple(made_of)
            for own, made_of in (lineage or {}).items()
        }
        if not (self.terms.columns or self.terms.checks or self.checks or self.lineage):
            raise ValueError("it needs nothing: name columns, checks or a model")
        self._refuse_strangers("nullable", nullable, named)
        for own, made_of in self.lineage.items():
            known = [one.name for one in self.terms.columns]
            self._refuse_strangers(f"lineage of `{own}`", made_of, known)

    @staticmethod
    def _refuse_strangers(where: str, names: Iterable[str], known: Iterable[str]) -> None:
        if strange := [name for name in names if name not in known]:
            hint = did_you_mean(strange[0], list(known), "they are")
            raise ValueError(f"`{strange[0]}` in the {where} is none of the columns that are needed; {hint}")

    def as_json(self) -> dict[str, Any]:
        """As JSON values."""
        lineage = {own: list(made_of) for own, made_of in self.lineage.items()}
        return {"terms": self.terms.as_json(), "checks": list(self.checks), "lineage": lineage}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Needs":
        """Read what `as_json` wrote.

        Raises:
            TermsError: It is something else.
        """
        needs = cls.__new__(cls)
        try:
            needs.terms = ContractTerms.from_json(value["terms"])
            needs.checks = tuple(value["checks"])
            needs.lineage = {own: tuple(made_of) for own, made_of in value["lineage"].items()}
        except (KeyError, TypeError, AttributeError) as error:
            raise TermsError(f"the needs have no {error}") from error
        return needs


def needs_in(metadata: Mapping[str, Any]) -> dict[str, Needs]:
    """The needs that an asset's metadata states, by upstream asset.

    Raises:
        TermsError: Something else is there under that name.
    """
    stated = json_in(metadata, NEEDS)
    return {upstream: Needs.from_json(value) for upstream, value in stated.items()}


def json_in(metadata: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The JSON object that metadata has under a name; empty where it has none.

    Raises:
        TermsError: Something else is there.
    """
    value = metadata.get(name)
    stated = getattr(value, "value", value)
    if stated is None:
        return {}
    if not isinstance(stated, dict):
        raise TermsError(f"it should be JSON, and is {stated!r}")
    return stated


def unmet(
    consumer: str, producer: str, needs: Needs, contract: ContractTerms | None, blocking_checks: Iterable[str]
) -> Iterator[str]:
    """Each need that the producer does not promise to meet, in a sentence that names both sides.

    Args:
        consumer: The asset that needs something.
        producer: The asset that it needs it of.
        needs: What it needs.
        contract: What the producer promises; ``None`` where it has no contract.
        blocking_checks: The names of the producer's blocking asset checks.
    """
    named = set(blocking_checks)
    if contract is None:
        if needs.terms.columns or needs.terms.checks:
            yield (
                f"`{consumer}` needs columns of `{producer}`, which states no contract: "
                "give it one by `with_contract()`"
            )
        for check in needs.checks:
            if check not in named:
                yield (
                    f"`{consumer}` needs `{producer}` to have the blocking check `{check}`, and it has "
                    "no such check"
                )
        return
    whose = f"{contract}`{_owned_by(contract)}"
    known = [one.name for one in contract.columns]
    for change in changes(needs.terms, contract):
        if not change.breaks_readers or change.subject == CONTRACT:
            continue
        hint = f"; {did_you_mean(change.column, known, 'it has')}" if change.now == ABSENT else ""
        yield (
            f"`{consumer}` needs {change.subject} of `{producer}` to be {change.was}, "
            f"and by the contract `{whose} it is {change.now}{hint}"
        )
    for check in needs.checks:
        if check not in named and not _has_check(contract, check):
            yield (
                f"`{consumer}` needs `{producer}` to be checked by `{check}`, and neither the contract "
                f"`{whose} nor a blocking asset check does so"
            )


def together(contracts: Sequence[ContractTerms]) -> ContractTerms | None:
    """What data promises that keeps several contracts; ``None`` where there are none."""
    if len(contracts) < 2:
        return contracts[0] if contracts else None
    columns: dict[str, ColumnTerms] = {}
    for column in (column for contract in contracts for column in contract.columns):
        other = columns.get(column.name)
        columns[column.name] = column if other is None else _both(other, column)
    return replace(
        contracts[0],
        name=" and ".join(map(str, contracts)),
        version="",
        columns=tuple(columns.values()),
        checks=tuple(check for contract in contracts for check in contract.checks),
        unique=next((contract.unique for contract in contracts if contract.unique), ()),
        ordered=any(contract.ordered for contract in contracts),
    )


def _both(one: ColumnTerms, other: ColumnTerms) -> ColumnTerms:
    return replace(
        one,
        type=one.type or other.type,
        nullable=one.nullable and other.nullable,
        unique=one.unique or other.unique,
        required=one.required or other.required,
        checks=(*one.checks, *other.checks),
    )


def _has_check(contract: ContractTerms, wanted: str) -> bool:
    column, colon, name = (part.strip() for part in wanted.rpartition(":"))
    if not colon:
        return any(name in {check.name, str(check)} and not check.warns for check in contract.checks)
    terms = contract.column(column)
    return terms is not None and any(
        name in {check.name, str(check)} and not check.warns for check in terms.checks
    )


def _owned_by(contract: ContractTerms) -> str:
    return f" of {', '.join(contract.owners)}" if contract.owners else ""


def _type(column: str, given: object) -> str:
    named = _PYTHON_TYPES.get(given, given)
    if not isinstance(named, str):
        raise TypeError(
            f"the type of the column `{column}` is {given!r}; give its name, as `float64` or "
            "`datetime64[us, UTC]`"
        )
    return named
