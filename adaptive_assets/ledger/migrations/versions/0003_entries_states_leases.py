"""Rows say by which entry they were written, small states have a place, and so have leases."""

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade(op: Operations) -> None:
    """Add them; the rows that are there were written before entries had ids."""
    for table in ("cycles", "readings", "faults"):
        op.add_column(table, sa.Column("entry", sa.Text))
        op.create_index(f"{table}_by_entry", table, ["entry"], unique=True)
    op.create_table(
        "states",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("at", sa.Float(53), nullable=False),
    )
    op.create_table(
        "leases",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("renewals", sa.BigInteger, nullable=False),
    )
