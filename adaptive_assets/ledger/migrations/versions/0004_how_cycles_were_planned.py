"""Cycles say which version planned them, what the digest of the plan is, and what was left out of it."""

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade(op: Operations) -> None:
    """Add the columns, empty in the rows that are there: it was not recorded then."""
    for column in ("planner_version", "digest", "left_out"):
        op.add_column("cycles", sa.Column(column, sa.Text))
