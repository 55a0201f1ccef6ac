"""Usages say which run theirs repeats, and on what evidence it was killed for want of memory."""

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade(op: Operations) -> None:
    """Add both columns, empty in the rows that are there: nobody looked for it then."""
    op.add_column("usages", sa.Column("root_run_id", sa.Text))
    op.add_column("usages", sa.Column("out_of_memory", sa.Text))
    op.create_index("usages_by_root", "usages", ["root_run_id"])
