"""What went wrong while sampling, kept where an operator can see it and logged once."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

_MOST_REMEMBERED = 256


@dataclass(frozen=True, slots=True)
class SignalFault:
    """One failure: the exception's type and message, and when (POSIX seconds) it was last seen."""

    type: str
    message: str
    at: float


class FaultLog:
    """Keeps the present faults, and logs each distinct one once."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._logged: set[tuple[str, str]] = set()
        self.current: tuple[SignalFault, ...] = ()

    def update(self, errors: Sequence[Exception], now: float) -> None:
        """Take ``errors`` as all that is wrong at ``now``; an empty sequence means that all is well again."""
        faults = tuple(SignalFault(type(error).__name__, str(error), now) for error in errors)
        for fault, error in zip(faults, errors, strict=True):
            self._log_once(fault, error)
        if self.current and not faults:
            was = self.current[0]
            self._logger.info("Sampling goes well again, after %s: %s", was.type, was.message)
        self.current = faults

    def _log_once(self, fault: SignalFault, error: Exception) -> None:
        key = (fault.type, fault.message)
        if key in self._logged:
            return
        if len(self._logged) >= _MOST_REMEMBERED:
            self._logged.clear()  # messages that never repeat must not fill the memory
        self._logged.add(key)
        self._logger.warning(
            "Sampling failed and will be tried again: %s: %s", fault.type, fault.message, exc_info=error
        )
