"""Faults that do not stop the work: told at once, told again while they last, not told in every cycle."""

from dataclasses import dataclass, field

AGAIN_S = 240.0
"""Dagster shows a daemon's error for five minutes: a fault that lasts stays in sight."""

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Fault:
    """``part`` is what failed: ``policy``, ``ledger``, ``signals``, ``run``, ``data`` and others.

    ``subject`` is the one run, asset or policy that it concerns; empty where it concerns the whole part.
    """

    part: str
    message: str
    subject: str = ""


@dataclass(slots=True)
class Faults:
    """The open faults, by part and subject. Call :meth:`begin` before a cycle and :meth:`settle` after it."""

    _open: dict[Key, tuple[Fault, float]] = field(default_factory=dict)
    _failed: set[Key] = field(default_factory=set)
    _worked: set[str] = field(default_factory=set)

    def begin(self) -> None:
        """A new cycle: no part has failed or worked in it."""
        self._failed.clear()
        self._worked.clear()

    def failed(self, part: str) -> bool:
        """Whether ``part`` as a whole has failed in this cycle."""
        return (part, "") in self._failed

    def worked(self, part: str) -> None:
        """Note that ``part`` as a whole has worked in this cycle."""
        self._worked.add(part)

    def open(self, part: str, message: str, now: float, subject: str = "") -> Fault | None:
        """Note a fault; returns it when it is to be told. ``now`` in POSIX seconds."""
        key = (part, subject)
        self._failed.add(key)
        fault = Fault(part, message, subject)
        known = self._open.get(key)
        if known and known[0] == fault and 0 <= now - known[1] < AGAIN_S:
            return None
        self._open[key] = (fault, now)
        return fault

    def close(self, part: str) -> None:
        """Note that ``part`` works again."""
        self._open.pop((part, ""), None)

    def settle(self) -> tuple[str, ...]:
        """Close the faults of parts that worked in this cycle; returns those parts.

        A part that was not used in this cycle stays at fault: nobody knows whether it works again. A fault of
        one subject ends with the first cycle in which it does not occur, without a word: the run has gone.
        """
        over = [key for key in self._open if key not in self._failed and (key[1] or key[0] in self._worked)]
        for key in over:
            del self._open[key]
        return tuple(part for part, subject in over if not subject)
