"""Usages say what was declared of the run."""

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade(op: Operations) -> None:
    """Add the column, empty in the rows that are there: nothing could be declared of single runs then."""
    op.add_column("usages", sa.Column("declared", sa.Text))
