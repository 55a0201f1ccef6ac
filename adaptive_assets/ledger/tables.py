"""The tables of the ledger.  Rows are only ever added; retention alone takes them away.

The exceptions are ``states`` and ``leases``, which say what is the case now, and ``run_requests``, whose rows
say how far each request has come.  An ``entry`` is the id that
a writer gave to what it wrote, so that an attempt whose answer was lost can be repeated without harm.

Times are POSIX seconds.  Structured values are JSON text, snapshots compressed JSON.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.types import TypeEngine

metadata = MetaData()

RowId: TypeEngine[int] = BigInteger().with_variant(Integer, "sqlite")


def _id() -> Column[int]:
    return Column("id", RowId, primary_key=True, autoincrement=True)


revisions = Table(
    "revisions",
    metadata,
    Column("revision", Text, primary_key=True),
    Column("at", Float(53), nullable=False),
    Column("content", Text, nullable=False),
)
"""The content of every policy book that was ever in force."""

activations = Table(
    "activations",
    metadata,
    _id(),
    Column("at", Float(53), nullable=False),
    Column("revision", Text, ForeignKey("revisions.revision"), nullable=False),
    Column("source", Text, nullable=False),
    UniqueConstraint("at", "revision", "source", name="activations_once"),
    sqlite_autoincrement=True,
)
"""When a policy book came into force, and from where."""

catalogues = Table(
    "catalogues",
    metadata,
    _id(),
    Column("at", Float(53), nullable=False),
    Column("location", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("body", Text, nullable=False),
    Index("catalogues_by_location", "location", "id"),
    sqlite_autoincrement=True,
)
"""What each code location said of its assets and jobs; the newest row of a location holds."""

works = Table(
    "works",
    metadata,
    Column("work_key", Text, primary_key=True),
    Column("work", Text, nullable=False),
)
"""The kinds of work that decisions and usages speak of by key."""

cycles = Table(
    "cycles",
    metadata,
    _id(),
    Column("at", Float(53), nullable=False),
    Column("node", Text, nullable=False),
    Column("revision", Text, nullable=False),
    Column("checkpoint_id", RowId, ForeignKey("cycles.id")),
    Column("queued", Integer, nullable=False),
    Column("active", Integer, nullable=False),
    Column("waiting", Integer, nullable=False),
    Column("snapshot", LargeBinary, nullable=False),
    Column("entry", Text),
    Column("planner_version", Text),
    Column("digest", Text),
    Column("left_out", Text),
    Index("cycles_by_entry", "entry", unique=True),
    Index("cycles_by_checkpoint", "checkpoint_id", "id"),
    Index("cycles_by_time", "at"),
    sqlite_autoincrement=True,
)
"""One row a cycle.  Without ``checkpoint_id`` the snapshot is whole; with it, it is what changed since the
cycle before it of the same checkpoint.  ``waiting`` counts the queued runs that the cycle did not let go.
``planner_version`` is that of this package, ``digest`` that of the plan, and ``left_out`` a JSON list of what
could not be planned for; each is null where it is not known, or there is none."""

arrivals = Table(
    "arrivals",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("work_key", Text, primary_key=True),
    Column("cycle_id", RowId, nullable=False),
    Column("submitted_at", Float(53), nullable=False),
)
"""The cycle that first saw a run queued as work of this kind, whose deferrals hold for it from then on."""

decisions = Table(
    "decisions",
    metadata,
    _id(),
    Column("cycle_id", RowId, nullable=False),
    Column("at", Float(53), nullable=False),
    Column("node", Text, nullable=False),
    Column("revision", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("run_id", Text),
    Column("work_key", Text, ForeignKey("works.work_key"), nullable=False),
    Column("tier", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("parameters", Text, nullable=False),
    Column("reasons", Text, nullable=False),
    Column("runs", Integer, nullable=False),
    Column("run_ids", Text, nullable=False),
    Index("decisions_by_run", "run_id"),
    Index("decisions_by_work", "work_key", "cycle_id"),
    Index("decisions_by_time", "at"),
    sqlite_autoincrement=True,
)
"""What changed in what becomes of runs: one row for each run that was let go or failed, and one, without
``run_id``, for a kind of work that waits.  Decisions may outlive the snapshot of their cycle."""

readings = Table(
    "readings",
    metadata,
    _id(),
    Column("at", Float(53), nullable=False),
    Column("node", Text, nullable=False),
    Column("reading", Text, nullable=False),
    Column("entry", Text),
    Index("readings_by_entry", "entry", unique=True),
    Index("readings_by_time", "at"),
    sqlite_autoincrement=True,
)
"""Samples of the nodes; the newest one of a node is its heartbeat."""

usages = Table(
    "usages",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("work_key", Text, nullable=False),
    Column("policy", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("node", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("submitted_at", Float(53), nullable=False),
    Column("launched_at", Float(53)),
    Column("started_at", Float(53)),
    Column("ended_at", Float(53), nullable=False),
    Column("cpu_seconds", Float(53)),
    Column("memory_peak", BigInteger),
    Column("io_read", BigInteger),
    Column("io_write", BigInteger),
    Column("input_size", Float(53)),
    Column("root_run_id", Text),
    Column("out_of_memory", Text),
    Column("declared", Text),
    Index("usages_by_policy", "policy", "ended_at"),
    Index("usages_by_time", "ended_at"),
    Index("usages_by_root", "root_run_id"),
)
"""What each run that ended took of the machine; the fields of ``RunUsageRow``, the last two as JSON."""

faults = Table(
    "faults",
    metadata,
    _id(),
    Column("at", Float(53), nullable=False),
    Column("node", Text, nullable=False),
    Column("part", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("entry", Text),
    Index("faults_by_entry", "entry", unique=True),
    Index("faults_by_time", "at"),
    sqlite_autoincrement=True,
)
"""What went wrong in a part of the coordinator: a refused policy file, a cycle that failed."""

states = Table(
    "states",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Column("at", Float(53), nullable=False),
)
"""Small things that a process must find again after a restart, such as how far it has read."""

leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("renewals", BigInteger, nullable=False),
)
"""Who may do what only one may do.  A holder that goes on counts up ``renewals``; an empty one has let go."""

run_requests = Table(
    "run_requests",
    metadata,
    Column("key", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("asset", Text, nullable=False),
    Column("partition", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("at", Float(53), nullable=False),
    Column("state", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("run_id", Text),
    Column("said", Text, nullable=False),
    Column("changed_at", Float(53), nullable=False),
    Index("run_requests_by_state", "state", "at"),
    Index("run_requests_by_subject", "asset", "partition"),
)
"""What the coordinator requests of Dagster: runs and events.  The key is that of what is asked for, so that
it is asked for once; ``state``, ``attempt``, ``run_id`` and ``said`` are changed in place."""
