"""The ledger: what happened, and why.  Rows are added, never changed."""

import re
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from adaptive_assets.ledger import in_force, queries, retention, states, writes
from adaptive_assets.ledger.database import Database
from adaptive_assets.ledger.errors import LedgerError
from adaptive_assets.ledger.location import Location
from adaptive_assets.ledger.rows import DecisionRow, LedgerStatus, RunUsageRow
from adaptive_assets.ledger.snapshots import SnapshotChain
from adaptive_assets.planning.snapshot import MachineReading, Snapshot, Work
from adaptive_assets.planning.verdicts import AnyDecision

__all__ = ["Ledger"]


class Ledger:
    """The append-only record of a deployment: policy, snapshots, decisions, usage, readings, faults.

    Every method may raise :class:`LedgerError`.  One process writes cycles; any number may write the rest and
    read.  Threads may share a ledger; a forked process must open its own.  Times are POSIX seconds.
    """

    def __init__(self, location: Location, schema: str) -> None:
        self._location = location
        self._database = Database(location, schema)
        self._chains: dict[str, SnapshotChain] = {}
        self._recording = threading.Lock()

    @classmethod
    def open(cls, url: str, *, schema: str = "adaptive_assets") -> "Ledger":
        """The ledger at ``url``: a SQLite file, or ``schema`` in a PostgreSQL database.

        Nothing is connected to before the first use, which also creates or migrates the tables.
        """
        if not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", schema):
            raise LedgerError(
                f"`{schema}` cannot name the ledger's schema: use small letters, digits and `_`"
            )
        return cls(Location.parse(url), schema)

    @property
    def safe_url(self) -> str:
        """The URL with its secrets masked, fit for logs and pages."""
        return self._location.safe_url

    def record_revision(self, *, at: float, revision: str, source: str, content: Mapping[str, Any]) -> None:
        """A policy book came into force at ``at``, read from ``source``; its ``content`` is kept once."""

        def write(connection: Connection) -> None:
            writes.add_revision(connection, at=at, revision=revision, source=source, content=content)

        self._database.write("record a policy revision", write)

    def record_catalogue(self, *, at: float, location: str, digest: str, body: str) -> None:
        """What a code location holds; nothing is written if it said the same last."""

        def write(connection: Connection) -> None:
            writes.add_catalogue(connection, at=at, location=location, digest=digest, body=body)

        operation = f"record the catalogue of `{location}`"
        if self._database.read(operation, lambda c: writes.newest_digest(c, location)) != digest:
            self._database.write(operation, write)

    def record_cycle(
        self, *, at: float, node: str, revision: str, snapshot: Snapshot, decisions: Sequence[AnyDecision]
    ) -> dict[str, int]:
        """One cycle, in one transaction: the snapshot, and the decisions that differ from those before.

        Of a kind of work that waits for more than one thing, all deferrals are to be given when one of them
        changes: those given last are taken to be in force.  Returns the decision id of each run that was let
        go or failed.
        """
        operation = "record a cycle"
        stamp = writes.Stamp(at=at, node=node, revision=revision)
        with self._recording:
            # Put back only once stored: after a failure nobody knows what was, and a new chain starts whole.
            chain = self._chains.pop(node, None) or SnapshotChain()
            draft = self._database.attempt(operation, lambda: chain.draft(snapshot))
            cycle_id, ids = self._database.write(
                operation, lambda c: writes.add_cycle(c, stamp, draft, decisions)
            )
            chain.stored(draft, cycle_id)
            self._chains[node] = chain
        return ids

    def record_reading(self, *, at: float, node: str, reading: MachineReading) -> None:
        """A sample of ``node``, which is also the sign that it is alive."""
        self._database.write("record a reading", lambda c: writes.add_reading(c, at, node, reading))

    def record_usage(self, *, usages: Sequence[RunUsageRow]) -> None:
        """What runs that ended took; a run that has its row already keeps it."""
        self._database.write("record the usage of runs", lambda c: writes.add_usages(c, usages))

    def record_fault(self, *, at: float, node: str, part: str, message: str) -> None:
        """Something failed in ``part``; the secrets of the ledger's own URL are masked in ``message``."""
        masked = self._location.mask(message)
        self._database.write("record a fault", lambda c: writes.add_fault(c, at, node, part, masked))

    def catalogues(self) -> dict[str, str]:
        """The newest body of each code location."""
        return self._database.read("read the catalogues", in_force.catalogues)

    def catalogue_digests(self) -> dict[str, str]:
        """The digest of the newest catalogue of each code location."""
        return self._database.read("read the catalogues", in_force.catalogue_digests)

    def active_policy_book(self) -> str | None:
        """The content, as JSON, of the policy book that was last in force; ``None`` if none ever was."""
        return self._database.read("read the policy book", in_force.policy_book)

    def decisions_for_run(self, run_id: str, kind: str | None = None) -> list[DecisionRow]:
        """The decisions on a run, the oldest first: its own, and those on its kind of work while it waited.

        ``kind`` is its :func:`~adaptive_assets.planning.work_key.work_key`, of use for a run that no recorded
        cycle has seen yet: then the latest deferral of that kind is given.
        """
        return self._database.read(
            "read the decisions on a run", lambda c: queries.decisions_for_run(c, run_id, kind)
        )

    def recent_decisions(self, limit: int = 50) -> list[DecisionRow]:
        """The last ``limit`` decisions, the newest first."""
        return self._database.read("read the decisions", lambda c: queries.recent_decisions(c, limit))

    def latest_status(self, *, now: float | None = None, minutes: float = 15.0) -> LedgerStatus:
        """The last cycle, reading and activation, and the faults of the last ``minutes``.

        Time is counted back from ``now``, or without it from the newest rows, be they ever so old.
        """
        return self._database.read("read the status", lambda c: queries.status(c, now, minutes))

    def snapshot(self, cycle_id: int) -> Snapshot:
        """The snapshot of a cycle, equal to the one that was recorded."""
        return self._database.read("read a snapshot", lambda c: queries.snapshot(c, cycle_id))

    def usages(
        self, *, policy: str | None = None, since: float | None = None, limit: int | None = None
    ) -> list[RunUsageRow]:
        """Usages in the order in which the runs ended: of a policy, from ``since`` on, the last ``limit``."""
        return self._database.read(
            "read the usage of runs", lambda c: queries.usages(c, policy, since, limit)
        )

    def out_of_memory(self, root_run_id: str) -> list[RunUsageRow]:
        """The usages of those runs that were killed for want of memory, in the order of their ends.

        Of ``root_run_id`` and of the runs that repeat it.
        """
        return self._database.read("read the usage of runs", lambda c: queries.out_of_memory(c, root_run_id))

    def works(self) -> dict[str, Work]:
        """The kinds of work that decisions and usages speak of, by key."""
        return self._database.read("read the kinds of work", queries.works)

    def kept(self, key: str) -> str | None:
        """The small state that was kept under ``key``; ``None`` if there is none."""
        return self._database.read("read a state", lambda c: states.kept(c, key))

    def keep(self, key: str, value: str) -> None:
        """Keep ``value`` under ``key``, in place of what was kept there."""
        self._database.write("keep a state", lambda c: states.keep(c, key, value, time.time()))

    def prune(self, *, before: float) -> int:
        """Forget what is older than ``before``; the number of rows deleted.

        Kept whatever its age: what the newest cycles and the runs that are still in them need, the newest
        catalogue of each location, and the content of every revision.
        """
        return retention.prune(self._database, before)

    def dispose(self) -> None:
        """Close the connections; a later use opens new ones."""
        self._database.dispose()
