"""The ledger: what happened, and why.  Rows are added, never changed."""

import math
import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection

from adaptive_assets.ledger import (
    entries,
    in_force,
    last_told,
    queries,
    recorded_cycles,
    retention,
    states,
    writes,
)
from adaptive_assets.ledger.database import Database
from adaptive_assets.ledger.entries import UNKNOWN, Entry, EntryKind, Planned, Stamp
from adaptive_assets.ledger.errors import LostCheckpointError
from adaptive_assets.ledger.location import Location
from adaptive_assets.ledger.recorded_cycles import RecordedCycle
from adaptive_assets.ledger.rows import DecisionRow, LedgerStatus, RunUsageRow, Stances
from adaptive_assets.ledger.run_requests import RunRequestTable
from adaptive_assets.ledger.snapshots import SnapshotChain
from adaptive_assets.ledger.states import LeaseRow
from adaptive_assets.planning.decisions import AnyDecision
from adaptive_assets.planning.snapshot import MachineReading, Snapshot, Work
from adaptive_assets.planning.told_decision import ToldDecision

_NAMES: Final = {
    EntryKind.REVISION: "a policy revision",
    EntryKind.CYCLE: "a cycle",
    EntryKind.USAGES: "the usage of runs",
    EntryKind.READING: "a reading",
    EntryKind.FAULT: "a fault",
}


