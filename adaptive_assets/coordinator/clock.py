"""Whether the wall clock can be believed: a clock that nobody sets runs beside it."""

import time
from typing import Final

TOLERANCE_S: Final = 30.0
"""By how much the two clocks may differ from one look to the next: time daemons correct by less."""


def since_boot() -> float:
    """Seconds on a clock that nobody sets, the time that the machine was suspended included."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


class ClockWatch:
    """Notices when the wall clock jumps forward.

    After a jump the time that runs seem to have waited has not passed. What cannot be taken back (to fail a
    run, to delete records) waits until as much time has really passed, or the clock was set back.
    """

    def __init__(self) -> None:
        self._seen: tuple[float, float] | None = None
        self.ahead_s = 0.0
        """By how many seconds the clock runs ahead of the time that has really passed; 0: it is believed."""

    def look(self, now: float, elapsed: float) -> None:
        """Compare the wall clock ``now`` (POSIX seconds) with a clock that nobody sets (seconds)."""
        if self._seen is not None:
            before, elapsed_before = self._seen
            passed = max(0.0, elapsed - elapsed_before)
            jump = now - before - passed
            self.ahead_s = max(0.0, self.ahead_s - passed)
            if abs(jump) > TOLERANCE_S:
                self.ahead_s = max(0.0, self.ahead_s + jump)
        self._seen = now, elapsed
