"""The rules, each with the values that switch it off by itself."""

from dataclasses import dataclass
from typing import Any, Final

__all__ = ["CONTROL", "FULL", "RULES", "Rule"]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of planning or of learning, and the fields of their tunings whose values switch it off.

    ``acts``: whether it acts on running work, so that only a launcher that can do so shows it. ``moves_s``
    is not zero in the control alone.
    """

    name: str
    planning: tuple[tuple[str, Any], ...] = ()
    learning: tuple[tuple[str, Any], ...] = ()
    acts: bool = False
    moves_s: float = 0.0

    @property
    def changes(self) -> dict[str, Any]:
        """What is other than with all rules, for a file of kept cells."""
        found = {**dict(self.planning), **{f"learning.{name}": value for name, value in self.learning}}
        return {**found, "moves_s": self.moves_s} if self.moves_s else found


FULL: Final = Rule("all rules")
"""The planner as it is."""

CONTROL: Final = Rule("nothing: arrivals up to 1 s later", moves_s=1.0)
"""No rule is off. What is different by more than the seeds are, is so by chance."""

RULES: Final[tuple[Rule, ...]] = ()
