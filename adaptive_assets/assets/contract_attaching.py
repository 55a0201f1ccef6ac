"""Contracts and needs on assets: in their specs, where Dagster, the coordinator and `adapt()` find them."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

import dagster as dg

from adaptive_assets.assets.asset_keys import key_of, text_of
from adaptive_assets.assets.check_states import CONTRACT
from adaptive_assets.assets.contract_needs import NEEDS, Needs, needs_in
from adaptive_assets.assets.contract_table import (
    COLUMN_LINEAGE,
    COLUMN_SCHEMA,
    column_lineage,
    columns_of,
    table_schema,
)
from adaptive_assets.assets.data_contract import DataContract
from adaptive_assets.assets.pandera_checks import CONTRACT_TERMS, pandera_checks
from adaptive_assets.policy.suggesting import did_you_mean

Asset = TypeVar("Asset", dg.AssetsDefinition, dg.AssetSpec)
Key = dg.AssetKey | str | tuple[str, ...] | list[str]


class Contracted(NamedTuple):
    """An asset with a contract, and the check that holds what it stores against it."""

    asset: Any
    """Of the kind that was given: an ``AssetsDefinition`` or an ``AssetSpec``."""
    checks: list[dg.AssetChecksDefinition]


def with_contract(
    asset: dg.AssetsDefinition | dg.AssetSpec,
    contract: DataContract,
    *,
    key: Key | None = None,
    check: str = "contract",
    blocking: bool = True,
    samples: int = 5,
    coerce: bool = False,
) -> Contracted:
    """Attach a contract to an asset, and check what it stores against it::

        departures, checks = with_contract(departures, DEPARTURES)

    The asset gets the contract's owners and freshness where it has none, and in its metadata the schema of
    its columns (``dagster/column_schema``) and the contract as JSON. The check is that of `pandera_checks`.

    Args:
        asset: The asset, or the spec of one that is made elsewhere.
        contract: What it promises.
        key: The asset's key, where the definition makes several assets.
        check: The name of the asset check.
        blocking: Whether a failure keeps what is downstream in the same run from starting.
        samples: How many failing rows a result shows; with 0 no data is in Dagster's event log.
        coerce: Let the model's coercion go first.

    Raises:
        dagster.DagsterInvalidDefinitionError: The definition makes several assets, or none of the key; the
            asset has a contract already, or a schema of its own without a column that the contract demands.
    """
    spec = _spec_of(asset, key, "with_contract()")
    if CONTRACT_TERMS in spec.metadata:
        raise dg.DagsterInvalidDefinitionError(
            f"with_contract(): the asset `{text_of(spec.key)}` has the contract `{spec.metadata[CONTRACT]}` "
            "already; check another model by `pandera_checks()`"
        )
    _compare_columns(spec, contract)
    terms = contract.stored_terms(coerced=coerce)
    added: dict[str, Any] = {
        CONTRACT: str(terms),
        CONTRACT_TERMS: dg.MetadataValue.json(terms.as_json()),
    }
    if COLUMN_SCHEMA not in spec.metadata:
        added[COLUMN_SCHEMA] = dg.MetadataValue.table_schema(table_schema(terms))
    window = contract.freshness
    freshness = None if window is None else dg.FreshnessPolicy.time_window(fail_window=window)

    def contracted(own: dg.AssetSpec) -> dg.AssetSpec:
        return own.replace_attributes(
            metadata={**own.metadata, **added},
            owners=own.owners or terms.owners,
            freshness_policy=own.freshness_policy or freshness,
        )

    checks = pandera_checks(
        spec.key,
        contract,
        name=check,
        blocking=blocking,
        samples=samples,
        coerce=coerce,
        partitions_def=spec.partitions_def,
    )
    return Contracted(_changed(asset, spec.key, contracted), checks)


def with_needs(asset: Asset, needs: Mapping[Any, Needs], *, key: Key | None = None) -> Asset:
    """Say what an asset needs of those that it reads::

        forecast = with_needs(forecast, {"departures": Needs({"delay": "float64"})})

    `adapt()` refuses definitions in which the contract of an upstream asset does not meet such a need. Where
    a need gives a lineage, the asset's metadata has it as ``dagster/column_lineage``.

    Args:
        asset: The consuming asset.
        needs: What it needs, by the key of the upstream asset: an ``AssetKey``, or text as ``a/b``.
        key: The consuming asset's key, where the definition makes several assets.

    Raises:
        dagster.DagsterInvalidDefinitionError: The definition makes several assets, or none of the key; the
            asset does not depend on an asset that it needs something of.
    """
    spec = _spec_of(asset, key, "with_needs()")
    upstream = {text_of(dep.asset_key) for dep in spec.deps}
    named = {name if isinstance(name, str) else text_of(name): needed for name, needed in needs.items()}
    for name in named:
        if name not in upstream:
            hint = did_you_mean(name, upstream, "it depends on") if upstream else "it depends on nothing"
            raise dg.DagsterInvalidDefinitionError(
                f"with_needs(): the asset `{text_of(spec.key)}` does not depend on `{name}`; {hint}"
            )
    before = needs_in(spec.metadata)
    together = {**before, **named}
    said = {name: needed.as_json() for name, needed in together.items()}
    added: dict[str, Any] = {NEEDS: dg.MetadataValue.json(said)}
    lineage = column_lineage({key_of(name): needed for name, needed in together.items()})
    if lineage and (before or COLUMN_LINEAGE not in spec.metadata):
        added[COLUMN_LINEAGE] = dg.MetadataValue.column_lineage(lineage)

    def needing(own: dg.AssetSpec) -> dg.AssetSpec:
        return own.replace_attributes(metadata={**own.metadata, **added})

    changed: Asset = _changed(asset, spec.key, needing)
    return changed


def _spec_of(asset: object, key: Key | None, where: str) -> dg.AssetSpec:
    if isinstance(asset, dg.AssetSpec):
        specs = {asset.key: asset}
    elif isinstance(asset, dg.AssetsDefinition):
        specs = {spec.key: spec for spec in asset.specs}
    else:
        raise TypeError(f"{where} takes an asset or an AssetSpec, not {type(asset).__name__}")
    made = ", ".join(f"`{text_of(one)}`" for one in sorted(specs))
    if key is None and len(specs) != 1:
        raise dg.DagsterInvalidDefinitionError(
            f"{where}: the definition makes {made or 'no asset'}; say which by `key=`"
        )
    wanted = next(iter(specs)) if key is None else dg.AssetKey.from_coercible(key)
    if wanted not in specs:
        raise dg.DagsterInvalidDefinitionError(
            f"{where}: the definition makes {made or 'no asset'}, and not `{text_of(wanted)}`"
        )
    return specs[wanted]


def _changed(asset: Any, key: dg.AssetKey, change: Callable[[dg.AssetSpec], dg.AssetSpec]) -> Any:
    if isinstance(asset, dg.AssetSpec):
        return change(asset)
    return asset.map_asset_specs(lambda spec: change(spec) if spec.key == key else spec)


def _compare_columns(spec: dg.AssetSpec, contract: DataContract) -> None:
    columns = columns_of(spec.metadata.get(COLUMN_SCHEMA))
    if columns is None:
        return
    for column in contract.terms.columns:
        free = column.pattern or column.is_level or not column.required
        if not free and column.name not in columns:
            raise dg.DagsterInvalidDefinitionError(
                f"with_contract(): the contract `{contract.terms}` demands the column `{column.name}`, and "
                f"the `{COLUMN_SCHEMA}` of the asset `{text_of(spec.key)}` has no such column; "
                f"{did_you_mean(column.name, list(columns), 'it has')}"
            )
