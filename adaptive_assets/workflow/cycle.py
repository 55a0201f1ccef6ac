"""One cycle: observe, plan, record, enact."""

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import dagster as dg

from adaptive_assets.ledger import Ledger, LedgerError
from adaptive_assets.planning.plan import plan
from adaptive_assets.planning.snapshot import Snapshot, Work
from adaptive_assets.policy import Catalogue, PolicyBook, PolicyError
from adaptive_assets.signals import MachineSampler, RunProcesses
from adaptive_assets.workflow.active_watch import ActiveWatch
from adaptive_assets.workflow.backlogs import BacklogError, read_backlogs
from adaptive_assets.workflow.book_watch import BookState, BookWatch
from adaptive_assets.workflow.catalogue_store import CatalogueStore
from adaptive_assets.workflow.enactment import Enactment, line
from adaptive_assets.workflow.experience import Experience
from adaptive_assets.workflow.faults import Fault, Faults
from adaptive_assets.workflow.governance import Governance, facts_of
from adaptive_assets.workflow.queue_watch import QueueWatch
from adaptive_assets.workflow.readiness import data_states
from adaptive_assets.workflow.recording import Recorder

__all__ = ["Cycle", "Outcome"]

T = TypeVar("T")

logger = logging.getLogger("dagster.adaptive_assets")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a cycle leaves to the dequeue pass: runs that are free to launch, and runs in progress."""

    free: int
    active: int
    faults: tuple[Fault, ...] = ()


class Cycle:
    """The cycle of one dequeue daemon. It keeps no state that a restart would lose: what it knows of runs

    is read from their tags, and what it remembers between cycles only saves reads and writes.
    """

    def __init__(
        self,
        instance: dg.DagsterInstance,
        *,
        books: BookWatch,
        ledger: Ledger,
        catalogues: CatalogueStore,
        machine: MachineSampler,
        processes: RunProcesses,
        backlog_files: Sequence[Path] = (),
        run_limit: int | None = None,
        retention_s: float | None = None,
        outbox: Path | None = None,
        node: str,
    ) -> None:
        self._instance = instance
        self._books = books
        self._ledger = ledger
        self._catalogues = catalogues
        self._machine = machine
        self._backlog_files = backlog_files
        self._run_limit = run_limit
        self._node = node
        self._queue = QueueWatch(instance, self._work_of)
        self._active = ActiveWatch(instance, self._work_of, processes, node)
        self._enactment = Enactment(instance, self._queue)
        self._governance = Governance(PolicyBook(version=1), Catalogue())
        self._experience = Experience()
        self._recall(books.last_good)
        self._governed: tuple[str, str] | None = None
        self._mismatch: PolicyError | None = None
        self._recorder = Recorder(
            ledger, node=node, source=str(books.path), retention_s=retention_s, outbox=outbox
        )
        self._faults = Faults()
        self._said: list[Fault] = []

    def run(self, now: float) -> Outcome:
        """Observe, plan, record and enact, as of ``now``.

        The ledger, the policy file, the backlog files and the sampler may be at fault without stopping it;
        what Dagster's own storage raises is the caller's to handle.
        """
        self._said = []
        self._faults.begin()
        self._recorder.begin()
        for notice in self._recorder.notices():
            self._say("ledger", notice, now)
        self._look_at_ledger(now)
        self._govern(now)
        self._experience.govern(self._governance.book)
        self._with_ledger(lambda: self._experience.recall(self._ledger), now)
        # before the queue is read, which may hold the next attempt of a run that has failed just now
        ended = self._active.ended(now)
        self._experience.ended(ended)
        self._recorder.ended([usage for _, usage in ended])
        snapshot = self._experience.into(self._observe(now))
        decided = plan(snapshot, self._governance.book)
        self._experience.planned(decided)
        book, changed = self._governance.book, self._recorder.changes(decided)
        # before any tag, so that nothing acts unrecorded
        ids = self._recorder.cycle(now, book, snapshot, decided, changed)
        free = self._enactment.enact(decided, ids)
        self._queue.pass_over()
        for decision in changed:
            logger.info(line(decision))
        self._recorder.samples(now, snapshot)
        self._look_at_ledger(now)
        for part in self._faults.settle():
            logger.info("%s: works again.", part)
        self._with_ledger(lambda: self._recorder.prune(now), now)
        return Outcome(free, len(snapshot.active), tuple(self._said))

    def close(self) -> None:
        """Leave what waits for the ledger to the next process."""
        self._recorder.close()

    def _recall(self, last_good: BookState) -> None:
        """Begin with the book that was last in force, for the case that the file is broken now."""
        with suppress(PolicyError):
            self._governance = Governance(last_good.book, Catalogue())

    def _work_of(self, run: dg.DagsterRun) -> Work:
        return self._governance.work_of(facts_of(run))

    def _govern(self, now: float) -> None:
        """Bring policy book and catalogue up to date; what is refused leaves the last good ones in force."""
        catalogue = self._with_ledger(self._catalogues.shared, now) or self._governance.catalogue
        state = self._books.current()
        key = (state.book.revision, catalogue.digest)
        if key != self._governed:
            self._mismatch = None
            try:
                self._governance = Governance(state.book, catalogue)
            except PolicyError as error:
                self._mismatch = error
                self._govern_last_good(catalogue)
            self._governed = key
            self._queue.reassess()
        if refused := state.refused or self._mismatch:
            in_force = self._governance.book.revision
            self._fault("policy", f"{refused}\nThe policy book {in_force} stays in force.", now)

    def _govern_last_good(self, catalogue: Catalogue) -> None:
        """When it is at odds with the new assets too, the catalogue stays as it was as well."""
        with suppress(PolicyError):
            self._governance = Governance(self._governance.book, catalogue)

    def _observe(self, now: float) -> Snapshot:
        queued = self._queue.observe(now)
        kinds = {id(run.work): run.work for run in queued}.values()
        read = {asset for work in kinds if self._is_gated(work) for asset in work.reads}
        if self._machine.fault:
            self._fault("signals", str(self._machine.fault), now)
        return Snapshot(
            at=now,
            queued=queued,
            active=self._active.observe(now),
            machine=self._machine.latest(now),
            data=data_states(self._instance, self._governance.catalogue, read),
            backlogs=self._attempt("backlog", lambda: read_backlogs(self._backlog_files), now) or (),
            run_limit=self._run_limit,
        )

    def _is_gated(self, work: Work) -> bool:
        gates = self._governance.book.policy(work.policy).gates
        return gates.fresh is not None or gates.checks is not None or not gates.accept_degraded

    def _with_ledger(self, action: Callable[[], T], now: float) -> T | None:
        """What ``action`` returns; of what fails in a cycle, the first thing is told.

        An attempt after one that has failed costs nothing: the ledger is left alone for some seconds.
        """
        try:
            return action()
        except LedgerError as error:
            self._ledger_fault(str(error), now)
            return None

    def _look_at_ledger(self, now: float) -> None:
        """Tell that the ledger cannot be written, until a write has succeeded."""
        if trouble := self._recorder.trouble:
            self._ledger_fault(trouble, now)

    def _ledger_fault(self, message: str, now: float) -> None:
        if not self._faults.seen("ledger"):
            self._fault("ledger", message, now)

    def _attempt(self, part: str, action: Callable[[], T], now: float) -> T | None:
        try:
            return action()
        except BacklogError as error:
            self._fault(part, str(error), now)
            return None

    def _fault(self, part: str, message: str, now: float) -> None:
        """Say a fault in the log, to the daemon (through the outcome) and, where it can, in the ledger."""
        if self._faults.open(part, message, now):
            self._say(part, message, now)

    def _say(self, part: str, message: str, now: float) -> None:
        logger.error("%s: %s", part, message)
        self._said.append(Fault(part, message))
        self._recorder.fault(now, part, message)
