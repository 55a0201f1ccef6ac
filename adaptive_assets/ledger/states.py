"""What is the case now: small states by key, and leases.  The only rows that are changed in place."""

from dataclasses import dataclass

from sqlalchemy import Connection, Table, select, update
from sqlalchemy.dialects import postgresql, sqlite

from adaptive_assets.ledger import tables
from adaptive_assets.ledger.texts import storable


@dataclass(frozen=True, slots=True)
class LeaseRow:
    """Who holds a lease, and how often it was renewed; ``holder`` is empty where it was let go."""

    holder: str
    renewals: int


def kept(connection: Connection, key: str) -> str | None:
    """The state under ``key``; ``None`` if there is none."""
    table = tables.states
    return connection.execute(select(table.c.value).where(table.c.key == key)).scalar()


def keep(connection: Connection, key: str, value: str, at: float) -> None:
    """Put ``value`` under ``key``, in place of what was there."""
    row = {"key": key, "value": storable(value), "at": at}
    add = (sqlite if connection.dialect.name == "sqlite" else postgresql).insert(tables.states).values(row)
    changed = {"value": add.excluded.value, "at": add.excluded.at}
    connection.execute(add.on_conflict_do_update(index_elements=["key"], set_=changed))


def lease(connection: Connection, name: str) -> LeaseRow | None:
    """The lease ``name`` as it is; ``None`` if nobody ever held it."""
    table = tables.leases
    row = connection.execute(select(table.c.holder, table.c.renewals).where(table.c.name == name)).first()
    return None if row is None else LeaseRow(row.holder, row.renewals)


def change_lease(connection: Connection, name: str, expected: LeaseRow | None, wanted: LeaseRow) -> bool:
    """Make it ``wanted`` if it still is as ``expected``; whether it was."""
    table = tables.leases
    values = {"holder": wanted.holder, "renewals": wanted.renewals}
    if expected is None:
        return _add_once(connection, table, {"name": name, **values})
    same = (table.c.holder == expected.holder) & (table.c.renewals == expected.renewals)
    return connection.execute(update(table).where(table.c.name == name, same).values(values)).rowcount == 1


def _add_once(connection: Connection, table: Table, row: dict[str, object]) -> bool:
    add = (sqlite if connection.dialect.name == "sqlite" else postgresql).insert(table).values(row)
    return connection.execute(add.on_conflict_do_nothing()).rowcount == 1
