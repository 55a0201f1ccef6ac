"""The runs that hold resources: what their processes use, and what they took when they ended."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import dagster as dg

from adaptive_assets.ledger import OutOfMemory, RunUsageRow
from adaptive_assets.planning.snapshot import ActiveRun, Work
from adaptive_assets.planning.work_key import work_key
from adaptive_assets.signals import RunProcesses
from adaptive_assets.workflow import tags
from adaptive_assets.workflow.dagster_private import (
    ACTIVE_RUN_STATUSES,
    FINISHED_STATUSES,
    RunRecord,
    sigkills,
)
from adaptive_assets.workflow.input_size import input_size

__all__ = ["ActiveWatch"]

OVERLAP_S = 10.0

NOTICED_WITHIN_S = 10.0
"""From the kernel's kill to Dagster's event that tells of it: to free gigabytes takes seconds, and to write
an event takes as long on a machine that is short of memory."""


class ActiveWatch:
    """Follows the active runs from cycle to cycle, with the processes of those that run on this machine."""

    def __init__(
        self,
        instance: dg.DagsterInstance,
        work_of: Callable[[dg.DagsterRun], Work],
        processes: RunProcesses,
        node: str,
    ) -> None:
        self._instance = instance
        self._work_of = work_of
        self._processes = processes
        self._node = node
        self._watched: set[str] = set()
        self._told: set[str] = set()
        """Runs of the last call: what is read overlaps, so that none is missed."""
        self._read_at: float | None = None

    def observe(self, now: float) -> tuple[ActiveRun, ...]:
        """The active runs, oldest first."""
        records = self._instance.get_run_records(dg.RunsFilter(statuses=list(ACTIVE_RUN_STATUSES)))
        active = tuple(self._describe(record) for record in reversed(records))
        if self._read_at is None:
            self._read_at = now
        return active

    def ended(self, now: float) -> list[tuple[Work, RunUsageRow]]:
        """What the runs took that ended since the last call, each once, in the order of their ends."""
        since = min(self._read_at if self._read_at is not None else now, now) - OVERLAP_S
        self._read_at = now
        records = self._instance.get_run_records(
            dg.RunsFilter(
                statuses=list(FINISHED_STATUSES), updated_after=datetime.fromtimestamp(since, tz=UTC)
            )
        )
        ends = {record.dagster_run.run_id: (record, record.end_time) for record in records}
        ended = [
            self._usage(record, end, now)
            for run_id, (record, end) in ends.items()
            if end is not None and run_id not in self._told
        ]
        self._told = {run_id for run_id, (_, end) in ends.items() if end is not None}
        return sorted(ended, key=lambda each: each[1].ended_at)

    def _describe(self, record: RunRecord) -> ActiveRun:
        run = record.dagster_run
        if record.start_time is not None and run.run_id not in self._watched:
            self._watch(run)
        usage = self._processes.usage(run.run_id)
        return ActiveRun(
            run_id=run.run_id,
            work=self._work_of(run),
            mode=run.tags.get(tags.MODE, tags.FULL),
            launched_at=record.update_timestamp.timestamp()
            if record.start_time is None
            else record.start_time,
            started_at=record.start_time,
            cpu_used=usage.cpu_now if usage else None,
            memory_used=usage.memory_now if usage else None,
            submitted_at=record.create_timestamp.timestamp(),
            root_run_id=run.root_run_id or "",
            input_size=input_size(run.tags),
        )

    def _watch(self, run: dg.DagsterRun) -> None:
        """Follow its processes, if they run here: a pid that another machine means is younger or older."""
        self._watched.add(run.run_id)
        for pid, timestamp in self._pids(run.run_id):
            self._processes.watch(run.run_id, pid, known_at=timestamp)

    def _pids(self, run_id: str) -> Iterator[tuple[int, float]]:
        """The process ids that the run's events name, with the time of the event."""
        page = self._instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)
        for record in page.records:
            event = record.event_log_entry.dagster_event
            pid = event.engine_event_data.metadata.get("pid") if event else None
            if pid is not None and str(pid.value).isdigit():
                yield int(str(pid.value)), record.event_log_entry.timestamp

    def _out_of_memory(self, run: dg.DagsterRun, now: float) -> OutOfMemory | None:
        """The evidence that it was killed for want of memory, if there is any.

        Dagster tells of a SIGKILL, which anybody may send; that it was the kernel, and why, is only plain
        where the kernel's own count of such kills rose just then.
        """
        if run.status is not dg.DagsterRunStatus.FAILURE or run.run_id not in self._watched:
            return None
        for at in reversed(sigkills(self._instance, run.run_id)):
            if rise := self._processes.oom_rise(run.run_id, at - NOTICED_WITHIN_S, at, now):
                return OutOfMemory(at, rise.counter, rise.kills, rise.since, rise.until)
        return None

    def _usage(self, record: RunRecord, ended_at: float, now: float) -> tuple[Work, RunUsageRow]:
        run = record.dagster_run
        out_of_memory = self._out_of_memory(run, now)
        usage = self._processes.forget(run.run_id) if run.run_id in self._watched else None
        self._watched.discard(run.run_id)
        work = self._work_of(run)
        return work, RunUsageRow(
            run_id=run.run_id,
            work_key=work_key(work),
            policy=work.policy,
            mode=run.tags.get(tags.MODE, tags.FULL),
            node=self._node,
            status=run.status.value,
            submitted_at=record.create_timestamp.timestamp(),
            launched_at=None,
            started_at=record.start_time,
            ended_at=ended_at,
            cpu_seconds=usage.cpu_seconds if usage and usage.samples else None,
            memory_peak=usage.memory_peak if usage and usage.samples else None,
            io_read=usage.io_read if usage and usage.samples else None,
            io_write=usage.io_write if usage and usage.samples else None,
            input_size=input_size(run.tags),
            root_run_id=run.root_run_id,
            out_of_memory=out_of_memory,
        )
