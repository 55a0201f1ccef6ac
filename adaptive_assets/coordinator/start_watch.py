"""Predicts, now and then, when waiting runs will start, and learns from what comes of it."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Final

from adaptive_assets.learning.start_calibration import KEY, StartCalibration
from adaptive_assets.ledger import Ledger
from adaptive_assets.planning.decisions import Plan
from adaptive_assets.planning.prediction import Starts, predicting
from adaptive_assets.planning.snapshot import Snapshot
from adaptive_assets.policy import PolicyBook

PER_PASS_S: Final = 0.05
"""After so long the rest of a prediction is left to later passes."""

SHARE: Final = 0.01
"""And no more than this share of the time is spent on predictions, however long one plan takes."""

KEPT_EVERY_S: Final = 300.0


@dataclass(frozen=True, slots=True)
class _UnderWay:
    """A prediction of runs, by tier, that was begun ``at``, and the runs that have started since."""

    at: float
    runs: Mapping[str, Sequence[str]]
    steps: Starts
    started: dict[str, float] = field(default_factory=dict)


class StartWatch:
    """The calibration of predicted starts in a daemon: a few runs of each tier are predicted at a time.

    ``clock`` measures how long that takes, in seconds.  Where the coordinator only ``observes``, stock
    Dagster decides when runs start, and nothing is learned from that.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter, *, observes: bool = False) -> None:
        self._clock = clock
        self._observes = observes
        self._calibration = StartCalibration()
        self._under_way: _UnderWay | None = None
        self._rests_until = -inf
        self._recalled = False
        self._is_kept = True
        self._kept_at = -inf

    def recall(self, ledger: Ledger) -> None:
        """Take up, once, what the process before this one had learned.

        Raises:
            LedgerError: it could not be read; the next call tries again.
        """
        if self._recalled:
            return
        self._calibration, self._recalled = StartCalibration.read(ledger.kept(KEY)), True

    def keep(self, ledger: Ledger, now: float) -> None:
        """Keep what was learned, at most every five minutes.

        Raises:
            LedgerError: it could not be kept; the next call tries again.
        """
        if not self._recalled or self._is_kept or 0 <= now - self._kept_at < KEPT_EVERY_S:
            return
        ledger.keep(KEY, self._calibration.text())
        self._kept_at, self._is_kept = now, True

    def observe(self, snapshot: Snapshot, plan: Plan, book: PolicyBook) -> None:
        """Note which runs have started and which wait, and go on predicting."""
        if (
            self._observes or not snapshot.clock_certain
        ):  # an uncertain clock: nobody knows how long runs wait
            return
        started = {run.run_id: run.launched_at for run in snapshot.active}
        started |= {run.run_id: plan.at for decision in plan.admitted() for run in decision.runs}
        if self._calibration.started(started):
            self._is_kept = False
        if self._under_way is None and (due := self._calibration.due(plan)):
            run_ids = [run_id for each in due.values() for run_id in each]
            self._under_way = _UnderWay(plan.at, due, predicting(snapshot, book, run_ids))
        if self._under_way is not None:
            self._under_way.started.update(started)
            self._go_on(self._under_way)

    def _go_on(self, under_way: _UnderWay) -> None:
        began = self._clock()
        if began < self._rests_until:
            return
        try:
            while (spent := self._clock() - began) < PER_PASS_S:
                next(under_way.steps)
        except StopIteration as done:
            self._under_way = None
            self._calibration.predicted(under_way.at, under_way.runs, done.value)
            self._calibration.started(under_way.started)
            self._is_kept = False
            spent = self._clock() - began
        except Exception:
            self._under_way = None  # the next one is of another snapshot
            raise
        self._rests_until = began + spent / SHARE
