"""How the command line fails: a sentence on stderr and an exit code, no traceback for a user's mistake."""

import re
from pathlib import Path
from typing import Any, Final

import click
from typing_extensions import override

PROBLEMS: Final = 1
"""Something is wrong with what was looked at: a policy file, the deployment, the ledger."""
BAD_INPUT: Final = 2
"""Something is wrong with what was asked; click's own code for a usage error."""

_URL_PASSWORD: Final = re.compile(r"(://[^\s:/@]*:)[^\s/]*@")
_NAMED_SECRET: Final = re.compile(
    r"(?i)\b(password|passwd|pwd|secret|token|sslpassword|api_?key)=[^\s&;'\"]+"
)


class CliError(click.ClickException):
    """A command that cannot go on; ``hint`` says what would be right."""

    def __init__(self, message: str, hint: str = "", exit_code: int = BAD_INPUT) -> None:
        super().__init__(masked(message if not hint else f"{message}\n{hint}"))
        vars(self)["exit_code"] = exit_code  # click's own is typed as the class's

    @override
    def show(self, file: Any = None) -> None:
        """Print the message to stderr (or ``file``)."""
        click.secho(f"adaptive: {self.format_message()}", err=file is None, file=file, fg="red")


def write_text(file: Path, text: str) -> None:
    """Write ``text`` to ``file``; :class:`CliError` where that cannot be."""
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CliError(f"{file} cannot be written: {error.strerror}.") from error


def note(text: str) -> None:
    """Say something beside the result, on stderr, so that it is in nobody's pipe."""
    click.secho(masked(text), err=True, fg="yellow")


def masked(text: str) -> str:
    """``text`` without the passwords of URLs and without what is named as a secret."""
    return _NAMED_SECRET.sub(r"\1=***", _URL_PASSWORD.sub(r"\1***@", text))


def one_line(error: BaseException) -> str:
    """An exception as one short sentence: its first line that says something, or its type."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return masked(lines[0]) if lines else type(error).__name__
