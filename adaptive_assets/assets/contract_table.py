"""Contracts in Dagster's own metadata: the schema of an asset's table, and where its columns come from."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import dagster as dg

from adaptive_assets.assets.contract_needs import Needs
from adaptive_assets.assets.contract_terms import CheckTerm, ColumnTerms, ContractTerms

COLUMN_SCHEMA: Final = "dagster/column_schema"
COLUMN_LINEAGE: Final = "dagster/column_lineage"


def table_schema(terms: ContractTerms) -> dg.TableSchema:
    """The columns of a contract with their types, descriptions and constraints."""
    of_table = [*map(_told, terms.checks), *_shape(terms)]
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=column.name,
                type=column.type or "any",
                description=column.description or None,
                constraints=dg.TableColumnConstraints(
                    nullable=column.nullable, unique=column.unique, other=list(_constraints(column))
                ),
            )
            for column in terms.columns
        ],
        constraints=dg.TableConstraints(other=of_table) if of_table else None,
    )


def column_lineage(needs: Mapping[dg.AssetKey, Needs]) -> dg.TableColumnLineage | None:
    """The columns that an asset's own are made of, over all upstream assets; ``None`` if nothing says it."""
    made_of: dict[str, list[dg.TableColumnDep]] = {}
    for key, needed in needs.items():
        for own, columns in needed.lineage.items():
            made_of.setdefault(own, []).extend(
                dg.TableColumnDep(asset_key=key, column_name=column) for column in columns
            )
    return dg.TableColumnLineage(made_of) if made_of else None


def _constraints(column: ColumnTerms) -> Iterator[str]:
    yield from map(_told, column.checks)
    if not column.required:
        yield "may be absent"
    if column.pattern:
        yield "every column whose name matches"


def _shape(terms: ContractTerms) -> Iterator[str]:
    if terms.unique:
        yield f"unique: {', '.join(terms.unique)}"
    if terms.strict:
        yield "no other columns"
    if terms.ordered:
        yield "columns in this order"


def _told(check: CheckTerm) -> str:
    return f"{check} (warning)" if check.warns else str(check)


def columns_of(schema: Any) -> Iterable[str] | None:
    """The names of the columns of a schema in an asset's metadata; ``None`` for what is no schema."""
    value = getattr(schema, "schema", schema)
    return [column.name for column in value.columns] if isinstance(value, dg.TableSchema) else None
