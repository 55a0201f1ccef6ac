"""What the runs of this deployment have taught: estimates, use by owner, and the pace."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from math import inf
from typing import Final, TypeVar

from adaptive_assets.coordinator.retry_memory import RetryMemory
from adaptive_assets.learning import DecayedUsage, Learner, Observation, asking_for
from adaptive_assets.ledger import Ledger, RunUsageRow
from adaptive_assets.planning.composition import modes_of
from adaptive_assets.planning.concurrency_state import ConcurrencyLimit
from adaptive_assets.planning.decisions import Plan
from adaptive_assets.planning.estimates import Estimate, Spread
from adaptive_assets.planning.resource_request import FULL, ResourceRequest, estimate_key, request_of
from adaptive_assets.planning.snapshot import ActiveRun, QueuedRun, Snapshot, Work
from adaptive_assets.planning.tuning import TUNING
from adaptive_assets.policy import PolicyBook

__all__ = ["REMEMBERED", "Experience"]

REMEMBERED: Final = 10_000
"""Runs that are learned from anew when the daemon starts: the last ones of the ledger."""

_SUCCESS: Final = "SUCCESS"

Run = TypeVar("Run", QueuedRun, ActiveRun)


class Experience:
    """Learns from the runs that end, and puts what it knows into snapshots."""

    def __init__(self) -> None:
        self._book = PolicyBook(version=1)
        self._learner = Learner(assumed=self._declared)
        self._usage = DecayedUsage()
        self._pace: ConcurrencyLimit | None = None
        self._asking = RetryMemory()
        self._recalled = False

    def recall(self, ledger: Ledger) -> None:
        """Learn, once, from the runs that ended before this process began.

        Raises:
            LedgerError: they could not be read; the next call tries again.
        """
        if self._recalled:
            return
        works = ledger.works()
        usages = ledger.usages(limit=REMEMBERED)
        self._recalled = True
        self.ended((works[usage.work_key], usage) for usage in usages if usage.work_key in works)

    def govern(self, book: PolicyBook) -> None:
        """Take what ``book`` declares for what no run has shown."""
        self._book = book

    def ended(self, runs: Iterable[tuple[Work, RunUsageRow]]) -> None:
        """Learn from runs that ended, in the order in which they did."""
        for work, usage in runs:
            self._learner.observe(_observed(work, usage))
            self._asking.ended(usage)
            if usage.cpu_seconds is not None:
                policy = self._book.policy(usage.policy)
                self._usage.add(policy.owner or policy.name, usage.cpu_seconds, usage.ended_at)

    def planned(self, plan: Plan) -> None:
        """Remember the pace that a plan left behind."""
        self._pace = plan.pace

    def into(self, snapshot: Snapshot) -> Snapshot:
        """``snapshot`` with what is known of the work in it."""
        most_memory = self._most_memory(snapshot)
        estimates = self._learner.estimates(self._wanted(snapshot), most_memory=most_memory)
        own = self._beyond_their_kinds(snapshot, estimates, most_memory)
        return replace(
            snapshot,
            queued=_told(snapshot.queued, own),
            active=_told(snapshot.active, own),
            estimates=estimates,
            usage=self._usage.at(snapshot.at),
            slowdown=self._learner.slowdown(snapshot.at),
            pace=self._pace,
        )

    def _most_memory(self, snapshot: Snapshot) -> float:
        """The bytes that a run could be given if it were the only one of ours."""
        machine = snapshot.machine
        if machine is None:
            return inf
        strangers = machine.memory_used - sum(run.memory_used or 0 for run in snapshot.active)
        return max(0.0, float(int(machine.memory_capacity * self._book.guards.memory)) - max(0, strangers))

    def _beyond_their_kinds(
        self, snapshot: Snapshot, estimates: Mapping[str, Estimate], most_memory: float
    ) -> Mapping[str, Estimate]:
        """What is known of single runs, by run id.

        That is by how much they read; or that they ask for more, because one that they repeat was killed.
        """
        own: dict[str, Estimate] = {}
        runs: list[QueuedRun | ActiveRun] = [*snapshot.queued, *snapshot.active]
        for run in runs:
            asked = self._asking.of(run.root_run_id)
            if run.input_size is None and not asked:
                continue
            of_kind = estimates.get(estimate_key(run.work, FULL))
            known = self._learner.estimate(run.work, FULL, run.input_size, most_memory=most_memory)
            if asked:
                known = asking_for(known or self._unseen(run.work), min(asked, most_memory))
            if known is not None and known is not of_kind:
                own[run.run_id] = known
        return own

    def _unseen(self, work: Work) -> Estimate:
        """What is declared of work that no run has shown."""
        request = self._declared(work, FULL)
        return Estimate(
            Spread.exactly(request.duration),
            Spread.exactly(request.cpu),
            Spread.exactly(float(request.memory)),
            runs=0.0,
        )

    def _wanted(self, snapshot: Snapshot) -> list[tuple[Work, str]]:
        """The kinds of work at hand, each in full and in every mode that it may be told to run in."""
        kinds: Mapping[int, Work] = {
            id(run.work): run.work for runs in (snapshot.queued, snapshot.active) for run in runs
        }
        return [(work, mode) for work in kinds.values() for mode in modes_of(self._book.policy(work.policy))]

    def _declared(self, work: Work, mode: str) -> ResourceRequest:
        return request_of(self._book.policy(work.policy), mode)


def _observed(work: Work, usage: RunUsageRow) -> Observation:
    duration = None if usage.started_at is None else max(0.0, usage.ended_at - usage.started_at)
    # the process works before the run is started, and its CPU time covers that: imports, the definitions
    worked = usage.cpu_seconds
    cpu = None if worked is None or duration is None else worked / (TUNING.launch_s + duration)
    return Observation(
        work,
        usage.mode,
        usage.ended_at,
        succeeded=usage.status == _SUCCESS,
        duration_s=duration,
        cpu=cpu,
        memory=usage.memory_peak,
        input_size=usage.input_size,
        out_of_memory=usage.out_of_memory is not None and usage.status != _SUCCESS,
    )


def _told(runs: tuple[Run, ...], own: Mapping[str, Estimate]) -> tuple[Run, ...]:
    """``runs``, each with what is known of it alone."""
    if not own:
        return runs
    return tuple([replace(run, estimate=own[run.run_id]) if run.run_id in own else run for run in runs])
