"""Slots: what the limits of Dagster's own, its pools and tag concurrency limits, still let go.

Dagster passes a run by whose pool is full. To admit it all the same would give its place to nobody, or let
more go than the guards allow once the pool has slots again.
"""

from collections.abc import Mapping
from typing import Final

from adaptive_assets.planning.reasons import Reason, ReasonCode
from adaptive_assets.planning.snapshot import Claims, SlotKind, Snapshot, Work

CODES: Final[Mapping[SlotKind, ReasonCode]] = {
    SlotKind.POOL: ReasonCode.POOL,
    SlotKind.TAG: ReasonCode.TAG_LIMIT,
}


class Slots:
    """What is free of them while a plan is made."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._at = snapshot.at
        self._limits = snapshot.limits
        self._paused = {name: until for name, until in snapshot.paused.items() if until > snapshot.at}
        self._free = {key: limit.free for key, limit in snapshot.limits.items()}

    def lacks(self, work: Work, claims: Claims | None) -> tuple[Reason, ...]:
        """Why Dagster would not launch such a run now; empty where it would."""
        paused = self._pause(work.location) if work.location in self._paused else ()
        if claims is None:
            return paused
        full = [key for key in claims.every if self._is_full(key)]
        if claims.some and all(self._is_full(key) for key in claims.some):
            full += claims.some
        return (*paused, *(self._full(key) for key in dict.fromkeys(full)))

    def take(self, claims: Claims | None) -> None:
        """Count the slots of a run that goes."""
        for key, count in claims.taken.items() if claims else ():
            if key in self._free:
                self._free[key] -= count

    def _is_full(self, key: str) -> bool:
        return self._free.get(key, 1) <= 0

    def _full(self, key: str) -> Reason:
        limit = self._limits[key]
        taken = limit.size - self._free[key]
        return Reason(
            CODES[limit.kind],
            {limit.kind.value: limit.name, "taken": taken, "limit": limit.size},
        )

    def _pause(self, location: str) -> tuple[Reason, ...]:
        left = self._paused[location] - self._at
        return (Reason(ReasonCode.LOCATION_PAUSED, {"location": location, "again_in_s": left}),)
