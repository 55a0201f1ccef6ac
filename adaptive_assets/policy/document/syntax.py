"""Our own sentences for text that is not YAML."""

from typing import Final

import yaml

from adaptive_assets.policy.problems import Problem
from adaptive_assets.policy.text import quoted

_OPENERS: Final = {"sequence": "[", "mapping": "{"}


def explain_yaml_error(error: yaml.MarkedYAMLError, text: str, source: str) -> Problem:
    """The parser's complaint as a problem that says what would be right."""
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line, mark.column) if mark else (0, 0)
    message, hint = _sentence(error, _line(text, line), column)
    return Problem(source, line + 1, column + 1, message, hint)


def _sentence(error: yaml.MarkedYAMLError, line: str, column: int) -> tuple[str, str]:
    complaint, context = error.problem or "it cannot be read", error.context or ""
    opened = error.context_mark.line + 1 if error.context_mark else 0
    character = line[column : column + 1]
    if "\t" in line[: column + 1]:
        return "a tab indents this line", "YAML is indented with spaces"
    if "cannot start any token" in complaint:
        return f"a value cannot start with `{quoted(character)}`", "put the value in quotes"
    if "mapping values are not allowed" in complaint:
        return (
            "this `:` comes where no key can stand",
            "line the key up with its neighbours, or put text that holds `: ` in quotes",
        )
    for noun, opener in _OPENERS.items():
        if context.endswith(f"flow {noun}"):
            return (
                f"the `{opener}` on line {opened} is not closed before this",
                f"close it with `{'}' if opener == '{' else ']'}`, or put a comma between the values",
            )
    if context.endswith("quoted scalar") and "end of stream" in complaint:
        return f"the quote on line {opened} is not closed", "close it"
    if context.endswith(("block collection", "block mapping")):
        return (
            f"this does not line up with line {opened}",
            "indent what belongs together by the same number of spaces",
        )
    return (
        f"this is not YAML: {quoted(complaint)}",
        "check what stands before this place: its quotes, brackets and indentation",
    )


def _line(text: str, number: int) -> str:
    lines = text.splitlines()
    return lines[number] if number < len(lines) else ""
