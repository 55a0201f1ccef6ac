"""Whether the next pass is due before its time: a run was submitted, one ended while others wait, or data

that a run waits for was made or checked.
"""

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import dagster as dg

from adaptive_assets.dagster_compat.runs import FINISHED_STATUSES
from adaptive_assets.dagster_compat.version_evidence import has_newer_event

LEAST_S: Final = 0.5
"""From the beginning of one pass to that of the next, at the least."""

SHARE: Final = 8.0
"""The same in CPU seconds of the last cycle: planning takes an eighth of a core, however much comes ..."""

PAUSE: Final = 2.0
"""... and in seconds that it took: the storage that it waits for has half of the time to itself."""

SETTLE_S: Final = 1.5
"""After the end of a run its process still holds its memory: seconds until it is worth another look."""

MOST_FOLLOWED: Final = 1_000
"""Active runs whose end is looked for early, the oldest ones: their ids go into one query."""

MOST_AWAITED: Final = 100
"""Assets that runs wait for whose events are looked for early: their keys go into one query."""

logger = logging.getLogger("dagster.adaptive_assets")


class NextPass:
    """What the last cycle saw, and whether there is more to see by now.

    A cycle calls :meth:`begin` and :meth:`end`; between cycles, :meth:`is_due` may be asked at any time, all
    in one thread. ``monotonic`` and ``cpu`` are clocks in seconds: one that nobody sets, and what the thread
    has computed.
    """

    def __init__(
        self,
        instance: dg.DagsterInstance,
        monotonic: Callable[[], float] = time.monotonic,
        cpu: Callable[[], float] = time.thread_time,
    ) -> None:
        self._instance = instance
        self._monotonic = monotonic
        self._cpu = cpu
        self._began = self._cpu_began = 0.0
        self._earliest = 0.0
        self._armed = False
        self._queued: frozenset[str] = frozenset()
        self._submitted = ""
        """The run that a pass was begun for; it is not begun again for one that the pass could not see."""
        self._followed: list[str] = []
        self._some_ended = False
        self._again_at: float | None = None
        self._awaited: Sequence[dg.AssetKey] = ()
        self._newest = 0

    def begin(self) -> None:
        """A cycle begins; if it fails, the next one comes in its time."""
        self._began, self._cpu_began = self._monotonic(), self._cpu()
        self._armed = False

    def end(
        self,
        queued: Iterable[str],
        active: Iterable[str],
        admitted: Iterable[str],
        awaited: tuple[Sequence[dg.AssetKey], int] = ((), 0),
    ) -> None:
        """The cycle saw the runs ``queued`` and ``active``, and lets ``admitted`` of the queued ones go.

        ``awaited`` are assets that closed gates wait for, and the id of the newest event before the cycle
        looked at data.
        """
        now = self._monotonic()
        took, computed = now - self._began, self._cpu() - self._cpu_began
        self._earliest = self._began + max(LEAST_S, PAUSE * took, SHARE * computed)
        self._queued = frozenset(queued)
        freed = list(admitted)
        waiting = len(self._queued) > len(freed)
        self._followed = [*active, *freed][:MOST_FOLLOWED] if waiting else []
        self._again_at = now + SETTLE_S if waiting and self._some_ended else None
        self._some_ended = False
        self._awaited, self._newest = awaited[0][:MOST_AWAITED], awaited[1]
        self._armed = True

    def is_due(self) -> bool:
        """Whether a pass would find something new. It costs a query or two, and says so once for each cycle.

        What cannot be read is no reason for a pass: the next one, in its time, tells why.
        """
        now = self._monotonic()
        if not self._armed or now < self._earliest:
            return False
        try:
            due = (
                self._some_have_ended()
                or self._one_was_submitted()
                or self._is_settled(now)
                or self._data_has_changed()
            )
        except Exception as error:  # noqa: BLE001  as above; raised here, it would restart Dagster's loop
            logger.debug("Whether a pass is due cannot be read: %s", error)
            self._armed = False
            return False
        self._armed = not due
        return due

    def _one_was_submitted(self) -> bool:
        """By the run that was created last: one created before it and queued after it waits for its time."""
        queued = dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED])
        (*latest,) = self._instance.get_run_ids(queued, limit=1)
        if not latest or latest[0] in self._queued or latest[0] == self._submitted:
            return False
        self._submitted = latest[0]
        return True

    def _some_have_ended(self) -> bool:
        if not self._followed:
            return False
        ended = dg.RunsFilter(run_ids=self._followed, statuses=list(FINISHED_STATUSES))
        self._some_ended = bool(self._instance.get_run_ids(ended, limit=1))
        return self._some_ended

    def _data_has_changed(self) -> bool:
        return bool(self._awaited) and has_newer_event(self._instance, self._awaited, self._newest)

    def _is_settled(self, now: float) -> bool:
        return self._again_at is not None and now >= self._again_at
