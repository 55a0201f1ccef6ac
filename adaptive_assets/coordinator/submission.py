"""Submitting a run: it is put under its policy and held, and whatever goes wrong with that, it is queued."""

import logging
import time

import dagster as dg

from adaptive_assets.assets import tags
from adaptive_assets.assets.policy_assignment import DEFAULT, PolicyAssignment, facts_of, governed
from adaptive_assets.coordinator import carried
from adaptive_assets.coordinator.book_watch import BookWatch
from adaptive_assets.coordinator.catalogue_store import CatalogueStore
from adaptive_assets.coordinator.declared import read_declared
from adaptive_assets.coordinator.faults import Faults
from adaptive_assets.coordinator.input_size import InputSizeError, read_input_size
from adaptive_assets.coordinator.observation import by_hand
from adaptive_assets.dagster_compat.daemon import SubmitRunContext
from adaptive_assets.dagster_compat.events import EngineEventData
from adaptive_assets.dagster_compat.run_tags import rewrite_run_tags
from adaptive_assets.dagster_compat.workspace import submitted_from
from adaptive_assets.ledger import Ledger, LedgerError
from adaptive_assets.policy import Catalogue, PolicyBook

logger = logging.getLogger("dagster.adaptive_assets")


class Submission:
    """What happens to a run before it enters the queue; safe to share between threads."""

    def __init__(
        self,
        instance: dg.DagsterInstance,
        books: BookWatch,
        ledger: Ledger,
        catalogues: CatalogueStore,
        *,
        observes: bool = False,
    ) -> None:
        self._instance = instance
        self._books = books
        self._ledger = ledger
        self._catalogues = catalogues
        self._observes = observes
        self._assignment: PolicyAssignment | None = None
        self._faults = Faults()

    def prepare(self, context: SubmitRunContext) -> None:
        """Tag the run with its policy and hold it until a cycle admits it.

        Never raises: a run that cannot be put under its policy is queued under ``default``, one that cannot
        even be tagged is queued as it is, and the fault is reported in its event log. While the coordinator
        only observes, nothing is held: tags of ours that a repeated run has brought along are taken away.
        """
        run = context.dagster_run
        try:
            policy, tier = self._policy_of(context)
        except Exception as error:  # noqa: BLE001  a run is worth more than its policy
            self._report(run, "could not be put under its policy and is queued under `default`", error)
            book = self._books.last_good.book
            policy, tier = DEFAULT, book.policy(DEFAULT).tier
        try:
            brought = {key for key in run.tags if tags.is_ours(key)}  # by the run that this one repeats
            wanted = by_hand(run.tags) if self._observes else carried.submitted(policy, tier)
            gone = brought - wanted.keys()
            if gone or not self._observes:
                rewrite_run_tags(self._instance, run.run_id, wanted, gone)
        except Exception as error:  # noqa: BLE001  as above
            self._report(run, "could not be held and is queued without tags", error)
        try:
            read_input_size(run.tags)
        except InputSizeError as error:
            self._report(run, "is planned as if nobody knew how much it reads", error)
        for problem in read_declared(run.tags)[1]:
            self._report(run, "is planned without a part of what it declares", problem)

    def _policy_of(self, context: SubmitRunContext) -> tuple[str, str]:
        catalogue = self._catalogues.of(submitted_from(context))
        self._publish(time.time())
        assignment = self._govern(self._books.current().book, catalogue)
        work = assignment.work_of(facts_of(context.dagster_run, submitted=False))
        return work.policy, assignment.book.policy(work.policy).tier

    def _publish(self, now: float) -> None:
        """The daemon reads its own workspace; what is published counts when a code location fails to load."""
        try:
            self._catalogues.publish(now)
        except LedgerError as error:
            if self._faults.open("catalogue", str(error), now):
                logger.error("The assets of the code locations are not published: %s", error)  # noqa: TRY400

    def _govern(self, book: PolicyBook, catalogue: Catalogue) -> PolicyAssignment:
        known = self._assignment
        if known is None or known.catalogue is not catalogue or known.book.revision != book.revision:
            self._assignment = known = governed(known, book, catalogue)[0]
        return known

    def _report(self, run: dg.DagsterRun, what: str, error: Exception | str) -> None:
        message = f"Run {run.run_id} {what}: {error}"
        logger.error(message)
        now = time.time()
        try:
            self._instance.report_engine_event(message, run, EngineEventData({}))
            self._ledger.record_fault(at=now, node="", part="submission", message=message)
        except LedgerError as second:
            logger.error("The fault of run %s is not recorded: %s", run.run_id, second)  # noqa: TRY400
        except Exception as second:  # there is nowhere left to say it but the log
            logger.exception("The fault of run %s could not be recorded", run.run_id, exc_info=second)
