"""Alembic's entry: runs the steps on the connection, and in the transaction, that ``migrate`` hands over."""

from alembic import context

from adaptive_assets.ledger.migrating import VERSION_TABLE

attributes = context.config.attributes
context.configure(
    connection=attributes["connection"],
    version_table=VERSION_TABLE,
    version_table_schema=attributes["schema"],
    transactional_ddl=True,
)
context.run_migrations()
