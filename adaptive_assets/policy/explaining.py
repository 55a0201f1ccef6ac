"""Pydantic's errors as problems: our own sentences, at the place in the file."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from adaptive_assets.policy.places import Path, Place, Places
from adaptive_assets.policy.problems import MOST_TOLD, Problem
from adaptive_assets.policy.shape import keys_at
from adaptive_assets.policy.suggesting import did_you_mean, listing
from adaptive_assets.policy.text import quoted
from adaptive_assets.policy.units import UnitError

KEY: Final = "[key]"
"""What pydantic adds to the path when it speaks of a key and not of its value."""

Sentence = tuple[str, str]
"""The message and the hint."""

Model_co = TypeVar("Model_co", bound=BaseModel, covariant=True)


@dataclass(frozen=True, slots=True)
class Language(Generic[Model_co]):
    """A kind of file: the model of its ``top``, and how the keys that it ``required`` are written.

    Messages call one such file ``kind``, say that it begins with ``start``, and how to write ``fewer``.
    ``kinds`` are the models of the entries of a list that says in each entry of which kind it is.
    """

    name: str
    top: type[Model_co]
    required: Mapping[str, str]
    kind: str = ""
    start: str = ""
    fewer: str = ""
    kinds: Mapping[str, type[BaseModel]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Fault:
    """One error: ``name`` is what the value is called, ``written`` how it stands in the file.

    ``keys`` are those that lead to it in the file, from where ``top`` is the model: the file's own, or that
    of the entry that is of the kind ``of``.
    """

    name: str
    value: Any
    written: str
    context: Mapping[str, Any]
    language: Language[BaseModel]
    keys: tuple[str, ...]
    top: type[BaseModel]
    of: str
    holder: str

    def told(self, sentence: Sentence) -> Sentence:
        """A sentence with what it says of the fault filled in."""
        words = {**self.context, "name": self.name, "written": self.written, "holder": self.holder}
        return sentence[0].format_map(words), sentence[1].format_map(words)


def explain(
    error: ValidationError, places: Places, language: Language[BaseModel]
) -> tuple[list[Problem], int]:
    """A problem for each of the first ``MOST_TOLD`` errors by line, at its place, and the number of the rest.

    Errors about the file as a whole are left out: they are about names, which are checked apart.
    """
    placed: list[tuple[Place, Path, Any]] = []
    for details in error.errors(include_url=False):
        path = tuple(step for step in _written(details["loc"], language) if step != KEY)
        miscounted = details["type"] == "too_short" and details["input"]
        if not path or miscounted:
            continue
        if details["type"] == "union_tag_invalid":
            path = (*path, _discriminator(details["ctx"]))
        about_key = details["type"] == "extra_forbidden" or KEY in details["loc"]
        placed.append((places.key(path) if about_key else places.value(path), path, details))
    placed.sort(key=lambda one: one[0])
    told = [
        Problem(*place, *_sentence(details["type"], _fault(path, details, places, language)))
        for place, path, details in placed[:MOST_TOLD]
    ]
    return told, len(placed) - len(told)


def _kind_at(loc: Path, language: Language[BaseModel]) -> int | None:
    """Where pydantic's path names the kind of an entry, which no file has as a key."""
    steps = enumerate(pairwise(loc), start=1)
    return next(
        (at for at, (above, step) in steps if isinstance(above, int) and step in language.kinds), None
    )


def _written(loc: Path, language: Language[BaseModel]) -> Path:
    at = _kind_at(loc, language)
    return loc if at is None else (*loc[:at], *loc[at + 1 :])


def _fault(path: Path, details: Any, places: Places, language: Language[BaseModel]) -> _Fault:
    at, text = _kind_at(details["loc"], language), places.text(path)
    return _Fault(
        name="a key" if KEY in details["loc"] else _name(path),
        value=details["input"],
        written=_outline(details["input"]) if text is None else quoted(text),
        context=details.get("ctx", {}),
        language=language,
        keys=tuple(step for step in path[at or 0 :] if isinstance(step, str)),
        top=language.top if at is None else language.kinds[str(details["loc"][at])],
        of="" if at is None else f" from `{details['loc'][at]}`",
        holder="key" if isinstance(path[-1], str) else "entry",
    )


def _sentence(kind: str, fault: _Fault) -> Sentence:
    error = fault.context.get("error")
    if isinstance(error, UnitError):
        return error.message, error.hint
    if fault.value is None and kind != "extra_forbidden":
        return fault.told(("{name} has no value", "write one, or remove the {holder}"))
    if kind in _WORKED_OUT:
        return _WORKED_OUT[kind](fault)
    reference = f"see the reference of the {fault.language.name}"
    return fault.told(_FIXED.get(kind, (_CANNOT_BE, reference)))


def _missing(fault: _Fault) -> Sentence:
    return f"{fault.name} is missing{fault.of}", f"add `{fault.language.required[fault.keys[-1]]}`"


