"""The runs that hold resources: what their processes use, and what they took when they ended."""

import time
from collections.abc import Callable
from functools import partial
from typing import Final, TypeVar

import dagster as dg

from adaptive_assets.assets import tags
from adaptive_assets.assets.policy_assignment import DEFAULT
from adaptive_assets.coordinator.declared import declared
from adaptive_assets.coordinator.ended_runs import EndedRuns, Kept
from adaptive_assets.coordinator.input_size import input_size
from adaptive_assets.coordinator.lost_runs import NEVER_STARTED_S, STALE_S, RunProblem, Silence, lost_message
from adaptive_assets.coordinator.process_watch import ProcessWatch
from adaptive_assets.dagster_compat.events import sigkills
from adaptive_assets.dagster_compat.run_reports import taken_by_run
from adaptive_assets.dagster_compat.runs import ACTIVE_RUN_STATUSES, RunRecord
from adaptive_assets.ledger import OutOfMemory, RunUsageRow
from adaptive_assets.planning.snapshot import ActiveRun, Work
from adaptive_assets.planning.work_key import work_key
from adaptive_assets.signals import RunProcesses

NOTICED_WITHIN_S: Final = 10.0
"""From the kernel's kill to Dagster's event that tells of it: to free gigabytes takes seconds, and to write
an event takes as long on a machine that is short of memory."""

ATTEMPTS: Final = 3
"""Cycles that try to read what an ended run took, before it is given up."""

T = TypeVar("T")
Amount = TypeVar("Amount", int, float)


