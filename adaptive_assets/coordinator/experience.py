"""What the runs of this deployment have taught: estimates, and use by owner."""

import json
import logging
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import replace
from hashlib import sha256
from math import inf, isfinite
from typing import Any, Final, TypeVar

from adaptive_assets.learning import (
    LEARNING,
    BusyTimes,
    DecayedUsage,
    EndedRun,
    Ending,
    Learner,
    LearningTuning,
    SubmittedRun,
)
from adaptive_assets.ledger import Ledger, RunUsageRow
from adaptive_assets.planning.composition import modes_of
from adaptive_assets.planning.decisions import Plan
from adaptive_assets.planning.estimates import Estimate
from adaptive_assets.planning.resource_request import FULL, ResourceRequest, request_of
from adaptive_assets.planning.snapshot import ActiveRun, QueuedRun, Snapshot, Work
from adaptive_assets.planning.tuning import TUNING
from adaptive_assets.policy import PolicyBook

REMEMBERED: Final = 10_000
"""Runs of the ledger that are learned from anew where what was learned is not kept: the last ones."""

KEY: Final = "learned"
"""Under which the ledger keeps what was learned."""

KEPT_EVERY_S: Final = 600.0
"""How often it is kept: runs that end later are read from the ledger's usages, after a restart."""

_ENDINGS: Final = {"SUCCESS": Ending.SUCCEEDED, "CANCELED": Ending.CANCELED}

logger = logging.getLogger("dagster.adaptive_assets")

Run = TypeVar("Run", QueuedRun, ActiveRun)


class Experience:
    """Tells the learner of the runs that end, and puts what it knows into snapshots."""

    def __init__(self, tuning: LearningTuning = LEARNING) -> None:
        self._book = PolicyBook(version=1)
        self._tuning = tuning
        self._learner, self._usage = self._nothing()
        self._busy = BusyTimes()
        """Of this machine, since this process began: what was learned before is kept."""
        self._promoted_at: float | None = None
        self._recalled = False
        self._early: deque[tuple[Work, RunUsageRow]] = deque(maxlen=REMEMBERED)
        """The runs learned from before what was learned by the last process could be read."""
        self._observed: dict[str, float] = {}
        """The runs learned from that a process which begins with what is kept finds in the usages as well,
        with their ends."""
        self._is_kept = True
        self._kept_at = -inf

    def recall(self, ledger: Ledger) -> None:
        """Take up, once, what the process before this one had learned, and learn from what ended since.

        Raises:
            LedgerError: it could not be read; the next call tries again.
        """
        if self._recalled:
            return
        learner, used = self._nothing()
        since: float | None = None
        known: dict[str, float] = {}
        try:
            kept = _opened(ledger.kept(KEY) or "")
            learner.restore(kept["learned"])
            used.restore(kept["usage"])
            known, since = dict(kept["runs"]), float(kept["until"])
        except (ValueError, TypeError, KeyError, AttributeError):  # nothing is kept, or by another version
            learner, used = self._nothing()
            known = {}
        usages = ledger.usages(since=since, limit=REMEMBERED)
        works = ledger.works()
        self._learner, self._usage, self._observed, self._recalled = learner, used, known, True
        recorded = [(works[usage.work_key], usage) for usage in usages if usage.work_key in works]
        runs = {run[1].run_id: run for run in (*recorded, *self._early)}
        self._early.clear()
        self.ended([run for run_id, run in runs.items() if run_id not in known])

    def keep(self, ledger: Ledger, now: float, until: float) -> None:
        """Keep what was learned, at most every ten minutes; all of it must be in the ledger's usages.

        All runs that ended before ``until`` (POSIX seconds) have been learned from.

        Raises:
            LedgerError: it could not be kept; the next call tries again.
        """
        if not self._recalled or not isfinite(until):
            return
        self._observed = {run_id: at for run_id, at in self._observed.items() if at >= until}
        if self._is_kept or 0 <= now - self._kept_at < KEPT_EVERY_S:
            return
        learned, used = self._learner.snapshot(), self._usage.snapshot()
        plain = {"until": until, "runs": self._observed, "learned": learned, "usage": used}
        ledger.keep(KEY, _sealed(plain))
        self._kept_at, self._is_kept = now, True

    def govern(self, book: PolicyBook) -> None:
        """Take what ``book`` declares for what no run has shown."""
        self._book = book

    def ended(self, runs: Iterable[tuple[Work, RunUsageRow]]) -> None:
        """Learn from runs that ended, in the order in which they did."""
        for work, usage in runs:
            try:
                self._learn(work, usage)
            except ValueError as error:  # it must not stop the others, in each restart again
                logger.error("Nothing is learned of run %s: %s", usage.run_id, error)  # noqa: TRY400
            self._observed[usage.run_id] = usage.ended_at
            self._is_kept = False
            if not self._recalled:
                self._early.append((work, usage))

    def _learn(self, work: Work, usage: RunUsageRow) -> None:
        self._learner.observe(ended_run(work, usage, self._busy))
        if usage.cpu_seconds is not None:
            policy = self._book.policy(usage.policy)
            self._usage.add(policy.owner or policy.name, usage.cpu_seconds, usage.ended_at)

    def planned(self, plan: Plan) -> None:
        """Remember what a plan left behind for the next."""
        self._promoted_at = plan.promoted_at

    def into(self, snapshot: Snapshot) -> Snapshot:
        """``snapshot`` with what is known of the work in it."""
        most_memory = self._most_memory(snapshot)
        if machine := snapshot.machine:
            self._busy.read(machine.at, machine.cpu_used, machine.cpu_capacity)
        return replace(
            snapshot,
            queued=self._told(snapshot.queued, most_memory),
            active=self._told(snapshot.active, most_memory),
            estimates=self._learner.estimates(self._wanted(snapshot), most_memory=most_memory),
            usage=self._usage.at(snapshot.at),
            promoted_at=self._promoted_at,
        )

    def of_works(self, works: Iterable[Work]) -> Mapping[str, Estimate]:
        """What is known of kinds of work in full, whether or not there are runs of them."""
        return self._learner.estimates([(work, FULL) for work in works])

    def _nothing(self) -> tuple[Learner, DecayedUsage]:
        return Learner(assumed=self._assumed, tuning=self._tuning), DecayedUsage()

    def _most_memory(self, snapshot: Snapshot) -> float:
        """The bytes that a run could be given if it were the only one of ours."""
        machine = snapshot.machine
        if machine is None:
            return inf
        strangers = machine.memory_used - sum(run.memory_used or 0 for run in snapshot.active)
        return max(0.0, float(int(machine.memory_capacity * self._book.guards.memory)) - max(0, strangers))

    def _told(self, runs: tuple[Run, ...], most_memory: float) -> tuple[Run, ...]:
        """``runs``, each with what is known of it beyond its kind."""
        return tuple([self._of_run(run, most_memory) if _may_differ(run) else run for run in runs])

    def _of_run(self, run: Run, most_memory: float) -> Run:
        known = self._learner.estimate(SubmittedRun.of(run), most_memory=most_memory)
        return run if known is None else replace(run, estimate=known)

    def _wanted(self, snapshot: Snapshot) -> list[tuple[Work, str]]:
        """The kinds of work at hand, each in full and in every mode that it may be told to run in."""
        kinds: Mapping[int, Work] = {
            id(run.work): run.work for runs in (snapshot.queued, snapshot.active) for run in runs
        }
        return [(work, mode) for work in kinds.values() for mode in modes_of(self._book.policy(work.policy))]

    def _assumed(self, work: Work, mode: str) -> ResourceRequest:
        return request_of(self._book.policy(work.policy), mode)


