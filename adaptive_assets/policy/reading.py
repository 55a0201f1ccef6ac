"""Reading a file that people write: its text, its content and its model, or all that is wrong with it.

The only module of this layer that does I/O.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar

from pydantic import BaseModel, ValidationError

from adaptive_assets.policy.document import position, read_document
from adaptive_assets.policy.explaining import Language, explain
from adaptive_assets.policy.fields import IN_A_FILE
from adaptive_assets.policy.places import Places
from adaptive_assets.policy.problems import PolicyError, Problem
from adaptive_assets.policy.units import format_size

Model = TypeVar("Model", bound=BaseModel)

LARGEST_FILE: Final = 16 * 2**20
"""Bytes; ten thousand policies with everything in them fit twice."""


def located(path: str | Path, home: Path | None = None) -> Path:
    """The file that ``path`` means: one that is relative is looked for in ``home``, then where we work.

    ``home`` is the Dagster home. So a file that lies there is the same one to every process of a deployment,
    whatever the working directory of each.
    """
    file = Path(os.path.expanduser(path))  # noqa: PTH111  raises nothing, and the next does not either
    if home is None or file.is_absolute() or not os.path.exists(home / file):  # noqa: PTH110
        return file
    return home / file


def passed_over(path: str | Path, home: Path | None) -> Path | None:
    """The file in the working directory that ``path`` would mean, were there not another one in ``home``.

    ``None`` where they say the same.
    """
    file = located(path, home)
    other = Path.cwd() / path
    if not file.is_absolute() or Path(path).is_absolute() or not file.is_file() or not other.is_file():
        return None
    return None if file.samefile(other) or file.read_bytes() == other.read_bytes() else other


def read_bytes(path: Path, kind: str, home: Path | None = None) -> bytes:
    """The content of the file at ``path``, which is to be of that ``kind``; :class:`PolicyError` without one.

    What is too large is not read to its end.  ``home`` is where it was looked for before.
    """
    source = str(path)
    try:
        if path.exists() and not path.is_file():
            raise _unreadable(source, "this is a directory, or no plain file", f"name the {kind} itself")
        with path.open("rb") as file:
            return file.read(LARGEST_FILE + 1)
    except PolicyError:
        raise
    except FileNotFoundError:
        hint = "check the path" if path.is_absolute() else f"looked in {_folders(home)}"
        raise _unreadable(source, "there is no such file", hint) from None
    except (OSError, ValueError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or str(error)
        raise _unreadable(
            source, f"the file cannot be read: {reason}", "check its path and its permissions"
        ) from None


def decoded(content: str | bytes, source: str, fewer: str) -> str:
    """The text of ``content``, which must be UTF-8 and not too large; ``fewer`` says how to write less."""
    if len(content) > LARGEST_FILE:
        raise _unreadable(source, f"more than {format_size(LARGEST_FILE)}", fewer)
    if isinstance(content, str):
        return content
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8-sig")
        line, column = position(before, len(before))
        message = f"byte 0x{content[error.start]:02X} at offset {error.start} is not UTF-8"
        raise PolicyError([Problem(source, line, column, message, "save the file as UTF-8")]) from None


def read_mapping(
    text: str | bytes, source: str, language: Language[Model]
) -> tuple[Mapping[str, object], Places, list[Problem]]:
    """The plain content of a file, where it is written, and the problems that leave it readable.

    ``source`` names the file in problems. Raises :class:`PolicyError` where there is no mapping to be had.
    """
    start = f"{language.kind} starts with {language.start}"
    root, problems = read_document(
        decoded(text, source, language.fewer), source, kind=language.kind, start=start
    )
    places, content = Places(source, root), root.plain()
    if not isinstance(content, dict):
        message, hint = f"{language.kind} is a mapping of keys to values", f"start with {language.start}"
        raise PolicyError([*problems, Problem(*places.value(()), message, hint)])
    return content, places, problems


def validated(
    content: object, places: Places, language: Language[Model], problems: Sequence[Problem] = ()
) -> Model:
    """The model that ``content`` is, whose values are written at ``places``.

    ``problems`` were found before. Raises :class:`PolicyError` with them and all that is wrong besides.
    """
    try:
        model = language.top.model_validate(content, context=IN_A_FILE, by_alias=True, by_name=False)
    except ValidationError as error:
        told, more = explain(error, places, language)
        raise PolicyError([*problems, *told], more) from None
    if problems:
        raise PolicyError(problems)
    return model


def _folders(home: Path | None) -> str:
    here = Path.cwd()
    at_home = [] if home in (None, here) else [f"{home} (DAGSTER_HOME)"]
    return " and ".join([*at_home, f"{here} (the working directory)"])


def _unreadable(source: str, message: str, hint: str) -> PolicyError:
    return PolicyError([Problem(source, 0, 0, message, hint)])
