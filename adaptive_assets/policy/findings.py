"""What is wrong with a value of a policy book, before it is known where that is written."""

from dataclasses import dataclass
from typing import Literal

from adaptive_assets.policy.places import Path, Places
from adaptive_assets.policy.problems import Problem


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong with the value at ``path``; the other fields are those of a :class:`Problem`."""

    path: Path
    message: str
    hint: str
    severity: Literal["error", "warning"] = "error"

    def below(self, *above: str | int) -> "Finding":
        """The same finding, where its path was relative to ``above``."""
        return Finding((*above, *self.path), self.message, self.hint, self.severity)

    def located(self, places: Places, *, at_key: bool = False) -> Problem:
        """As a problem at the place of the value, or of its key."""
        place = places.key(self.path) if at_key else places.value(self.path)
        return Problem(*place, self.message, self.hint, self.severity)
