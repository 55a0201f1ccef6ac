"""A pandera model as a blocking asset check, in which *not evaluated* is never a pass."""

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import dagster as dg

from adaptive_assets.assets.check_states import CONTRACT
from adaptive_assets.assets.contract import Contract
from adaptive_assets.assets.contract_reading import terms_of
from adaptive_assets.assets.contract_report import ContractReport
from adaptive_assets.assets.contract_terms import ContractTerms
from adaptive_assets.assets.data_contract import DataContract

if TYPE_CHECKING:
    from pandera.api.dataframe.container import DataFrameSchema
    from pandera.api.dataframe.model import DataFrameModel

__all__ = ["CONTRACT", "CONTRACT_TERMS", "pandera_checks"]

CONTRACT_TERMS: Final = "adaptive/contract_terms"
"""Metadata of a check, or of an asset with a contract: what the contract demands, as JSON."""


def pandera_checks(
    asset: dg.AssetsDefinition | dg.AssetKey | str,
    model: "type[DataFrameModel[Any, Any]] | DataFrameSchema[Any] | DataContract",
    *,
    name: str = "contract",
    blocking: bool = True,
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
    samples: int = 5,
    coerce: bool = False,
    description: str | None = None,
    partitions_def: dg.PartitionsDefinition[str] | None = None,
) -> list[dg.AssetChecksDefinition]:
    """Make an asset check that holds what an asset stored against a pandera model.

    The check loads the asset (the run's partition of it) through its IO manager and collects every failure of
    a pandas frame, a Polars frame or a collected Polars lazy frame in one validation. It judges the data *as
    stored*: the model's parsers, defaults, added columns and dropping of invalid rows would repair a copy
    that nobody reads, and are turned off.

    Each result has the metadata ``adaptive/check_state``: ``evaluated``, or ``not_evaluated`` with the cause.
    A contract that was not evaluated (the asset is no frame, a check of the model raised) never passes.
    ``adaptive/contract`` names the contract, and ``adaptive/contract_version`` its version if it has one.

    Args:
        asset: The asset to check.
        model: A ``DataFrameModel`` class or ``DataFrameSchema`` of ``pandera.pandas`` or ``pandera.polars``,
            or a `DataContract` with one; `with_contract` also tells the asset of it.
        name: The check's name; an asset with two contracts needs two names.
        blocking: Whether a failure keeps what is downstream in the same run from starting.
        severity: The severity of a failure. Where only checks of the model fail that are marked
            ``raise_warning=True`` it is ``WARN``, which blocks nothing.
        samples: How many failing rows to show. They end up in Dagster's event log; with 0 no data does.
        coerce: Let the model's coercion go first, so that a column passes that could be read as its type.
        description: Shown in the catalog; by default it names the model.
        partitions_def: The asset's partitions. Needed when ``asset`` is the key of a partitioned asset.

    Returns:
        A list of one check.

    Raises:
        dagster.DagsterInvalidDefinitionError: The model is not one of pandera's, or demands nothing.
    """
    try:
        contract, terms = _contract(model, coerce=coerce, quotes=samples > 0)
    except (TypeError, ValueError) as error:
        where = f"pandera_checks() of the asset `{_label(asset)}`"
        raise dg.DagsterInvalidDefinitionError(f"{where}: {error}") from error
    if partitions_def is None and isinstance(asset, dg.AssetsDefinition):
        partitions_def = asset.partitions_def

    with warnings.catch_warnings():
        # Without its partitions a check in a run of one partition loads them all. Dagster calls the
        # parameter a preview; a test of its own watches what we rely on.
        warnings.filterwarnings("ignore", message=".*partitions_def on an AssetCheckSpec")

        @dg.asset_check(
            asset=asset,
            name=name,
            blocking=blocking,
            description=description or f"What is stored keeps the pandera contract `{contract.name}`.",
            metadata={CONTRACT: contract.name, CONTRACT_TERMS: dg.MetadataValue.json(terms.as_json())},
            partitions_def=partitions_def,
        )
        def check(context: dg.AssetCheckExecutionContext, stored: Any) -> dg.AssetCheckResult:
            partition = context.partition_key if context.has_partition_key else None
            return ContractReport.of(contract, _parts(stored, partition), samples).result(severity)

    return [check]


def _contract(model: Any, *, coerce: bool, quotes: bool) -> tuple[Contract, ContractTerms]:
    if not isinstance(model, DataContract):
        return Contract(model, coerce=coerce, quotes=quotes), terms_of(model, coerced=coerce)
    terms = model.stored_terms(coerced=coerce)
    named = terms.name, terms.version
    return Contract(model.model, coerce=coerce, quotes=quotes, named=named), terms


def _parts(stored: Any, partition: str | None) -> Mapping[str | None, Any]:
    """What is stored, by partition; an input that spans several partitions is a dict already."""
    if not isinstance(stored, Mapping):
        return {None: stored}
    if partition is not None:
        return {partition: stored[partition]} if partition in stored else {}
    return stored


def _label(asset: dg.AssetsDefinition | dg.AssetKey | str) -> str:
    if isinstance(asset, dg.AssetsDefinition):
        return ", ".join(sorted(key.to_user_string() for key in asset.keys))
    return dg.AssetKey.from_coercible(asset).to_user_string()
