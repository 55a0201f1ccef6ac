"""What is in force: the last policy book, and what each code location last said of itself."""

from typing import Any

from sqlalchemy import Connection, Select, func, select

from adaptive_assets.ledger import tables


def catalogues(connection: Connection) -> dict[str, str]:
    """The newest body of each code location."""
    table = tables.catalogues
    query = select(table.c.location, table.c.body).where(table.c.id.in_(newest_catalogues()))
    return {row.location: row.body for row in connection.execute(query)}


def catalogue_digests(connection: Connection) -> dict[str, str]:
    """The digest of the newest catalogue of each code location."""
    table = tables.catalogues
    query = select(table.c.location, table.c.digest).where(table.c.id.in_(newest_catalogues()))
    return {row.location: row.digest for row in connection.execute(query)}


def newest_catalogues() -> Select[Any]:
    """The id of the newest catalogue of each code location."""
    table = tables.catalogues
    return select(func.max(table.c.id)).group_by(table.c.location)


def policy_book(connection: Connection) -> str | None:
    """The content, as JSON, of the policy book of the last activation; ``None`` before the first."""
    revisions, activations = tables.revisions, tables.activations
    return connection.execute(
        select(revisions.c.content)
        .join(activations, activations.c.revision == revisions.c.revision)
        .order_by(activations.c.id.desc())
        .limit(1)
    ).scalar_one_or_none()


def revision(connection: Connection, revision: str) -> str | None:
    """The content, as JSON, of the policy book of a revision."""
    content = tables.revisions.c.content
    return connection.execute(select(content).where(tables.revisions.c.revision == revision)).scalar()
