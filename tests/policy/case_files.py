"""Policy files that carry what is expected of them.

A comment `#! COLUMN TEXT` expects an error at that column of its own line, `#? COLUMN TEXT` a warning; the
text is the message and the hint in brackets, word for word.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from adaptive_assets.policy import Problem

_MARK = re.compile(r"#([!?]) (\d+) (.*?)(?=  ?#[!?] \d|$)")

Expectation = tuple[int, int, str, str]
"""Line, column, severity, text."""


def case_files(folder: str) -> list[Path]:
    """The files of one folder of cases, at least one."""
    files = sorted((Path(__file__).parent / "cases" / folder).glob("*.yaml"))
    if not files:
        raise FileNotFoundError(folder)
    return files


def expected(path: Path) -> list[Expectation]:
    """What the comments of the file expect."""
    severity = {"!": "error", "?": "warning"}
    return [
        (number, int(mark[2]), severity[mark[1]], mark[3])
        for number, line in enumerate(path.read_text().splitlines(), 1)
        for mark in _MARK.finditer(line)
    ]


def found(problems: Iterable[Problem]) -> list[Expectation]:
    """Problems in the same terms, in their own order."""
    return [
        (problem.line, problem.column, problem.severity, f"{problem.message} ({problem.hint})")
        for problem in problems
    ]
