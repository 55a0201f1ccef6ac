"""Reading a policy file: one book, or every problem that the file has.

The only module of this layer that does I/O.
"""

from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Final

from pydantic import ValidationError

from adaptive_assets.policy.document import position, read_document
from adaptive_assets.policy.explaining import explain
from adaptive_assets.policy.fields import IN_A_FILE
from adaptive_assets.policy.honoured import not_honoured
from adaptive_assets.policy.model import PolicyBook
from adaptive_assets.policy.names import Names, broken_names
from adaptive_assets.policy.places import Path, Places
from adaptive_assets.policy.plain import as_text, mapping, sequence
from adaptive_assets.policy.problems import PolicyError, Problem
from adaptive_assets.policy.terms import USUAL_TIERS
from adaptive_assets.policy.units import format_size

LARGEST_FILE: Final = 16 * 2**20
"""Bytes; ten thousand policies with everything in them fit twice."""


def load_policy_book(path: str | FilePath, *, enforce: bool = True) -> PolicyBook:
    """The policy book in the file at ``path``.

    With ``enforce``, a field that this version does not honour yet is refused; without, it is read, so that
    it can be checked.  Raises :class:`PolicyError` with all that is wrong, in the order of the lines.
    """
    source = str(path)
    return parse_policy_book(_read(FilePath(path), source), source, enforce=enforce)


def parse_policy_book(text: str | bytes, source: str, *, enforce: bool = True) -> PolicyBook:
    """The policy book that ``text`` is; ``source`` names it in problems.  As :func:`load_policy_book`."""
    if len(text) > LARGEST_FILE:
        raise _unreadable(source, f"more than {format_size(LARGEST_FILE)}", "write fewer, wider policies")
    root, problems = read_document(text if isinstance(text, str) else _decode(text, source), source)
    places, content = Places(source, root), root.plain()
    if not isinstance(content, dict):
        message, hint = "a policy book is a mapping of keys to values", "start with `version: 1`"
        raise PolicyError([*problems, Problem(*places.value(()), message, hint)])
    refused = list(not_honoured(content)) if enforce else []
    problems += (finding.located(places, at_key=True) for finding in refused)
    problems += (finding.located(places) for finding in broken_names(_names(content)))
    try:
        book = PolicyBook.model_validate(content, context=IN_A_FILE, by_alias=True, by_name=False)
    except ValidationError as error:
        problems += explain(error, places, [finding.path for finding in refused])
        raise PolicyError(problems) from None
    if problems:
        raise PolicyError(problems)
    book.place(places)
    return book


def _names(content: Mapping[str, object]) -> Names:
    """The names in a book's plain ``content``, whatever else is wrong with it."""
    tiers = (
        sequence(content["tiers"]) if "tiers" in content else [{"name": tier.name} for tier in USUAL_TIERS]
    )
    policies = sequence(content.get("policies"))
    users: list[tuple[Path, object]] = [
        *(
            (("policies", position, "tier"), mapping(policy).get("tier"))
            for position, policy in enumerate(policies)
        ),
        (("default", "tier"), mapping(content.get("default")).get("tier")),
        *(
            (("tiers", position, "preempts", place), name)
            for position, tier in enumerate(tiers)
            for place, name in enumerate(sequence(mapping(tier).get("preempts")))
        ),
    ]
    return Names(
        tiers=[as_text(mapping(tier).get("name")) for tier in tiers],
        policies=[as_text(mapping(policy).get("name")) for policy in policies],
        used=[(path, name) for path, name in users if isinstance(name, str)],
    )


def _read(path: FilePath, source: str) -> bytes:
    try:
        if path.exists() and not path.is_file():
            raise _unreadable(source, "this is a directory, or no plain file", "name the policy file itself")
        with path.open("rb") as file:
            return file.read(LARGEST_FILE + 1)
    except FileNotFoundError:
        hint = f"relative paths start at {FilePath.cwd()}" if not path.is_absolute() else "check the path"
        raise _unreadable(source, "there is no such file", hint) from None
    except (OSError, ValueError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or str(error)
        raise _unreadable(
            source, f"the file cannot be read: {reason}", "check its path and its permissions"
        ) from None


def _decode(data: bytes, source: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8-sig")
        line, column = position(before, len(before))
        message = f"byte 0x{data[error.start]:02X} at offset {error.start} is not UTF-8"
        raise PolicyError([Problem(source, line, column, message, "save the file as UTF-8")]) from None


def _unreadable(source: str, message: str, hint: str) -> PolicyError:
    return PolicyError([Problem(source, 0, 0, message, hint)])