def _discriminator(context: Mapping[str, Any]) -> str:
    """The key by which an entry says of which kind it is."""
    return str(context["discriminator"]).strip("'")


def _no_kind(fault: _Fault) -> Sentence:
    key = _discriminator(fault.context)
    choices = listing(fault.language.kinds, conjunction="or")
    return f"{fault.name} does not say which {key} it is", f"add `{key}:` with {choices}"


def _unknown_kind(fault: _Fault) -> Sentence:
    key, kinds = _discriminator(fault.context), fault.language.kinds
    word = str(fault.context["tag"])
    return f"there is no {key} `{quoted(word)}`", did_you_mean(word, kinds, f"the {key}s are")


def _unknown_key(fault: _Fault) -> Sentence:
    *above, key = fault.keys
    return f"unknown key `{quoted(key)}`", _key_hint(tuple(above), key, fault.top)


@functools.lru_cache(maxsize=256)
def _key_hint(above: Path, key: str, top: type[BaseModel]) -> str:
    """Where the key belongs, or which key was meant.  Remembered: the same slip is often in every policy."""
    known = keys_at(above, top)
    for part, model in known.items():
        if model and key in keys_at((*above, part), top):
            return f"it belongs under `{part}`"
    return did_you_mean(key, known, "the keys here are")


def _not_a_mapping(fault: _Fault) -> Sentence:
    keys = list(keys_at(fault.keys, fault.top))[:3]
    such_as = ", such as " + ", ".join(f"`{key}`" for key in keys) if keys else ""
    return f"{fault.name} is not a mapping", f"write keys and values below it{such_as}"


def _not_a_choice(fault: _Fault) -> Sentence:
    if fault.keys == ("version",):
        message = f"`{fault.written}` is no version of the {fault.language.name} that is known here"
        return message, "write `version: 1`"
    choices = [choice.strip("'") for choice in fault.context["expected"].replace(" or ", ", ").split(", ")]
    hint = did_you_mean(str(fault.value), choices, "write", conjunction="or")
    return f"{fault.name} cannot be `{fault.written}`", hint


def _not_text(fault: _Fault) -> Sentence:
    if isinstance(fault.value, list | dict):
        return f"{fault.name} is not text", "write a single value"
    kind = "true or false" if isinstance(fault.value, bool) else "a number"
    return (
        f"YAML reads `{fault.written}` as {kind}, and {fault.name} is text",
        f'write it in quotes: "{fault.written}"',
    )


_CANNOT_BE: Final = "{name} cannot be `{written}`"
_NOT_A_LIST: Final = ("{name} is not a list", "start each entry with `- `, or write `[one, two]`")
_EMPTY: Final = ("{name} is empty", "write something, or remove the {holder}")
_MOST: Final = "write at most {max_length:,}"

_FIXED: Final[Mapping[str, Sentence]] = {
    "tuple_type": _NOT_A_LIST,
    "string_too_short": _EMPTY,
    "too_short": _EMPTY,
    "too_long": ("{name} has more than {max_length:,} entries", _MOST),
    "string_too_long": ("{name} has more than {max_length:,} characters", _MOST),
    "string_pattern_mismatch": (
        "`{written}` cannot be a name",
        "use letters, digits, `_` and `-`: a letter first, at most 63 in all",
    ),
    "bool_type": (_CANNOT_BE, "write `true` or `false`"),
    "int_type": (_CANNOT_BE, "write a whole number such as `4`"),
    "greater_than": (_CANNOT_BE, "write more than zero"),
    "greater_than_equal": (_CANNOT_BE, "write at least `{ge:.10g}`"),
    "less_than_equal": (_CANNOT_BE, "write at most `{le:.10g}`"),
    "finite_number": (_CANNOT_BE, "write a finite number"),
}
"""By pydantic's name of the error, with what is known of the fault in braces."""

_WORKED_OUT: Final[Mapping[str, Callable[[_Fault], Sentence]]] = {
    "missing": _missing,
    "extra_forbidden": _unknown_key,
    "model_type": _not_a_mapping,
    "model_attributes_type": _not_a_mapping,
    "mapping_type": _not_a_mapping,
    "dict_type": _not_a_mapping,
    "literal_error": _not_a_choice,
    "enum": _not_a_choice,
    "string_type": _not_text,
    "union_tag_not_found": _no_kind,
    "union_tag_invalid": _unknown_kind,
}


def _name(path: Path) -> str:
    """What the value at ``path`` is called: its key, with the position of an entry of a list."""
    keys = [position for position, step in enumerate(path) if isinstance(step, str)]
    from_key = path[keys[-1] :] if keys else path
    return "`" + str(from_key[0]) + "".join(f"[{step}]" for step in from_key[1:]) + "`"


def _outline(value: object) -> str:
    """A value that is no scalar, by its shape."""
    return "[...]" if isinstance(value, list) else "{...}" if isinstance(value, dict) else quoted(str(value))