class Ledger:
    """The append-only record of a deployment: policy, snapshots, decisions, usage, readings, faults.

    Every method may raise :class:`LedgerError`.  One process writes cycles; any number may write the rest and
    read.  Threads may share a ledger; a forked process must open its own.  Times are POSIX seconds.
    """

    def __init__(self, location: Location, database: Database) -> None:
        self._location = location
        self._database = database
        self._chains: dict[str, SnapshotChain] = {}
        self._recording = threading.Lock()
        self.run_requests = RunRequestTable(database)
        """What is requested of Dagster, and how far it has come."""

    @classmethod
    def open(
        cls, url: str, *, schema: str = "adaptive_assets", back_off: bool = False, existing: bool = False
    ) -> "Ledger":
        """The ledger at ``url``: a SQLite file, or ``schema`` in a PostgreSQL database.

        Nothing is connected to before the first use, which also creates or migrates the tables.  With
        ``back_off`` a call that has failed is not tried again for up to fifteen seconds; until then others of
        its kind raise the same at once.  With ``existing`` no tables are made where there is no ledger.
        """
        location = Location.parse(url)
        return cls(location, Database(location, schema, back_off=back_off, existing=existing))

    @property
    def safe_url(self) -> str:
        """The URL with its secrets masked, fit for logs and pages."""
        return self._location.safe_url

    @property
    def file(self) -> Path | None:
        """The SQLite file; ``None`` on PostgreSQL."""
        return self._location.file

    def look(self) -> None:
        """See whether the SQLite file is still the same one; :meth:`notices` says so if it is not."""
        self._database.look()

    @property
    def made_anew(self) -> int:
        """How often the SQLite file was found to be gone or replaced, and another one was begun."""
        return self._database.made_anew

    def notices(self) -> list[str]:
        """What was found of the ledger itself since somebody asked: a file that was replaced or deleted."""
        found = []
        while self._database.notices:
            found.append(self._database.notices.popleft())
        return found

    def mask(self, message: str) -> str:
        """``message`` without the secrets of the ledger's own URL."""
        return self._location.mask(message)

    def write(self, entry: Entry) -> dict[str, int]:
        """Write an entry, once however often it is tried; the ids of its decisions, by run.

        Raises :class:`LostCheckpointError` for a cycle that builds upon one that is not there.
        """
        name = _NAMES.get(entry.kind, "an entry of an unknown kind")
        return self._database.write(f"record {name}", lambda c: writes.add(c, entry))

    def probe(self) -> None:
        """See whether the ledger can be written, by writing a small state; in about a second."""
        now = time.time()
        self._database.probe("write", lambda c: states.keep(c, "probe", str(now), now))

    def record_revision(self, *, at: float, revision: str, source: str, content: Mapping[str, Any]) -> None:
        """A policy book came into force at ``at``, read from ``source``; its ``content`` is kept once."""
        self.write(entries.revision(at=at, revision=revision, source=source, content=content))

    def record_catalogue(self, *, at: float, location: str, digest: str, body: str) -> None:
        """What a code location holds; nothing is written if it said the same last."""

        def write(connection: Connection) -> None:
            writes.add_catalogue(connection, at=at, location=location, digest=digest, body=body)

        operation = f"record the catalogue of `{location}`"
        if self._database.read(operation, lambda c: writes.newest_digest(c, location)) != digest:
            self._database.write(operation, write)

    def record_cycle(
        self,
        *,
        at: float,
        node: str,
        revision: str,
        snapshot: Snapshot,
        decisions: Sequence[AnyDecision],
        planned: Planned = UNKNOWN,
    ) -> dict[str, int]:
        """One cycle, in one transaction: the snapshot, and the decisions that differ from those before.

        Of a kind of work that waits for more than one thing, all deferrals are to be given when one of them
        changes: those given last are taken to be in force.  Returns the decision id of each run that was let
        go or failed.
        """
        stamp = Stamp(at=at, node=node, revision=revision)
        with self._recording:
            # Put back only once stored: after a failure nobody knows what was, and a new chain starts whole.
            chain = self._chains.pop(node, None) or SnapshotChain()
            try:
                ids = self._record(stamp, chain, snapshot, decisions, planned)
            except LostCheckpointError:
                chain = SnapshotChain()
                ids = self._record(stamp, chain, snapshot, decisions, planned)
            self._chains[node] = chain
        return ids

    def _record(
        self,
        stamp: Stamp,
        chain: SnapshotChain,
        snapshot: Snapshot,
        decisions: Sequence[AnyDecision],
        planned: Planned,
    ) -> dict[str, int]:
        draft = self._database.attempt("record a cycle", lambda: chain.draft(snapshot))
        entry = self._database.attempt(
            "record a cycle", lambda: entries.cycle(entries.new_id(), stamp, draft, decisions, planned)
        )
        ids = self.write(entry)
        chain.stored(draft, entry.id)
        return ids

    def record_reading(self, *, at: float, node: str, reading: MachineReading) -> None:
        """A sample of ``node``, which is also the sign that it is alive."""
        self.write(entries.reading(at, node, reading))

    def record_usage(self, *, usages: Sequence[RunUsageRow]) -> None:
        """What runs that ended took; a run that has its row already keeps it."""
        self.write(entries.usages(usages))

    def record_fault(self, *, at: float, node: str, part: str, message: str) -> None:
        """Something failed in ``part``; the secrets of the ledger's own URL are masked in ``message``."""
        self.write(entries.fault(at, node, part, self.mask(message)))

    def catalogues(self) -> dict[str, str]:
        """The newest body of each code location."""
        return self._database.read("read the catalogues", in_force.catalogues)

    def catalogue_digests(self) -> dict[str, str]:
        """The digest of the newest catalogue of each code location."""
        return self._database.read("read the catalogues", in_force.catalogue_digests)

    def active_policy_book(self) -> str | None:
        """The content, as JSON, of the policy book that was last in force; ``None`` if none ever was."""
        return self._database.read("read the policy book", in_force.policy_book)

    def policy_book(self, revision: str) -> str | None:
        """The content, as JSON, of a revision of the policy book; ``None`` if it never was in force."""
        return self._database.read("read the policy book", lambda c: in_force.revision(c, revision))

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
        return self._database.read(
            "read the decisions", lambda c: queries.recent_decisions(c, limit), slow=True
        )

    def latest_status(self, *, now: float | None = None, minutes: float = 15.0) -> LedgerStatus:
        """The last cycle, reading and activation, and the faults of the last ``minutes``.

        Time is counted back from ``now``, or without it from the newest rows, be they ever so old.
        """
        return self._database.read("read the status", lambda c: queries.status(c, now, minutes))

    def snapshot(self, cycle_id: int) -> Snapshot:
        """The snapshot of a cycle, equal to the one that was recorded."""
        return self._database.read("read a snapshot", lambda c: queries.snapshot(c, cycle_id), slow=True)

    def recorded_cycles(
        self, *, since: float = -math.inf, until: float = math.inf
    ) -> Iterator[RecordedCycle]:
        """The cycles from ``since`` to ``until``, chain by chain: no more than one chain is in memory."""
        spans = self._database.read(
            "read the cycles", lambda c: recorded_cycles.chains(c, since, until), slow=True
        )
        for span in spans:
            rows, decisions = self._database.read(
                "read the snapshots", partial(recorded_cycles.chain, span=span), slow=True
            )
            yield from recorded_cycles.cycles_of(rows, decisions, since, until)

    def told_before(self, cycle_id: int, keys: Collection[str]) -> list[ToldDecision]:
        """What was told last before a cycle, of each of ``keys``: the keys of the planner's transitions."""
        return self._database.read(
            "read the decisions", lambda c: recorded_cycles.told_before(c, cycle_id, keys), slow=True
        )

    def usages(
        self, *, policy: str | None = None, since: float | None = None, limit: int | None = None
    ) -> list[RunUsageRow]:
        """Usages in the order in which the runs ended: of a policy, from ``since`` on, the last ``limit``."""
        return self._database.read(
            "read the usage of runs", lambda c: queries.usages(c, policy, since, limit), slow=True
        )

    def out_of_memory(self, root_run_id: str) -> list[RunUsageRow]:
        """The usages of those runs that were killed for want of memory, in the order of their ends.

        Of ``root_run_id`` and of the runs that repeat it.
        """
        return self._database.read("read the usage of runs", lambda c: queries.out_of_memory(c, root_run_id))

    def readings(self, since: float, until: float) -> list[MachineReading]:
        """The samples that were recorded from ``since`` to ``until``, of all nodes, the oldest first."""
        return self._database.read("read readings", lambda c: queries.readings(c, since, until), slow=True)

    def works(self) -> dict[str, Work]:
        """The kinds of work that decisions and usages speak of, by key."""
        return self._database.read("read the kinds of work", queries.works, slow=True)

    def kept(self, key: str) -> str | None:
        """The small state that was kept under ``key``; ``None`` if there is none."""
        return self._database.read("read a state", lambda c: states.kept(c, key))

    def keep(self, key: str, value: str) -> None:
        """Keep ``value`` under ``key``, in place of what was kept there."""
        self._database.write("keep a state", lambda c: states.keep(c, key, value, time.time()))

    def lease(self, name: str) -> LeaseRow | None:
        """The lease ``name`` as it is; ``None`` if nobody ever held it."""
        return self._database.read("read a lease", lambda c: states.lease(c, name))

    def change_lease(self, name: str, expected: LeaseRow | None, wanted: LeaseRow) -> bool:
        """Make the lease ``name`` what is ``wanted`` if it still is as ``expected``; whether it was."""
        return self._database.write(
            "change a lease", lambda c: states.change_lease(c, name, expected, wanted)
        )

    def stances(self, run_ids: Sequence[str], kinds: Sequence[str]) -> Stances:
        """What was decided last of each run, and what each kind of work was last told to wait for."""
        return self._database.read("read the decisions", lambda c: last_told.stances(c, run_ids, kinds))

    def prune(self, *, before: float) -> int:
        """Forget what is older than ``before``; the number of rows deleted.

        Kept whatever its age: what the newest cycles and the runs that are still in them need, the newest
        catalogue of each location, and the content of every revision.
        """
        return retention.prune(self._database, before)

    def dispose(self) -> None:
        """Close the connections; a later use opens new ones."""
        self._database.dispose()
