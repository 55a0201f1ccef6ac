"""What is wrong with a policy file, and exactly where."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from typing_extensions import override


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

    @override
    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        word = "warning: " if self.severity == "warning" else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{place}: {word}{self.message}{hint}"


class PolicyError(ValueError):
    """A policy file that cannot be taken; ``problems`` are all that is wrong with it, by line."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(
            sorted(dict.fromkeys(problems), key=lambda problem: (problem.file, problem.line, problem.column))
        )
        super().__init__("\n".join(str(problem) for problem in self.problems))

    @override
    def __reduce__(self) -> tuple[type["PolicyError"], tuple[tuple[Problem, ...]]]:
        return type(self), (self.problems,)
