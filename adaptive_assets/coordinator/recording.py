"""What a cycle puts into the ledger, and nothing twice."""

import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from adaptive_assets.ledger import Ledger, LedgerError, LedgerWriter, Outbox, RunUsageRow, Stamp, entries
from adaptive_assets.ledger.entries import Planned
from adaptive_assets.ledger.package_version import package_version
from adaptive_assets.planning.decisions import AnyDecision, Plan, Verdict
from adaptive_assets.planning.plan_digest import plan_digest
from adaptive_assets.planning.snapshot import Snapshot
from adaptive_assets.planning.transitions import Stance, kind_key, run_key, stance_of, transitions
from adaptive_assets.planning.work_key import work_key
from adaptive_assets.policy import PolicyBook

HEARTBEAT_S = 15.0
"""How often the machine's reading is recorded."""
PRUNING_S = 3600.0
"""How often old rows are forgotten, and how long a process has run before it forgets any."""

logger = logging.getLogger("dagster.adaptive_assets")


class Recorder:
    """Writes cycles into the ledger; what cannot be written is kept, and written when it can.

    Only :meth:`prune` raises ``LedgerError``. For the others :attr:`trouble` says what is wrong.
    """

    def __init__(
        self,
        ledger: Ledger,
        *,
        node: str,
        source: str,
        retention_s: float | None,
        outbox: Path | None = None,
        every_queue: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``outbox`` is the directory in which is kept what cannot be written; without it, that is memory.

        With ``every_queue`` a cycle is also recorded when other runs are queued than in the last one, though
        no decision has changed: of a run that waits for no decision this may be the only cycle.
        """
        self._ledger = ledger
        self._writer = LedgerWriter(ledger, Outbox(outbox))
        self._node = node
        self._source = source
        self._retention_s = retention_s
        self._clock = clock
        self._stances: dict[str, tuple[Stance, ...]] = {}
        self._ids: dict[str, int] = {}
        self._recalled = False
        self._made_anew = 0
        self._revision: str | None = None
        self._every_queue = every_queue
        self._queued: set[str] = set()
        self._beat_at: float | None = None
        self._pruned_at = clock()
        self._unwritable = ""

    @property
    def trouble(self) -> str | None:
        """Why the ledger cannot be written now; ``None`` once a write has succeeded."""
        return self._unwritable or self._writer.trouble

    @property
    def waiting(self) -> int:
        """How many entries wait for the ledger."""
        return self._writer.waiting

    def begin(self) -> None:
        """Write what waits, where the ledger can be written; to be called when a cycle begins."""
        self._unwritable = ""
        self._ledger.look()
        self._writer.begin()
        if self._ledger.made_anew != self._made_anew:
            # It knows nothing of what was decided, nor of the policies in force.
            self._made_anew = self._ledger.made_anew
            self._stances, self._ids, self._revision = {}, {}, None

    def notices(self) -> tuple[str, ...]:
        """What is to be told once: that the ledger's file was replaced, that something was lost."""
        return self._writer.notices()

    def recall(self, plan: Plan) -> None:
        """Find what was decided before of the runs of ``plan``: by the process before this one, say.

        :meth:`changes` does it when this process begins, and until the ledger could be read.
        """
        self._writer.take_over()
        queued = [run.run_id for decision in plan.decisions for run in decision.runs]
        active = [run.run_id for decision in plan.running for run in decision.runs]
        waiting = [each.work for each in plan.decisions if each.verdict is Verdict.DEFER]
        keys = {work_key(work): kind_key(work) for work in waiting}
        try:
            found = self._ledger.stances([*queued, *active], list(keys))
        except LedgerError as error:
            self._unwritable = str(error)
        else:
            runs = {run_key(run_id): (_stance(held),) for run_id, held in found.runs.items()}
            kinds = {keys[key]: tuple(map(_stance, held)) for key, held in found.kinds.items()}
            self._stances = runs | kinds
            self._ids = dict(found.ids)
            self._recalled = True
        present = {run_key(run_id) for run_id in (*queued, *active)} | set(keys.values())
        for of_cycle in _kept_stances(self._writer.kept()):
            self._stances |= {key: held for key, held in of_cycle.items() if key in present}

    def changes(self, plan: Plan) -> list[AnyDecision]:
        """The decisions of ``plan`` that were not so in the last cycle."""
        if not self._recalled:
            self.recall(plan)
        return transitions(self._stances, plan)[0]

    def cycle(
        self,
        now: float,
        book: PolicyBook,
        snapshot: Snapshot,
        plan: Plan,
        changed: list[AnyDecision],
        left_out: Sequence[str] = (),
    ) -> dict[str, int]:
        """Record a cycle; returns the ids of the decisions, as far as known, of the runs it lets go or fails.

        ``left_out`` are the keys of the runs that ``plan`` was made without.  When it returns, the decisions
        are in the ledger, or kept on disk if the ledger is away.
        """
        if book.revision != self._revision:
            content = json.loads(book.content())
            self._writer.write(
                entries.revision(at=now, revision=book.revision, source=self._source, content=content)
            )
            self._revision = book.revision
        self._stances = transitions(self._stances, plan)[1]
        self._ids = {key: id_ for key, id_ in self._ids.items() if run_key(key) in self._stances}
        if changed or self._is_another_queue(snapshot):
            try:
                planned = Planned(package_version(), plan_digest(plan), tuple(left_out))
                stamp = Stamp(now, self._node, book.revision)
                self._ids |= self._writer.cycle(stamp, snapshot, changed, planned)
            except LedgerError as error:
                self._unwritable = str(error)
        return dict(self._ids)

    def _is_another_queue(self, snapshot: Snapshot) -> bool:
        if not self._every_queue:
            return False
        before, self._queued = self._queued, {run.run_id for run in snapshot.queued}
        return before != self._queued

    def ended(self, usages: list[RunUsageRow]) -> None:
        """Record what runs took that have ended."""
        if usages:
            self._writer.write(entries.usages(usages))

    def samples(self, now: float, snapshot: Snapshot) -> None:
        """Record, now and then, the machine's reading."""
        if snapshot.machine and _due(self._beat_at, now, HEARTBEAT_S):
            self._writer.write(entries.reading(now, self._node, snapshot.machine))
            self._beat_at = now

    def fault(self, now: float, part: str, message: str) -> None:
        """Record that ``part`` is at fault."""
        self._writer.write(entries.fault(now, self._node, part, self._ledger.mask(message)))

    def prune(self, now: float, *, certain: bool = True) -> None:
        """Forget, now and then, what is older than the retention; never in the first hour of a process.

        Nothing is forgotten unless it is ``certain`` that ``now`` is the time.
        """
        if self._retention_s is None or not certain or self.trouble:
            return
        if self._clock() - self._pruned_at >= PRUNING_S:
            self._pruned_at = self._clock()
            self._ledger.prune(before=now - self._retention_s)

    def close(self) -> None:
        """Leave what waits to the next process."""
        self._writer.close()


def _stance(held: tuple[str, ...]) -> Stance:
    return stance_of(held[0], held[1], held[2:])


def _kept_stances(kept: Iterable[entries.Entry]) -> Iterator[dict[str, tuple[Stance, ...]]]:
    """Of each cycle that waits to be written, what it decided."""
    for entry in kept:
        if entry.kind != entries.EntryKind.CYCLE:
            continue
        decided: dict[str, tuple[Stance, ...]] = {}
        # one that is damaged or of another version is told when the ledger refuses it
        with suppress(KeyError, TypeError, ValueError):
            for row in entry.body["decisions"]:
                codes = [str(reason["code"]) for reason in json.loads(row["reasons"])]
                key = f"kind:{row['work_key']}" if row["run_id"] is None else run_key(row["run_id"])
                decided[key] = (*decided.get(key, ()), stance_of(row["verdict"], row["mode"], codes))
        yield decided


def _due(last: float | None, now: float, every_s: float) -> bool:
    """Also when the clock was set back."""
    return last is None or not 0 <= now - last < every_s
