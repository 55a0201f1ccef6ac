"""The queue as the planner sees it, without reading ten thousand run bodies in every cycle."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import dagster as dg

from adaptive_assets.assets import tags
from adaptive_assets.coordinator.declared import declared
from adaptive_assets.coordinator.input_size import input_size
from adaptive_assets.dagster_compat.runs import PRIORITY_TAG, RunRecord
from adaptive_assets.planning.snapshot import Claims, QueuedRun, Work

OVERLAP_S = 10.0
"""How far back a read for changes reaches: the clocks of processes that write to one storage differ."""
PAGE = 1_000


@dataclass(frozen=True, slots=True)
class _Seen:
    run: dg.DagsterRun
    queued: QueuedRun


class QueueWatch:
    """Follows the queue: all ids in every cycle, the bodies only of runs that are new or were changed.

    ``work_of`` says what kind of work a run is; when it changes (policies, catalogue), call
    :meth:`reassess`.  ``claims_of`` says which slots of Dagster's own limits it takes, and ``inputs_of``
    what it reads: when that may be something else, call :meth:`look_again`.
    """

    def __init__(
        self,
        instance: dg.DagsterInstance,
        work_of: Callable[[dg.DagsterRun], Work],
        claims_of: Callable[[dg.DagsterRun], Claims | None],
        inputs_of: Callable[[dg.DagsterRun, Work], tuple[str, ...] | None],
    ) -> None:
        self._instance = instance
        self._work_of = work_of
        self._claims_of = claims_of
        self._inputs_of = inputs_of
        self._seen: dict[str, _Seen] = {}
        self._read_at: float | None = None

    def observe(self, now: float) -> tuple[QueuedRun, ...]:
        """The queued runs in the order of their submission."""
        ids = self._instance.get_run_ids(dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED]))
        queued = set(ids)
        self._seen = {run_id: seen for run_id, seen in self._seen.items() if run_id in queued}
        changed = self._changed(now) if self._seen else []
        for record in changed:
            self._take_in(record)
        missing = [run_id for run_id in ids if run_id not in self._seen]
        for start in range(0, len(missing), PAGE):
            for record in self._instance.get_run_records(
                dg.RunsFilter(run_ids=missing[start : start + PAGE])
            ):
                self._take_in(record)
        self._read_at = now
        return tuple(self._seen[run_id].queued for run_id in reversed(ids) if run_id in self._seen)

    def run(self, run_id: str) -> dg.DagsterRun:
        """The body of a queued run, as last read."""
        return self._seen[run_id].run

    def tagged(self, run_id: str, new_tags: Mapping[str, str], gone: Collection[str] = ()) -> None:
        """Remember tags that were just written or taken away, so that the run need not be read again."""
        seen = self._seen[run_id]
        kept = {key: value for key, value in seen.run.tags.items() if key not in gone}
        run = seen.run.with_tags({**kept, **new_tags})
        self._seen[run_id] = _Seen(run, self._describe(run, seen.queued.submitted_at))

    def reassess(self) -> None:
        """Ask again what kind of work every queued run is."""
        for run_id, seen in self._seen.items():
            work = self._work_of(seen.run)
            queued = replace(seen.queued, work=work, inputs=self._inputs_of(seen.run, work))
            self._seen[run_id] = _Seen(seen.run, queued)

    def look_again(self) -> None:
        """Ask again what every queued run reads; a run of which nothing changed stays the same object."""
        for run_id, seen in self._seen.items():
            inputs = self._inputs_of(seen.run, seen.queued.work)
            if inputs != seen.queued.inputs:
                self._seen[run_id] = _Seen(seen.run, replace(seen.queued, inputs=inputs))

    def _changed(self, now: float) -> list[RunRecord]:
        since = min(self._read_at if self._read_at is not None else now, now) - OVERLAP_S
        return list(
            self._instance.get_run_records(
                dg.RunsFilter(
                    statuses=[dg.DagsterRunStatus.QUEUED],
                    updated_after=datetime.fromtimestamp(since, tz=UTC),
                )
            )
        )

    def _take_in(self, record: RunRecord) -> None:
        run = record.dagster_run
        if run.status is not dg.DagsterRunStatus.QUEUED:
            return
        known = self._seen.get(run.run_id)
        if known is not None and known.run.tags == run.tags:
            return
        submitted_at = known.queued.submitted_at if known else record.create_timestamp.timestamp()
        self._seen[run.run_id] = _Seen(run, self._describe(run, submitted_at))

    def _describe(self, run: dg.DagsterRun, submitted_at: float) -> QueuedRun:
        queued = queued_run(run, self._work_of(run), submitted_at)
        claims, inputs = self._claims_of(run), self._inputs_of(run, queued.work)
        return queued if claims is None and inputs is None else replace(queued, claims=claims, inputs=inputs)


def queued_run(run: dg.DagsterRun, work: Work, submitted_at: float) -> QueuedRun:
    """``run`` as the planner sees it when it is first seen; ``submitted_at`` in POSIX seconds."""
    admitted = run.tags.get(tags.ADMISSION) == tags.ADMITTED
    mode = tags.mode(run.tags) if admitted else None
    return QueuedRun(
        run_id=run.run_id,
        work=work,
        submitted_at=submitted_at,
        priority=priority_of(run),
        admitted_mode=mode,
        root_run_id=run.root_run_id or "",
        input_size=input_size(run.tags),
        declared=declared(run.tags),
    )


def priority_of(run: dg.DagsterRun) -> int:
    """``dagster/priority`` as stock Dagster reads it: what is not a number counts as 0."""
    try:
        return int(run.tags.get(PRIORITY_TAG, "0"))
    except ValueError:
        return 0
