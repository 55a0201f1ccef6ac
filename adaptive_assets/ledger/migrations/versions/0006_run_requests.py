"""What the coordinator requests of Dagster has a place."""

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade(op: Operations) -> None:
    """Add the table."""
    op.create_table(
        "run_requests",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("asset", sa.Text, nullable=False),
        sa.Column("partition", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("at", sa.Float(53), nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("run_id", sa.Text),
        sa.Column("said", sa.Text, nullable=False),
        sa.Column("changed_at", sa.Float(53), nullable=False),
    )
    op.create_index("run_requests_by_state", "run_requests", ["state", "at"])
    op.create_index("run_requests_by_subject", "run_requests", ["asset", "partition"])