class ActiveWatch:
    """Follows the active runs from cycle to cycle, with the processes of those that run on this machine.

    What one run's events, tags or processes raise is the problem of that run alone; what the storage raises
    when runs are listed is the caller's to handle. ``monotonic`` is a clock in seconds that nobody sets.
    """

    def __init__(
        self,
        instance: dg.DagsterInstance,
        work_of: Callable[[dg.DagsterRun], Work],
        processes: RunProcesses,
        node: str,
        *,
        kept: Kept | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._instance = instance
        self._work_of = work_of
        self._node = node
        self._oom_rise = processes.oom_rise
        self._processes = ProcessWatch(instance, processes, monotonic)
        self._ends = EndedRuns(instance, kept)
        self._silence = Silence(instance, monotonic)
        self._failed: dict[str, int] = {}
        self._problems: dict[str, RunProblem] = {}
        self.lost: tuple[RunProblem, ...] = ()
        """Runs that the last :meth:`observe` left out, though Dagster has them: nothing of them is left."""

    @property
    def told_until(self) -> float:
        """All runs that ended before this time (POSIX seconds) were returned by :meth:`ended`."""
        return self._ends.told_until

    @property
    def problems(self) -> tuple[RunProblem, ...]:
        """What could not be read of single runs since :meth:`ended` was last called."""
        return tuple(self._problems.values())

    def resume(self) -> None:
        """Go on, once, from where the daemon before this one stopped.

        Raises:
            LedgerError: that could not be read; the next call tries again.
        """
        self._ends.resume()

    def recorded(self) -> None:
        """Note that all that :meth:`ended` has returned so far is in the ledger.

        Raises:
            LedgerError: the place could not be kept; the next call tries again.
        """
        self._ends.recorded()

    def observe(self, now: float) -> tuple[ActiveRun, ...]:
        """The active runs, oldest first, but those that are :attr:`lost`."""
        records = self._instance.get_run_records(dg.RunsFilter(statuses=list(ACTIVE_RUN_STATUSES)))
        active, lost = list[ActiveRun](), list[RunProblem]()
        for record in reversed(records):
            run = record.dagster_run
            if self._try(run, partial(self._is_lost, record, now), False):
                lost.append(RunProblem(run.run_id, lost_message(record)))
            else:
                active.append(self._describe(record))
        self.lost = tuple(lost)
        self._silence.keep_only({record.dagster_run.run_id for record in records})
        return tuple(active)

    def ended(self, now: float) -> list[tuple[Work, RunUsageRow]]:
        """What the runs took that ended since the last call, each once, in the order of their ends.

        After an absence of the daemon that is some hundreds in each call, until all are read.
        """
        self._problems = {}
        ended: list[tuple[Work, RunUsageRow]] = []
        failed, self._failed = self._failed, {}  # of a run that is not read any more nothing is kept
        for record in self._ends.read(now):
            run, at = record.dagster_run, record.end_time or now
            taken = self._try(run, partial(self._usage, record, at, now), None)
            if taken is not None:
                ended.append(taken)
            elif (tries := failed.get(run.run_id, 0) + 1) < ATTEMPTS:
                self._failed[run.run_id] = tries
                continue
            self._processes.forget(record, at)
            self._ends.tell(run.run_id, at)
        return sorted(ended, key=lambda each: each[1].ended_at)

    def _try(self, run: dg.DagsterRun, read: Callable[[], T], otherwise: T) -> T:
        """What ``read`` says of ``run``; ``otherwise`` if it raises, which is kept as its problem."""
        try:
            return read()
        except Exception as error:  # noqa: BLE001 - whatever ails one run must not stop the others
            message = f"Run {run.run_id} cannot be read in full: {type(error).__name__}: {error}"
            self._problems[run.run_id] = RunProblem(run.run_id, message)
            return otherwise

    def _describe(self, record: RunRecord) -> ActiveRun:
        run = record.dagster_run
        usage = self._processes.usage(run.run_id)
        return ActiveRun(
            run_id=run.run_id,
            work=self._try(run, lambda: self._work_of(run), Work(run.job_name, DEFAULT)),
            mode=tags.mode(run.tags),
            launched_at=record.update_timestamp.timestamp()
            if record.start_time is None
            else record.start_time,
            started_at=record.start_time,
            cpu_used=usage.cpu_now if usage else None,
            memory_used=usage.memory_now if usage else None,
            submitted_at=record.create_timestamp.timestamp(),
            root_run_id=run.root_run_id or "",
            input_size=self._try(run, lambda: input_size(run.tags), None),
            declared=self._try(run, lambda: declared(run.tags), None),
        )

    def _is_lost(self, record: RunRecord, now: float) -> bool:
        """Whether nothing of the run is left: neither a process nor, for a stated time, an event.

        One that has started on another host, where its process cannot be seen, is never lost: it may compute
        for hours without an event. One that is being cancelled is running until it has ended.
        """
        run_id = record.dagster_run.run_id
        if record.start_time is None:
            is_alive = partial(self._processes.is_alive, record)
            return self._silence.is_stale(run_id, NEVER_STARTED_S, now, is_alive)
        self._processes.follow(record)
        if self._processes.is_gone(run_id):
            return self._silence.is_stale(run_id, STALE_S, now)
        self._silence.clear(run_id)
        return False

    def _out_of_memory(self, run: dg.DagsterRun, now: float) -> OutOfMemory | None:
        """The evidence that it was killed for want of memory, if there is any.

        Dagster tells of a SIGKILL, which anybody may send; that it was the kernel, and why, is only plain
        where the kernel's own count of such kills rose just then.
        """
        was_seen = self._processes.was_seen(run.run_id) or self._processes.usage(run.run_id) is not None
        if run.status is not dg.DagsterRunStatus.FAILURE or not was_seen:
            return None
        for at in reversed(sigkills(self._instance, run.run_id)):
            if rise := self._oom_rise(run.run_id, at - NOTICED_WITHIN_S, at, now):
                return OutOfMemory(at, rise.counter, rise.kills, rise.since, rise.until)
        return None

    def _usage(self, record: RunRecord, ended_at: float, now: float) -> tuple[Work, RunUsageRow]:
        run = record.dagster_run
        work, size, said = self._work_of(run), input_size(run.tags), declared(run.tags)
        out_of_memory = self._out_of_memory(run, now)
        told = taken_by_run(self._instance, run.run_id)
        # last of all, because what is forgotten cannot be read again
        usage = self._processes.forget(record, ended_at)
        return work, RunUsageRow(
            run_id=run.run_id,
            work_key=work_key(work),
            policy=work.policy,
            mode=tags.mode(run.tags),
            node=self._node,
            status=run.status.value,
            submitted_at=record.create_timestamp.timestamp(),
            launched_at=None,
            started_at=record.start_time,
            ended_at=ended_at,
            # each may have missed what the other has seen: the last second, or what came after the last step
            cpu_seconds=_most(usage.cpu_seconds if usage else None, told.cpu_seconds if told else None),
            memory_peak=_most(usage.memory_peak if usage else None, told.memory if told else None),
            io_read=usage.io_read if usage else None,
            io_write=usage.io_write if usage else None,
            input_size=size,
            root_run_id=run.root_run_id,
            out_of_memory=out_of_memory,
            declared=said,
        )


def _most(seen: Amount | None, told: Amount | None) -> Amount | None:
    return max((each for each in (seen, told) if each is not None), default=None)
