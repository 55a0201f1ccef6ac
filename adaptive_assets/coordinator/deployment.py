"""Puts the parts together for one process: policy file, ledger, catalogue, sampler."""

import logging
import platform
import threading
from pathlib import Path

import dagster as dg

from adaptive_assets.assets.catalogues import merged
from adaptive_assets.coordinator.book_watch import BookState, BookWatch
from adaptive_assets.coordinator.catalogue_store import CatalogueStore
from adaptive_assets.coordinator.cycle import Cycle
from adaptive_assets.coordinator.lease import Lease
from adaptive_assets.coordinator.submission import Submission
from adaptive_assets.dagster_compat.storage import keep_connections, sqlite_directory, storage_url
from adaptive_assets.ledger import Ledger, LedgerError, NoLedgerError, at_home, ledger_url, sqlite_ledger_url
from adaptive_assets.ledger.outbox import DIRECTORY as OUTBOX
from adaptive_assets.policy import BUILT_IN, Catalogue, PolicyBook
from adaptive_assets.signals import MachineReader, MachineSampler, RunProcesses

logger = logging.getLogger("dagster.adaptive_assets")


def open_ledger(
    instance: dg.DagsterInstance, url: str | None, *, back_off: bool = False, existing: bool = False
) -> Ledger:
    """The ledger at ``url``, or else beside the instance's storage; the rest is as in :meth:`Ledger.open`."""
    if url is None:
        directory = sqlite_directory(instance)
        url = sqlite_ledger_url(directory) if directory else ledger_url(storage_url(instance))
    else:
        url = at_home(url, Path(instance.root_directory))
    return Ledger.open(url, back_off=back_off, existing=existing)


class Deployment:
    """Everything of ours that one process keeps; made when it is first asked for, because the coordinator is

    loaded by processes that never use it. Safe to share between threads.
    """

    def __init__(
        self, policies: str | None, ledger: str | None, retention_s: float | None, *, observes: bool = False
    ) -> None:
        self._policies = policies
        self._ledger_url = ledger
        self._retention_s = retention_s
        self._observes = observes
        self._lock = threading.RLock()
        self._ledger: Ledger | None = None
        self._books: BookWatch | None = None
        self._catalogues: CatalogueStore | None = None
        self._submission: Submission | None = None
        self._sampler: MachineSampler | None = None
        self._cycle: Cycle | None = None
        self._lease: Lease | None = None

    def submission(self, instance: dg.DagsterInstance) -> Submission:
        """What prepares runs that this process submits."""
        with self._lock:
            if self._submission is None:
                ledger, books, catalogues = self._parts(instance)
                self._submission = Submission(instance, books, ledger, catalogues, observes=self._observes)
            return self._submission

    def cycle(self, instance: dg.DagsterInstance, run_limit: int | None) -> Cycle:
        """The cycle of the dequeue daemon, with the sampler running."""
        with self._lock:
            keep_connections(instance)
            ledger, books, catalogues = self._parts(instance)
            processes = RunProcesses()
            self._sampler = MachineSampler(MachineReader(), processes=processes)
            self._sampler.sample()
            self._cycle = Cycle(
                instance,
                books=books,
                ledger=ledger,
                catalogues=catalogues,
                machine=self._sampler,
                processes=processes,
                run_limit=run_limit,
                retention_s=self._retention_s,
                outbox=Path(instance.root_directory, OUTBOX),
                node=platform.node(),
                observes=self._observes,
            )
            self._sampler.start()  # last: where the cycle cannot be made, it is tried again in every pass
            return self._cycle

    def end_cycle(self) -> None:
        """End the cycle and its sampler, if there are any; what waits for the ledger stays on disk."""
        with self._lock:
            if self._sampler is not None:
                self._sampler.stop()
            if self._cycle is not None:
                self._cycle.close()
            self._sampler = self._cycle = None

    def lease(self, instance: dg.DagsterInstance) -> Lease:
        """The lease by which this process, of all daemons of the instance, is the one that launches."""
        with self._lock:
            if self._lease is None:
                ledger, _, _ = self._parts(instance)
                self._lease = Lease(ledger)
                self._lease.start()
            return self._lease

    def known_catalogue(self, instance: dg.DagsterInstance) -> Catalogue:
        """What the ledger has of the assets of all code locations; nothing where there is no ledger yet.

        Raises:
            LedgerError: the ledger cannot be read.
            ValueError: what it has was written by another version.
        """
        ledger = open_ledger(instance, self._ledger_url, existing=True)
        if ledger.file and ledger.file.parent.is_dir() and not ledger.file.exists():
            return Catalogue()
        try:
            bodies = ledger.catalogues()
        except NoLedgerError:
            return Catalogue()
        finally:
            ledger.dispose()
        return merged({location: Catalogue.from_json(body) for location, body in bodies.items()})

    def record_fault(self, now: float, part: str, message: str) -> None:
        """Put a fault into the ledger, if there is one to put it in."""
        if self._ledger is not None:
            try:
                self._ledger.record_fault(at=now, node=platform.node(), part=part, message=message)
            except LedgerError as error:
                logger.error("ledger: %s", error)  # noqa: TRY400  the message says it all

    def dispose(self) -> None:
        """Stop the sampler, let go of the lease and close the ledger."""
        with self._lock:
            self.end_cycle()
            if self._lease is not None:
                self._lease.release()
            if self._ledger is not None:
                self._ledger.dispose()

    def _parts(self, instance: dg.DagsterInstance) -> tuple[Ledger, BookWatch, CatalogueStore]:
        if self._ledger is None or self._books is None or self._catalogues is None:
            self._ledger = open_ledger(instance, self._ledger_url, back_off=True)
            self._books = _books(self._policies, instance)
            self._catalogues = CatalogueStore(self._ledger)
            if self._books.path is not None:
                self._recall(self._ledger, self._books)
        return self._ledger, self._books, self._catalogues

    def _recall(self, ledger: Ledger, books: BookWatch) -> None:
        """Take the policy book that was last in force, for the case that the file is broken now."""
        try:
            content = ledger.active_policy_book()
            if content is not None:
                books.use_fallback(BookState(PolicyBook.model_validate_json(content), read=True))
        except (LedgerError, ValueError) as error:
            message = "The policy book that was last in force cannot be recalled: %s"
            logger.error(message, error)  # noqa: TRY400  the message says it all


def _books(policies: str | None, instance: dg.DagsterInstance) -> BookWatch:
    if policies is None:
        return BookWatch(None, BookState(BUILT_IN, read=True))
    return BookWatch(Path(policies), home=Path(instance.root_directory))
