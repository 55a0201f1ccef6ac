"""What a cycle puts into the ledger, and nothing twice."""

import json

from adaptive_assets.ledger import Ledger, RunUsageRow
from adaptive_assets.planning.snapshot import Snapshot
from adaptive_assets.planning.transitions import Stance, transitions
from adaptive_assets.planning.verdicts import AnyDecision, Plan
from adaptive_assets.policy import PolicyBook

__all__ = ["Recorder"]

HEARTBEAT_S = 15.0
"""How often the machine's reading is recorded."""
PRUNING_S = 3600.0
"""How often old rows are forgotten."""


class Recorder:
    """Writes cycles into the ledger; what could not be written is written with the next one.

    Every method may raise ``LedgerError``.
    """

    def __init__(self, ledger: Ledger, *, node: str, source: str, retention_s: float | None) -> None:
        self._ledger = ledger
        self._node = node
        self._source = source
        self._retention_s = retention_s
        self._stances: dict[str, tuple[Stance, ...]] = {}
        self._revision: str | None = None
        self._beat_at: float | None = None
        self._pruned_at: float | None = None
        self._ended: list[RunUsageRow] = []

    def changes(self, plan: Plan) -> list[AnyDecision]:
        """The decisions of ``plan`` that were not so in the last cycle that was recorded."""
        return transitions(self._stances, plan)[0]

    def cycle(
        self, now: float, book: PolicyBook, snapshot: Snapshot, plan: Plan, changed: list[AnyDecision]
    ) -> dict[str, int]:
        """Record a cycle; returns the decision id of each run that it lets go or fails."""
        if book.revision != self._revision:
            content = json.loads(book.content())
            self._ledger.record_revision(at=now, revision=book.revision, source=self._source, content=content)
            self._revision = book.revision
        ids: dict[str, int] = {}
        if changed:
            ids = self._ledger.record_cycle(
                at=now, node=self._node, revision=book.revision, snapshot=snapshot, decisions=changed
            )
        self._stances = transitions(self._stances, plan)[1]
        return ids

    def ended(self, usages: list[RunUsageRow]) -> None:
        """Keep what runs took that have ended, until it is recorded."""
        self._ended += usages

    def samples(self, now: float, snapshot: Snapshot) -> None:
        """Record what runs took that have ended, and now and then the machine's reading."""
        if self._ended:
            self._ledger.record_usage(usages=self._ended)
            self._ended = []
        if snapshot.machine and _due(self._beat_at, now, HEARTBEAT_S):
            self._ledger.record_reading(at=now, node=self._node, reading=snapshot.machine)
            self._beat_at = now

    def prune(self, now: float) -> None:
        """Forget, now and then, what is older than the retention."""
        if self._retention_s is not None and _due(self._pruned_at, now, PRUNING_S):
            self._pruned_at = now
            self._ledger.prune(before=now - self._retention_s)


def _due(last: float | None, now: float, every_s: float) -> bool:
    """Also when the clock was set back."""
    return last is None or not 0 <= now - last < every_s
