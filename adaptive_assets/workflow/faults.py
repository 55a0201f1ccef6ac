"""Faults that do not stop the work: said at once, said again while they last, never said in every cycle."""

from dataclasses import dataclass, field

__all__ = ["Fault", "Faults"]

AGAIN_S = 240.0
"""Dagster shows a daemon's error for five minutes: often enough that a fault that lasts stays in sight."""


@dataclass(frozen=True, slots=True)
class Fault:
    """``part`` is what is at fault: ``policy``, ``ledger``, ``backlog``, ``signals`` or ``cycle``."""

    part: str
    message: str


@dataclass(slots=True)
class Faults:
    """The open faults, by part. Call :meth:`begin` before a cycle and :meth:`settle` after it."""

    _open: dict[str, tuple[Fault, float]] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)

    def begin(self) -> None:
        """A new cycle: no part has been at fault in it."""
        self._seen.clear()

    def seen(self, part: str) -> bool:
        """Whether ``part`` was at fault in this cycle."""
        return part in self._seen

    def open(self, part: str, message: str, now: float) -> Fault | None:
        """Note a fault; returns it when it is time to say it."""
        self._seen.add(part)
        fault = Fault(part, message)
        known = self._open.get(part)
        if known and known[0] == fault and 0 <= now - known[1] < AGAIN_S:
            return None
        self._open[part] = (fault, now)
        return fault

    def close(self, part: str) -> None:
        """Note that ``part`` works again."""
        self._open.pop(part, None)

    def settle(self) -> tuple[str, ...]:
        """Close the faults of parts that were not at fault in this cycle; returns those parts."""
        recovered = tuple(part for part in self._open if part not in self._seen)
        for part in recovered:
            del self._open[part]
        return recovered
