"""The launches of late, for the ramp: also of runs that have ended since."""

from collections.abc import Collection
from datetime import UTC, datetime

import dagster as dg

from adaptive_assets.assets import tags
from adaptive_assets.dagster_compat.runs import FINISHED_STATUSES, RunRecord

OVERLAP_S = 10.0
"""How far back a read for changes reaches: the clocks of processes that write to one storage differ."""


class LaunchWatch:
    """Remembers the launches of runs that have ended, as long as they count.

    What it does not remember, after a restart, it reads again from the runs that ended within that time.
    """

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self._instance = instance
        self._launches: dict[str, float] = {}
        self._read_at: float | None = None

    def observe(self, now: float, window_s: float, active: Collection[str]) -> tuple[float, ...]:
        """When the runs were launched, within ``window_s`` before ``now``, that are not ``active`` any more.

        Call it after the active runs were read: what ends in between is then in one of the two at least.
        """
        since = now - window_s
        if self._read_at is not None:
            since = max(since, min(self._read_at, now) - OVERLAP_S)
        ended = self._instance.get_run_records(
            dg.RunsFilter(
                statuses=list(FINISHED_STATUSES), updated_after=datetime.fromtimestamp(since, tz=UTC)
            )
        )
        self._read_at = now
        for record in ended:
            launched_at = _launched_at(record)
            if launched_at is not None:
                self._launches[record.dagster_run.run_id] = launched_at
        return self.remembered(now, window_s, active)

    def remembered(self, now: float, window_s: float, active: Collection[str]) -> tuple[float, ...]:
        """The same without a look at what has ended since the last one."""
        self._launches = {run_id: at for run_id, at in self._launches.items() if now - at < window_s}
        return tuple(sorted(at for run_id, at in self._launches.items() if run_id not in active))


def _launched_at(record: RunRecord) -> float | None:
    """When the run was launched, as far as its record tells; ``None`` if it never was.

    A run that was admitted, and failed before its process said that it starts, was launched just before.
    """
    if record.start_time is not None:
        return record.start_time
    run = record.dagster_run
    failed = run.status is dg.DagsterRunStatus.FAILURE
    return record.end_time if failed and tags.read(run.tags, tags.ADMISSION) == tags.ADMITTED else None
