"""Writes to the ledger at once or, while it cannot be written, when it can again: in order, and once."""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from adaptive_assets.ledger import entries
from adaptive_assets.ledger.entries import UNKNOWN, Entry, Planned, Stamp
from adaptive_assets.ledger.errors import LedgerAwayError, LedgerError, LostCheckpointError
from adaptive_assets.ledger.outbox import Outbox
from adaptive_assets.ledger.snapshots import Draft, SnapshotChain
from adaptive_assets.ledger.store import Ledger
from adaptive_assets.planning.decisions import AnyDecision
from adaptive_assets.planning.snapshot import Snapshot

DRAINING_S: Final = 1.0
"""How long a cycle may spend on what waits."""
TRIES: Final = 5
"""How often an entry is tried that the ledger refuses, while it takes others."""


class LedgerWriter:
    """The one writer of a process; used by one thread.  What is given to it is in the ledger or kept."""

    def __init__(
        self, ledger: Ledger, outbox: Outbox, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._ledger = ledger
        self._outbox = outbox
        self._clock = clock
        self._chain = SnapshotChain()
        self._builds_on_kept = False
        self._error = ""
        self._refused: tuple[str, int] = ("", 0)
        self._notices: list[str] = []
        self._told_dropped = 0

    @property
    def waiting(self) -> int:
        """How many entries wait."""
        return len(self._outbox)

    @property
    def trouble(self) -> str | None:
        """Why the ledger cannot be written, and what becomes of what it misses; ``None`` when it can."""
        if not self._error:
            return None
        if self._outbox.disk_error:
            kept = f"is kept in memory, because it cannot be kept on disk: {self._outbox.disk_error}"
        else:
            kept = "is kept, and written when that is possible"
        lost = ". There is no more room for it: what comes now is lost" if self._outbox.dropped else ""
        return f"{self._error}. What is to be written {kept}{lost}."

    def notices(self) -> tuple[str, ...]:
        """What is to be told once: a file that was replaced, what was lost."""
        found = (*self._ledger.notices(), *self._notices)
        self._notices.clear()
        return found

    def begin(self) -> None:
        """Write what waits, for a second at most: to be called once in a cycle.

        While the ledger fails this is a look now and then, and otherwise free.
        """
        if not self._error and not len(self._outbox):
            return
        try:
            self._ledger.probe()
            self._drain()
        except LedgerError as error:
            self._failed(error)
        else:
            self._error = ""
            self._tell_dropped()

    def take_over(self) -> None:
        """Take what processes that are gone could not write."""
        self._outbox.take_over()

    def kept(self) -> Iterable[Entry]:
        """The entries that wait, in order."""
        return self._outbox.entries()

    def write(self, entry: Entry) -> dict[str, int]:
        """Write ``entry``, or keep it; the ids of its decisions by run, where they are known."""
        if not self._must_wait():
            try:
                return self._ledger.write(entry)
            except LedgerError as error:
                self._failed(error)
        self._outbox.add(entry)
        return {}

    def cycle(
        self,
        stamp: Stamp,
        snapshot: Snapshot,
        decisions: Sequence[AnyDecision],
        planned: Planned = UNKNOWN,
    ) -> dict[str, int]:
        """Write a cycle, or keep it; the ids of the decisions by run, where they are known.

        Raises :class:`LedgerError` for a decision that JSON has no place for.
        """
        waits = self._must_wait()
        if waits and not self._builds_on_kept:
            self._chain = SnapshotChain()  # what is kept must not need what the ledger may have lost by then
        self._builds_on_kept = waits
        entry, draft = self._drafted(stamp, snapshot, decisions, planned)
        if not waits:
            try:
                return self._write_cycle(entry, draft, stamp, snapshot, decisions, planned)
            except LedgerError as error:
                self._failed(error)
            # Nobody knows whether it was written, or what the ledger will hold when this is: so it is kept
            # whole, and what comes next builds upon nothing before it.
            self._chain = SnapshotChain()
            entry = entries.cycle(entry.id, stamp, self._chain.draft(snapshot), decisions, planned)
            self._outbox.add(entry)
        elif self._outbox.add(entry):
            self._chain.stored(draft, entry.id)
        return {}

    def close(self) -> None:
        """Leave what waits on disk to the next process."""
        self._outbox.close()

    def _failed(self, error: LedgerError) -> None:
        """What was seen first says what is wrong: it stays the same, so that it is told once."""
        self._error = self._error or str(error)

    def _must_wait(self) -> bool:
        """Behind others that wait, or because the ledger has failed and nobody has looked since."""
        return bool(self._error) or len(self._outbox) > 0

    def _drafted(
        self, stamp: Stamp, snapshot: Snapshot, decisions: Sequence[AnyDecision], planned: Planned
    ) -> tuple[Entry, Draft]:
        draft = self._chain.draft(snapshot)
        return entries.cycle(entries.new_id(), stamp, draft, decisions, planned), draft

    def _write_cycle(
        self,
        entry: Entry,
        draft: Draft,
        stamp: Stamp,
        snapshot: Snapshot,
        decisions: Sequence[AnyDecision],
        planned: Planned,
    ) -> dict[str, int]:
        try:
            ids = self._ledger.write(entry)
        except LostCheckpointError:
            self._chain = SnapshotChain()
            entry, draft = self._drafted(stamp, snapshot, decisions, planned)
            ids = self._ledger.write(entry)
        self._chain.stored(draft, entry.id)
        return ids

    def _drain(self) -> None:
        give_up_at = self._clock() + DRAINING_S
        rewound = False
        while (entry := self._outbox.head()) is not None and self._clock() < give_up_at:
            try:
                self._ledger.write(entry)
            except LostCheckpointError:
                if rewound:
                    self._ledger.write(_alone(entry))
                else:
                    self._outbox.rewind()
                    rewound = True
                    continue
            except LedgerError as error:
                if not self._gives_up(entry, error):
                    raise
            self._outbox.done()

    def _gives_up(self, entry: Entry, error: LedgerError) -> bool:
        """Whether an entry is what is wrong, and not the ledger, which has taken another write just now.

        A disk that is nearly full takes a small write and not the entry: that is the ledger's fault.
        """
        if isinstance(error, LedgerAwayError):
            return False
        tried = self._refused[1] + 1 if self._refused[0] == entry.id else 1
        self._refused = (entry.id, tried)
        if tried < TRIES:
            return False
        self._notices.append(f"one {entry.kind} is not recorded, because the ledger refuses it: {error}")
        return True

    def _tell_dropped(self) -> None:
        lost = self._outbox.dropped - self._told_dropped
        if lost:
            self._told_dropped = self._outbox.dropped
            self._notices.append(
                f"{lost} entries are missing in the ledger: while it could not be written there was no more"
                " room to keep them"
            )


def _alone(entry: Entry) -> Entry:
    """A cycle whose checkpoint is lost: its decisions are worth keeping, its snapshot cannot be rebuilt."""
    return Entry(entry.id, entry.kind, {**entry.body, "checkpoint": None})
