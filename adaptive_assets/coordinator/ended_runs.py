"""Which runs have ended since they were last asked for: each once, also over a restart of the daemon."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import inf
from typing import Final, Protocol

import dagster as dg

from adaptive_assets.dagster_compat.runs import FINISHED_STATUSES, RunRecord
from adaptive_assets.ledger import RunUsageRow

__all__ = ["KEY", "PAGE", "EndedRuns", "Kept"]

KEY: Final = "ended_runs"
"""Under which the place in the list of ended runs is kept in the ledger."""

OVERLAP_S: Final = 60.0
"""How far back is read again: an end bears the clock of its worker, and may be stored after a later one."""

PAGE: Final = 200
"""Ends in one cycle, more or less: after a week away, a cycle takes a fraction of a second longer."""

_INSTANT: Final = timedelta(microseconds=1)
"""What the storage tells times apart by."""


class Kept(Protocol):
    """What outlives the daemon: the ledger."""

    def kept(self, key: str) -> str | None:
        """The small state that was kept under ``key``."""

    def keep(self, key: str, value: str) -> None:
        """Keep ``value`` under ``key``."""

    def usages(
        self, *, policy: str | None = None, since: float | None = None, limit: int | None = None
    ) -> list[RunUsageRow]:
        """The usages of runs that ended at ``since`` or later."""


@dataclass(frozen=True, slots=True)
class _Place:
    """A place in the list of finished runs by the time of their last change (POSIX seconds).

    All that changed up to ``cursor`` was read.  All that ended up to ``floor`` was learned from: what ended
    before and changes later (somebody tags it) has not ended again.  The two differ while runs that ended in
    the daemon's absence are read back.
    """

    cursor: float
    floor: float

    def no_later_than(self, now: float) -> "_Place":
        """A clock that was wrong must not make us skip what ends until that time."""
        return _Place(min(self.cursor, now), min(self.floor, now))


class EndedRuns:
    """Reads the runs that have ended since the last call.

    A deployment that is seen for the first time is not read back: what ended before is not learned from.
    """

    def __init__(self, instance: dg.DagsterInstance, kept: Kept | None = None) -> None:
        self._instance = instance
        self._kept = kept
        self._place: _Place | None = None
        self._stored: _Place | None = None
        self._resumed = kept is None
        self._told: dict[str, float] = {}
        """Runs that ended after the floor and were told, with their ends."""

    def resume(self) -> None:
        """Go on, once, from where the daemon before this one stopped.

        Raises:
            LedgerError: that could not be read; the next call tries again.
        """
        if self._resumed or self._kept is None:
            return
        before = _parsed(self._kept.kept(KEY))
        if before is not None:
            if self._place is not None:
                before = before.no_later_than(min(self._place.cursor, self._place.floor))
            learned = self._kept.usages(since=before.floor - OVERLAP_S)
            self._told |= {usage.run_id: usage.ended_at for usage in learned}
            self._place = self._stored = before
        self._resumed = True

    def read(self, now: float) -> Sequence[RunRecord]:
        """The runs that ended and were not told, in the order of their last change, some hundreds at most.

        Call :meth:`tell` for each that was read for good; the others are read again for a while.
        """
        if self._place is None:
            self._place = _Place(now, now)
        self._place = place = self._place.no_later_than(now)
        newer_than = datetime.fromtimestamp(place.cursor - OVERLAP_S, tz=UTC)
        fresh: dict[str, RunRecord] = {}
        limit = PAGE
        while True:
            page = self._page(newer_than, limit)
            fresh |= {each.dagster_run.run_id: each for each in page if self._is_new(each, place)}
            complete = len(page) < limit
            reached = page[-1].update_timestamp if page else newer_than
            if complete or len(fresh) >= PAGE:
                break
            # the page may end amid several that changed in one instant; if they fill it, it must be larger
            again_from = reached - _INSTANT
            limit = limit * 2 if again_from <= newer_than else PAGE
            newer_than = max(newer_than, again_from)
        cursor = max(place.cursor, min(reached.timestamp(), now))
        self._place = _Place(cursor, cursor if complete else place.floor)
        return list(fresh.values())

    def tell(self, run_id: str, ended_at: float) -> None:
        """Note that the run is done with."""
        self._told[run_id] = ended_at

    @property
    def told_until(self) -> float:
        """All runs that ended before this (POSIX seconds) were told; minus infinity before a first read."""
        return -inf if self._place is None else self._place.floor - OVERLAP_S

    def recorded(self) -> None:
        """All that was told is in the ledger: keep the place there as well.

        Raises:
            LedgerError: it could not be kept; the next call tries again.
        """
        place = self._place
        if place is None:
            return
        oldest = place.floor - OVERLAP_S
        self._told = {run_id: at for run_id, at in self._told.items() if at > oldest}
        if self._resumed and self._kept is not None and place != self._stored:
            self._kept.keep(KEY, json.dumps({"cursor": place.cursor, "floor": place.floor}))
            self._stored = place

    def _page(self, newer_than: datetime, limit: int) -> Sequence[RunRecord]:
        changed = dg.RunsFilter(statuses=list(FINISHED_STATUSES), updated_after=newer_than)
        return self._instance.get_run_records(
            changed, limit=limit, order_by="update_timestamp", ascending=True
        )

    def _is_new(self, record: RunRecord, place: _Place) -> bool:
        ended_at = record.end_time
        return (
            ended_at is not None
            and ended_at > place.floor - OVERLAP_S
            and record.dagster_run.run_id not in self._told
        )


def _parsed(text: str | None) -> _Place | None:
    """What was kept; ``None`` for nothing, and for what a later version may have put there."""
    try:
        kept = json.loads(text or "{}")
        return _Place(float(kept["cursor"]), float(kept["floor"]))
    except (ValueError, TypeError, KeyError):
        return None
