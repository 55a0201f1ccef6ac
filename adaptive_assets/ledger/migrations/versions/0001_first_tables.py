"""The first tables: policy revisions, catalogues, cycles, decisions, readings, usages and faults."""

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

row_id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
time = sa.Float(53)


def upgrade(op: Operations) -> None:
    """Create them, in the schema that is first on the search path."""
    op.create_table(
        "revisions",
        sa.Column("revision", sa.Text, primary_key=True),
        sa.Column("at", time, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
    )
    op.create_table(
        "activations",
        sa.Column("id", row_id, primary_key=True, autoincrement=True),
        sa.Column("at", time, nullable=False),
        sa.Column("revision", sa.Text, sa.ForeignKey("revisions.revision"), nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.UniqueConstraint("at", "revision", "source", name="activations_once"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "catalogues",
        sa.Column("id", row_id, primary_key=True, autoincrement=True),
        sa.Column("at", time, nullable=False),
        sa.Column("location", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("catalogues_by_location", "catalogues", ["location", "id"])
    op.create_table(
        "works",
        sa.Column("work_key", sa.Text, primary_key=True),
        sa.Column("work", sa.Text, nullable=False),
    )
    op.create_table(
        "cycles",
        sa.Column("id", row_id, primary_key=True, autoincrement=True),
        sa.Column("at", time, nullable=False),
        sa.Column("node", sa.Text, nullable=False),
        sa.Column("revision", sa.Text, nullable=False),
        sa.Column("checkpoint_id", row_id, sa.ForeignKey("cycles.id")),
        sa.Column("queued", sa.Integer, nullable=False),
        sa.Column("active", sa.Integer, nullable=False),
        sa.Column("waiting", sa.Integer, nullable=False),
        sa.Column("snapshot", sa.LargeBinary, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("cycles_by_checkpoint", "cycles", ["checkpoint_id", "id"])
    op.create_index("cycles_by_time", "cycles", ["at"])
    op.create_table(
        "arrivals",
        sa.Column("run_id", sa.Text, primary_key=True),
        sa.Column("work_key", sa.Text, primary_key=True),
        sa.Column("cycle_id", row_id, nullable=False),
        sa.Column("submitted_at", time, nullable=False),
    )
    op.create_table(
        "decisions",
        sa.Column("id", row_id, primary_key=True, autoincrement=True),
        sa.Column("cycle_id", row_id, nullable=False),
        sa.Column("at", time, nullable=False),
        sa.Column("node", sa.Text, nullable=False),
        sa.Column("revision", sa.Text, nullable=False),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("run_id", sa.Text),
        sa.Column("work_key", sa.Text, sa.ForeignKey("works.work_key"), nullable=False),
        sa.Column("tier", sa.Text, nullable=False),
        sa.Column("mode", sa.Text, nullable=False),
        sa.Column("parameters", sa.Text, nullable=False),
        sa.Column("reasons", sa.Text, nullable=False),
        sa.Column("runs", sa.Integer, nullable=False),
        sa.Column("run_ids", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("decisions_by_run", "decisions", ["run_id"])
    op.create_index("decisions_by_work", "decisions", ["work_key", "cycle_id"])
    op.create_index("decisions_by_time", "decisions", ["at"])
    op.create_table(
        "readings",
        sa.Column("id", row_id, primary_key=True, autoincrement=True),
        sa.Column("at", time, nullable=False),
        sa.Column("node", sa.Text, nullable=False),
        sa.Column("reading", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("readings_by_time", "readings", ["at"])
    op.create_table(
        "usages",
        sa.Column("run_id", sa.Text, primary_key=True),
        sa.Column("work_key", sa.Text, nullable=False),
        sa.Column("policy", sa.Text, nullable=False),
        sa.Column("mode", sa.Text, nullable=False),
        sa.Column("node", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("submitted_at", time, nullable=False),
        sa.Column("launched_at", time),
        sa.Column("started_at", time),
        sa.Column("ended_at", time, nullable=False),
        sa.Column("cpu_seconds", time),
        sa.Column("memory_peak", sa.BigInteger),
        sa.Column("io_read", sa.BigInteger),
        sa.Column("io_write", sa.BigInteger),
        sa.Column("input_size", time),
    )
    op.create_index("usages_by_policy", "usages", ["policy", "ended_at"])
    op.create_index("usages_by_time", "usages", ["ended_at"])
    op.create_table(
        "faults",
        sa.Column("id", row_id, primary_key=True, autoincrement=True),
        sa.Column("at", time, nullable=False),
        sa.Column("node", sa.Text, nullable=False),
        sa.Column("part", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("faults_by_time", "faults", ["at"])
