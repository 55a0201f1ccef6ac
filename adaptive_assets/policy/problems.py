"""What is wrong with a policy file, and exactly where."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from typing_extensions import override

from adaptive_assets.policy.text import quoted

MOST_TOLD: Final = 50
"""Problems of one file that are told; of the others there is but a count."""
LONGEST_MESSAGE: Final = 500


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a file: ``message`` says what is, ``hint`` what would be right.

    Lines and columns count from 1; 0 means that the problem is with the file and not with a place in it.
    """

    file: str
    line: int
    column: int
    message: str
    hint: str = ""
    severity: Literal["error", "warning"] = "error"

    def __post_init__(self) -> None:
        """Message and hint stay one line of bounded length, whatever they quote."""
        object.__setattr__(self, "message", quoted(self.message, LONGEST_MESSAGE))
        object.__setattr__(self, "hint", quoted(self.hint, LONGEST_MESSAGE))

    @override
    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        word = "warning: " if self.severity == "warning" else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{place}: {word}{self.message}{hint}"


class PolicyError(ValueError):
    """A policy file that cannot be taken.

    ``problems`` are the first that are wrong with it, by line, and ``more`` counts those beside them.
    """

    def __init__(self, problems: Iterable[Problem], more: int = 0) -> None:
        found = sorted(
            dict.fromkeys(problems), key=lambda problem: (problem.file, problem.line, problem.column)
        )
        self.problems: tuple[Problem, ...] = tuple(found[:MOST_TOLD])
        self.more = more + max(0, len(found) - MOST_TOLD)
        rest = [f"and {self.more:,} more"] if self.more else []
        super().__init__("\n".join([*map(str, self.problems), *rest]))

    @override
    def __reduce__(self) -> tuple[type["PolicyError"], tuple[tuple[Problem, ...], int]]:
        return type(self), (self.problems, self.more)
