"""What the launchers of a simulated deployment can do to runs, beyond launching them."""

from dataclasses import dataclass
from typing import Final, Self

from adaptive_assets.planning.snapshot import Action

COMPOSE: Final = "compose"
NONE: Final = "none"

WORDS: Final = (*(str(action) for action in Action), COMPOSE)
"""What can be asked for, the mildest first."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """By default what Dagster's launchers can do: nothing to running work, and no composition of stages."""

    actions: tuple[Action, ...] = ()
    """What can be done to running work."""
    composes: bool = False
    """Whether a run can be launched with a part of its stages, or with one stage after another."""

    @classmethod
    def read(cls, text: str) -> Self:
        """From words with commas between them, or ``none``; :class:`ValueError` for any other word."""
        words = [word.strip().lower() for word in text.split(",") if word.strip()]
        if words == [NONE]:
            return cls()
        unknown = [word for word in words if word not in WORDS]
        if unknown or not words:
            told = f"`{unknown[0][:40]}` is no action" if unknown else "no action is named"
            raise ValueError(f"{told}; the actions are {', '.join(WORDS)}; write none by itself for none")
        return cls(tuple(action for action in Action if action in words), COMPOSE in words)

    @property
    def words(self) -> tuple[str, ...]:
        """As :meth:`read` takes them."""
        return (*(str(action) for action in self.actions), *([COMPOSE] if self.composes else []))

    @property
    def title(self) -> str:
        """Which world this is, for titles of tables and reports."""
        if not self.words:
            return "launch, defer, degrade (all that Dagster's launchers can do)"
        added = ", ".join(self.words)
        return f"launch, defer, degrade and {added} (more than Dagster's launchers can do)"


NOTHING: Final = Capabilities()
EVERYTHING: Final = Capabilities(tuple(Action), composes=True)
