"""Runs the parts of a cycle, each so that its error is its own: it is told, and the rest goes on."""

import logging
from collections import Counter
from collections.abc import Callable
from typing import Final, TypeVar

from adaptive_assets.coordinator.faults import Fault, Faults
from adaptive_assets.ledger import LedgerError
from adaptive_assets.ledger.texts import LONGEST_MESSAGE
from adaptive_assets.policy import PolicyError
from adaptive_assets.policy.text import paragraph

__all__ = ["EXPLAINED", "Parts", "message_of"]

T = TypeVar("T")

MOST_TOLD: Final = 10
"""Faults of single subjects that one part tells in one cycle; of the others it tells how many they are."""

EXPLAINED: Final = (LedgerError, PolicyError)
"""Errors whose message says all there is to say: their traceback helps nobody."""

logger = logging.getLogger("dagster.adaptive_assets")


class Parts:
    """The faults of one cycle after another. ``record`` puts a fault where operators look for it."""

    def __init__(self, record: Callable[[Fault], None]) -> None:
        self._record = record
        self._faults = Faults()
        self._now = 0.0
        self._told: Counter[str] = Counter()
        self._untold: Counter[str] = Counter()
        self.told: list[Fault] = []
        """The faults that this cycle tells."""

    def begin(self, now: float) -> None:
        """Begin a cycle at ``now`` (POSIX seconds)."""
        self._now = now
        self._faults.begin()
        self._told.clear()
        self._untold.clear()
        self.told = []

    def attempt(self, part: str, action: Callable[[], T], otherwise: T, *, subject: str = "") -> T:
        """What ``action`` returns, or ``otherwise`` where it raises: the error becomes a fault of ``part``.

        With ``subject`` it concerns that run, asset or policy alone.
        """
        try:
            result = action()
        except Exception as error:  # noqa: BLE001  whatever it is, it is told, and it stops nobody else
            self.failed(part, error, subject=subject)
            return otherwise
        if not subject:
            self._faults.worked(part)
        return result

    def attempt_once(self, part: str, action: Callable[[], T], otherwise: T) -> T:
        """As :meth:`attempt`, unless ``part`` has failed in this cycle: each attempt may take seconds."""
        return otherwise if self.has_failed(part) else self.attempt(part, action, otherwise)

    def failed(self, part: str, error: Exception, *, subject: str = "") -> None:
        """Tell an error that was caught elsewhere as a fault of ``part``."""
        if self.fault(part, message_of(error), subject=subject) and not isinstance(error, EXPLAINED):
            logger.error("The error of %s in full:", subject or part, exc_info=error)

    def fault(self, part: str, message: str, *, subject: str = "") -> bool:
        """Note a fault; true when it is told now."""
        message = paragraph(message, LONGEST_MESSAGE)
        fault = self._faults.open(part, message, self._now, subject)
        if fault is None:
            return False
        if subject and self._told[part] >= MOST_TOLD:
            self._untold[part] += 1
            return False
        self._told[part] += 1
        self._tell(fault)
        return True

    def notice(self, part: str, message: str) -> None:
        """Tell what happened once and is over."""
        self._tell(Fault(part, paragraph(message, LONGEST_MESSAGE)))

    def works(self, part: str) -> None:
        """Note that ``part`` has worked in this cycle."""
        self._faults.worked(part)

    def has_failed(self, part: str) -> bool:
        """Whether ``part`` as a whole has failed in this cycle."""
        return self._faults.failed(part)

    def end(self) -> None:
        """End the cycle: tell how many faults were left out, and which parts work again."""
        for part, count in self._untold.items():
            self._tell(Fault(part, f"{count} more faults of this kind in the same cycle"))
        for part in self._faults.settle():
            logger.info("%s: works again.", part)

    def _tell(self, fault: Fault) -> None:
        self.told.append(fault)
        logger.error("%s: %s", fault.part, fault.message)
        self._record(fault)


def message_of(error: Exception) -> str:
    """The message of an error, after its kind where the message alone does not say all there is to say."""
    return str(error) if isinstance(error, EXPLAINED) else f"{type(error).__name__}: {error}"
