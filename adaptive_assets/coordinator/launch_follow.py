"""Finds the process of a run as soon as there is one, long before the next cycle would."""

import math
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import dagster as dg

from adaptive_assets.coordinator.run_claims import claims_of, server_of
from adaptive_assets.dagster_compat.runs import ACTIVE_RUN_STATUSES, RunRecord
from adaptive_assets.signals import Belonging, RunProcesses

INTERVAL_S: Final = 0.25
"""Between two looks while runs are being launched. A look costs one read of ids, some milliseconds."""
STOP_WITHIN_S: Final = 5.0
"""For how long the end of a look is awaited: the storage may hang."""
WITHIN_S: Final = 60.0
"""For how long a run is waited for that the last cycle does not name any more: it may just be starting."""

_THREAD_NAME: Final = "adaptive-assets-launches"
_PROVEN: Final = frozenset({Belonging.OWN, Belonging.POOLED})


@dataclass(frozen=True, slots=True)
class _Expected:
    """A run that Dagster may launch at any moment; ``until`` is monotonic."""

    weight: float | None
    until: float = math.inf


class LaunchFollow:
    """Gives the runs that a cycle lets go their CPU weight when they start, from a thread of its own.

    A dequeue pass launches one run after the other, each for a second or more, and the next cycle comes after
    the pass. So the thread looks while there are runs to be launched, and sleeps otherwise. What it misses,
    the next cycle finds. Only Dagster's default launcher starts processes that can be followed.
    """

    def __init__(
        self,
        instance: dg.DagsterInstance,
        processes: RunProcesses,
        *,
        interval_s: float = INTERVAL_S,
    ) -> None:
        self._instance = instance
        self._processes = processes
        self._interval_s = interval_s
        self._expected: dict[str, _Expected] = {}
        self._changed = threading.Condition()
        self._stopped = False
        self._thread: threading.Thread | None = None
        self.problem: Exception | None = None
        """What went wrong at the last look; the next one tries again."""

    def expect(self, weights: Mapping[str, float | None]) -> None:
        """Wait for the processes of these runs, by id; each is given its CPU weight, or none for ``None``.

        They are all that may be launched now: call it in every cycle.

        Raises:
            RuntimeError: no thread can be started now; the next call tries again.
        """
        if not isinstance(self._instance.run_launcher, dg.DefaultRunLauncher):
            return
        until = time.monotonic() + WITHIN_S
        with self._changed:
            self._expected = {
                **{
                    run_id: replace(each, until=min(each.until, until))
                    for run_id, each in self._expected.items()
                },
                **{run_id: _Expected(weight) for run_id, weight in weights.items()},
            }
            if self._expected and self._thread is None and not self._stopped:
                thread = threading.Thread(target=self._follow, name=_THREAD_NAME, daemon=True)
                thread.start()
                self._thread = thread
            self._changed.notify()

    def stop(self) -> None:
        """End the thread, if there is one: nothing reads the instance any more, which may now be closed."""
        with self._changed:
            self._stopped = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(STOP_WITHIN_S)

    def _follow(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._expected or self._stopped)
                if self._stopped:
                    return
                expected = dict(self._expected)
            found: set[str] = set()
            try:
                self.problem = self._look(expected, found)
            except Exception as error:  # noqa: BLE001 - the cycle tells it, and the next look tries again
                self.problem = error
            with self._changed:
                now = time.monotonic()
                self._expected = {
                    run_id: each
                    for run_id, each in self._expected.items()
                    if run_id not in found and now < each.until
                }
                self._changed.wait_for(lambda: self._stopped, self._interval_s)

    def _look(self, expected: Mapping[str, _Expected], found: set[str]) -> Exception | None:
        """Add to ``found`` the runs that have told of their process, and follow those whose process it is.

        What one run raises stops no other, and is returned.
        """
        active = self._instance.get_run_ids(dg.RunsFilter(statuses=list(ACTIVE_RUN_STATUSES)))
        launched = [run_id for run_id in active if run_id in expected]
        if not launched:
            return None
        problem: Exception | None = None
        for record in self._instance.get_run_records(dg.RunsFilter(run_ids=launched)):
            if server_of(record.dagster_run.tags) is None:
                continue  # the launcher has not asked a code server yet, or asks one on another host
            run_id = record.dagster_run.run_id
            try:
                if self._claim(record, expected[run_id].weight):
                    found.add(run_id)
            except Exception as error:  # noqa: BLE001 - as above
                problem = error
        return problem

    def _claim(self, record: RunRecord, weight: float | None) -> bool:
        """Whether the run has told of a process."""
        claims = claims_of(self._instance, record)
        for claim in claims:
            if self._processes.claim(claim) in _PROVEN and weight is not None:
                self._processes.weigh(claim.run_id, weight)
        return bool(claims)
