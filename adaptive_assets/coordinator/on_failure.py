"""What rules while cycles fail."""

from enum import StrEnum

from adaptive_assets.coordinator.cycle import CycleOutcome

PATIENCE = 3
"""After so many failing cycles in a row ``on_failure`` rules; until then the last plan stands."""


class OnFailure(StrEnum):
    """``hold``: nothing more is launched. ``open``: runs are launched as stock Dagster would."""

    HOLD = "hold"
    OPEN = "open"


class Ruling:
    """Counts failing cycles and says what the dequeue pass is to do after each."""

    def __init__(self, on_failure: OnFailure) -> None:
        self._on_failure = on_failure
        self._failures = 0
        self._last: CycleOutcome | None = None

    def succeeded(self, outcome: CycleOutcome) -> None:
        """A cycle went well."""
        self._failures = 0
        self._last = outcome

    def failed(self, error: Exception) -> CycleOutcome | None:
        """The outcome that stands in for the failed cycle; ``None`` means that stock Dagster rules.

        While the last plan stands, what it admitted may still be launched. Under ``hold`` the error is raised
        again: then the pass ends, and the daemon shows it.
        """
        self._failures += 1
        if self._failures < PATIENCE and self._last is not None:
            return self._last
        if self._on_failure is OnFailure.OPEN:
            return None
        raise error
