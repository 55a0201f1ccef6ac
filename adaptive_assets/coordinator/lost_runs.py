"""Runs that Dagster holds to be running although nothing of them is left."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

import dagster as dg

from adaptive_assets.dagster_compat.runs import RunRecord

STALE_S: Final = 600.0
"""Seconds without an event after which a run whose process is gone is lost."""

NEVER_STARTED_S: Final = 3600.0
"""The same for a run that was launched and never started."""

GRACE_S: Final = 60.0
"""Before the first look at events: most runs without a process have just ended, and say so in a moment."""

AGAIN_S: Final = 60.0
"""Between looks at the events of a run that is lost, or nearly: should it speak again, it counts again."""


@dataclass(frozen=True, slots=True)
class RunProblem:
    """What is wrong with one run, in words for an operator."""

    run_id: str
    message: str


@dataclass(slots=True)
class _Quiet:
    """A run under suspicion; times are monotonic."""

    suspected_at: float
    since: float | None = None
    event: int | None = None
    looked_at: float = 0.0
    lost: bool = False


class Silence:
    """How long runs under suspicion have been silent.

    Two clocks must agree: ``monotonic``, because a wall clock may jump by an hour, and the wall's, which the
    events bear, because a machine may have been asleep.
    """

    def __init__(self, instance: dg.DagsterInstance, monotonic: Callable[[], float]) -> None:
        self._instance = instance
        self._monotonic = monotonic
        self._quiet: dict[str, _Quiet] = {}

    def is_stale(
        self, run_id: str, stale_s: float, now: float, is_alive: Callable[[], bool] = lambda: False
    ) -> bool:
        """Whether the run, which is suspicious at ``now``, has been so without an event for ``stale_s``.

        ``is_alive`` is asked before it is held to be so, for what is too dear to be asked in each cycle.
        """
        at = self._monotonic()
        quiet = self._quiet.setdefault(run_id, _Quiet(at))
        if at - quiet.suspected_at < GRACE_S:
            return False
        if quiet.since is None:
            quiet.since, (quiet.event, _) = at, self._last_event(run_id)
        elif at - quiet.since >= stale_s and at - quiet.looked_at >= AGAIN_S:
            quiet.looked_at = at
            event, spoke_at = self._last_event(run_id)
            if event != quiet.event:
                quiet.since, quiet.event, quiet.lost = at, event, False
            else:
                silent = spoke_at is None or now - spoke_at >= stale_s
                quiet.lost = silent and not is_alive()
        return quiet.lost

    def clear(self, run_id: str) -> None:
        """The run is not suspicious."""
        self._quiet.pop(run_id, None)

    def keep_only(self, run_ids: Collection[str]) -> None:
        """Forget all other runs: they have ended."""
        self._quiet = {run_id: quiet for run_id, quiet in self._quiet.items() if run_id in run_ids}

    def _last_event(self, run_id: str) -> tuple[int | None, float | None]:
        """Its number and time (POSIX seconds)."""
        for record in self._instance.get_records_for_run(run_id, limit=1, ascending=False).records:
            return record.storage_id, record.event_log_entry.timestamp
        return None, None


def lost_message(record: RunRecord) -> str:
    """What to tell of a lost run, and what can be done."""
    run = record.dagster_run
    if record.start_time is None:
        state = f"It has not started, and has written no event for {NEVER_STARTED_S / 60:.0f} minutes."
    else:
        state = f"Its process is gone, and it has written no event for {STALE_S / 60:.0f} minutes."
    return (
        f"Run {run.run_id} is {run.status.value} in Dagster, but nothing of it is left. {state}"
        " It does not count any more. Cancel it, or enable `run_monitoring` in dagster.yaml,"
        " which ends such runs."
    )
