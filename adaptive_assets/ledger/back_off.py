"""Leaves what has failed alone for a while, so that waiting for it costs next to nothing."""

import time
from collections.abc import Callable
from typing import Final

from adaptive_assets.ledger.errors import LedgerError

FIRST_S: Final = 1.0
LONGEST_S: Final = 15.0


class BackOff:
    """Whether something may be tried again: after a failure in 1 s, then in 2 s, at last every 15 s."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._delay = 0.0
        self._until = 0.0
        self._told = ""

    @property
    def failing(self) -> bool:
        """Whether the last attempt has failed."""
        return bool(self._told)

    def check(self) -> None:
        """Raise what the last attempt has raised, unless it is time for another."""
        if self._told and self._clock() < self._until:
            raise LedgerError(self._told)

    def failed(self, told: str) -> None:
        """An attempt has failed with the message ``told``."""
        self._delay = min(LONGEST_S, 2 * self._delay or FIRST_S)
        self._until = self._clock() + self._delay
        self._told = told

    def worked(self) -> None:
        """An attempt has not failed."""
        self._delay, self._told = 0.0, ""
