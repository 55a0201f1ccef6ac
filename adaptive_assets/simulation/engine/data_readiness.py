"""The state of the data that runs make and read, and the trouble that a scenario makes with it."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from adaptive_assets.planning.resource_request import FULL
from adaptive_assets.planning.snapshot import CheckOutcome, CheckState, DataState, Freshness
from adaptive_assets.simulation.scenarios.events import DataTrouble

_CHECK: Final = "contract"
"""What the check is called that trouble makes fail."""


class Readiness:
    """The data of each name that some kind of work reads.

    It is fresh and checked from when a run of that name has ended. While it is *late* there is no new version
    and the old one is stale; *broken* fails its checks, and *drifting* passes them with warnings.
    """

    def __init__(self, read: Iterable[str], starts_at: float) -> None:
        self._starts_at = starts_at
        self._made: dict[str, tuple[float, str]] = dict.fromkeys(sorted(set(read)), (starts_at, FULL))
        """When, in POSIX seconds, and in which mode; at the start there is something from before."""
        self._troubles: Counter[tuple[str, str]] = Counter()
        self._states: Mapping[str, DataState] | None = None

    def made(self, name: str, mode: str, now: float) -> None:
        """A run of ``name`` has ended well."""
        if name in self._made and not self._troubles[name, "late"]:
            self._made[name] = (self._starts_at + now, mode)
            self._states = None

    def trouble(self, event: DataTrouble, *, begins: bool) -> None:
        """The trouble begins, or ends. Troubles of one kind may overlap."""
        self._troubles[event.name, event.trouble] += 1 if begins else -1
        self._states = None

    def states(self) -> Mapping[str, DataState]:
        """By name; a new mapping whenever something has changed."""
        if self._states is None:
            self._states = {name: self._state(name) for name in self._made}
        return self._states

    def _state(self, name: str) -> DataState:
        at, mode = self._made[name]
        freshness = Freshness.FAIL if self._troubles[name, "late"] else Freshness.PASS
        outcomes: tuple[CheckOutcome, ...] = ()
        if self._troubles[name, "broken"]:
            outcomes = (CheckOutcome(_CHECK, CheckState.FAIL),)
        elif self._troubles[name, "drifting"]:
            outcomes = (CheckOutcome(_CHECK, CheckState.WARN),)
        return DataState(name, at, freshness, outcomes, mode)