def _may_differ(run: QueuedRun | ActiveRun) -> bool:
    """Whether anything is known of the run that is not so of its kind; most runs need not be asked about."""
    return bool(run.root_run_id or run.declared is not None or run.input_size is not None)


def _sealed(plain: Mapping[str, Any]) -> str:
    """``plain`` as JSON on one line, behind its digest: a number that was damaged would spoil estimates."""
    text = json.dumps(plain, separators=(",", ":"))
    return f"{sha256(text.encode()).hexdigest()}\n{text}"


def _opened(sealed: str) -> Mapping[str, Any]:
    """What was sealed; raises :class:`ValueError` for anything else."""
    digest, _, text = sealed.partition("\n")
    if digest != sha256(text.encode(errors="replace")).hexdigest():
        raise ValueError("what was learned is not as it was kept")
    return dict(json.loads(text))


def ended_run(work: Work, usage: RunUsageRow, busy: BusyTimes | None = None) -> EndedRun:
    """What is learned from, of a run of ``work`` whose ``usage`` was recorded.

    ``busy`` says when all cores of its machine were.
    """
    duration = None if usage.started_at is None else max(0.0, usage.ended_at - usage.started_at)
    # the process works before the run is started, and its CPU time covers that: imports, the definitions
    worked = usage.cpu_seconds
    cpu = None if worked is None or duration is None else worked / (TUNING.launch_s + duration)
    ending = _ENDINGS.get(usage.status, Ending.FAILED)
    if ending is Ending.FAILED and usage.out_of_memory is not None:
        ending = Ending.OUT_OF_MEMORY
    root = usage.root_run_id or usage.run_id
    since = usage.ended_at if usage.started_at is None else usage.started_at - TUNING.launch_s
    submitted = SubmittedRun(work, root, usage.input_size, usage.declared)
    return EndedRun(
        submitted,
        usage.mode,
        usage.ended_at,
        ending,
        duration_s=duration,
        cpu=cpu,
        memory=usage.memory_peak,
        cores_busy=busy.share(since, usage.ended_at) if busy else 0.0,
        run_id=usage.run_id,
    )
