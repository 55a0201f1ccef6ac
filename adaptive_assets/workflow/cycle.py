"""One cycle: observe, plan, record, enact."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import dagster as dg

from adaptive_assets.ledger import Ledger, LedgerError
from adaptive_assets.planning.plan import plan
from adaptive_assets.planning.snapshot import Snapshot, Work
from adaptive_assets.policy import Catalogue, PolicyBook, PolicyError, Problem
from adaptive_assets.signals import MachineSampler, RunProcesses
from adaptive_assets.workflow.active_watch import ActiveWatch
from adaptive_assets.workflow.backlogs import BacklogError, read_backlogs
from adaptive_assets.workflow.book_watch import BookState, BookWatch
from adaptive_assets.workflow.catalogue_store import CatalogueStore
from adaptive_assets.workflow.dagster_private import code_locations
from adaptive_assets.workflow.enactment import Enactment, line
from adaptive_assets.workflow.experience import Experience
from adaptive_assets.workflow.faults import Fault, Faults
from adaptive_assets.workflow.governance import Governance, facts_of, governed
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
        self._in_force: Governance | None = None
        self._experience = Experience()
        self._recall(books.last_good)
        self._governed: tuple[str, Catalogue] | None = None
        self._misfit: tuple[Problem, ...] = ()
        self._recorder = Recorder(ledger, node=node, source=str(books.path), retention_s=retention_s)
        self._faults = Faults()
        self._said: list[Fault] = []

    def run(self, now: float, workspace: Any | None = None) -> Outcome:
        """Observe, plan, record and enact, as of ``now``; ``workspace`` is the dequeue daemon's.

        The ledger, the policy file, the backlog files and the sampler may be at fault without stopping it;
        what Dagster's own storage raises is the caller's to handle.
        """
        self._said = []
        self._faults.begin()
        self._govern(now, workspace)
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
        ids = (
            self._with_ledger(lambda: self._recorder.cycle(now, book, snapshot, decided, changed), now) or {}
        )
        free = self._enactment.enact(decided, ids)
        self._queue.pass_over()
        for decision in changed:
            logger.info(line(decision))
        for part in self._faults.settle():
            logger.info("%s: works again.", part)
        self._with_ledger(lambda: self._recorder.samples(now, snapshot), now)
        self._with_ledger(lambda: self._recorder.prune(now), now)
        return Outcome(free, len(snapshot.active), tuple(self._said))

    def _recall(self, last_good: BookState) -> None:
        """Begin with the book that was last in force, for the case that the file is broken now."""
        self._governance = Governance(last_good.book, Catalogue())
        self._in_force = self._governance if last_good.read else None

    def _work_of(self, run: dg.DagsterRun) -> Work:
        return self._governance.work_of(facts_of(run))

    def _govern(self, now: float, workspace: Any | None) -> None:
        """Bring policy book and catalogue up to date; what is refused leaves the last good ones in force."""
        catalogue = self._catalogue(now, workspace)
        state = self._books.current()
        revision = state.book.revision
        if self._governed is None or self._governed[0] != revision or self._governed[1] is not catalogue:
            self._governance, self._misfit = governed(self._in_force, state.book, catalogue)
            self._in_force = self._governance if state.read else self._in_force
            self._governed = (revision, catalogue)
            self._queue.reassess()
        in_force = self._governance.book.revision
        if refused := state.refused or (PolicyError(self._misfit) if in_force != revision else None):
            self._fault("policy", f"{refused}\nThe policy book {in_force} stays in force.", now)
        elif self._misfit:
            self._fault("policy", f"{PolicyError(self._misfit)}\nAll else in the policy book goes on.", now)
        if catalogue.problems:
            self._fault("assets", "\n".join(catalogue.problems), now)

    def _catalogue(self, now: float, workspace: Any | None) -> Catalogue:
        """What is known of the assets now; where the workspace cannot be read, what was known before."""
        if workspace is None:
            return self._governance.catalogue
        try:
            catalogue = self._catalogues.of(code_locations(workspace))
        except Exception as error:  # noqa: BLE001  it says nothing of what is known already
            self._fault(
                "workspace", f"the code locations cannot be read: {type(error).__name__}: {error}", now
            )
            return self._governance.catalogue
        if catalogue.unknown:
            catalogue = self._with_ledger(lambda: self._catalogues.recall(now), now) or catalogue
        self._with_ledger(lambda: self._catalogues.publish(now, whole=True), now)
        return catalogue

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
        """Once it has failed, it is left alone until the next cycle: each attempt may take seconds."""
        if self._faults.seen("ledger"):
            return None
        return self._attempt("ledger", action, now)

    def _attempt(self, part: str, action: Callable[[], T], now: float) -> T | None:
        try:
            return action()
        except (LedgerError, BacklogError) as error:
            self._fault(part, str(error), now)
            return None

    def _fault(self, part: str, message: str, now: float) -> None:
        """Say a fault in the log, to the daemon (through the outcome) and, where it can, in the ledger."""
        fault = self._faults.open(part, message, now)
        if fault is None:
            return
        logger.error("%s: %s", part, message)
        self._said.append(fault)
        if not self._faults.seen("ledger"):
            try:
                self._ledger.record_fault(at=now, node=self._node, part=part, message=message)
            except LedgerError as error:
                logger.error("ledger: %s", error)  # noqa: TRY400  the message says it all
