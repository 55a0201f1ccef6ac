"""A contract: what an asset promises to those who read it, who answers for it, and how it may change."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, get_args

from typing_extensions import override

from adaptive_assets.assets.contract import Contract
from adaptive_assets.assets.contract_reading import terms_of
from adaptive_assets.assets.contract_terms import Compatibility, ContractTerms

if TYPE_CHECKING:
    from pandera.api.dataframe.container import DataFrameSchema
    from pandera.api.dataframe.model import DataFrameModel

_SHORTEST: Final = timedelta(minutes=1)
"""Dagster looks at no freshness shorter than that."""


class DataContract:
    """A pandera model with an owner, a version, a freshness and a rule of how it may change.

    `with_contract` attaches it to an asset; ``adaptive contract diff`` compares two.

    Args:
        model: A ``DataFrameModel`` class or ``DataFrameSchema`` of ``pandera.pandas`` or ``pandera.polars``.
        owner: Who answers for it: an email address or ``team:NAME``, or several.
        version: The contract's own; it is shown, and told with each result.
        freshness: How old the data may be, a minute at least; ``None`` promises nothing.
        compatibility: Whom a change must not break: readers by the version before (``backward``), data stored
            under it (``forward``), both (``full``), or nobody (``none``).
        name: By default the model's.

    Raises:
        TypeError: The model is not one of pandera's.
        ValueError: The model demands nothing; the freshness or the rule cannot be.
    """

    def __init__(
        self,
        model: "type[DataFrameModel[Any, Any]] | DataFrameSchema[Any]",
        *,
        owner: str | Sequence[str] = (),
        version: str = "1",
        freshness: timedelta | None = None,
        compatibility: Compatibility = "backward",
        name: str | None = None,
    ) -> None:
        named = name or Contract(model).name
        if not version:
            raise ValueError(
                f"the contract `{named}` has an empty version; give one, or leave it out for `1`"
            )
        if compatibility not in get_args(Compatibility):
            rules = ", ".join(f"`{rule}`" for rule in get_args(Compatibility))
            raise ValueError(f"the compatibility of `{named}` is {compatibility!r}; it can be {rules}")
        if freshness is not None and freshness < _SHORTEST:
            raise ValueError(
                f"the contract `{named}` promises data no older than {freshness.total_seconds():g} s, "
                "which Dagster cannot watch; promise a minute or more"
            )
        self.model = model
        self.freshness = freshness
        self.terms: ContractTerms = replace(
            terms_of(model),
            name=named,
            version=version,
            owners=(owner,) if isinstance(owner, str) else tuple(owner),
            freshness=None if freshness is None else freshness.total_seconds(),
            compatibility=compatibility,
        )

    def stored_terms(self, *, coerced: bool) -> ContractTerms:
        """What is stored under it; what is ``coerced`` when it is checked can be stored as any type."""
        return replace(self.terms, columns=terms_of(self.model, coerced=coerced).columns)

    @override
    def __repr__(self) -> str:
        return f"DataContract({self.terms})"
