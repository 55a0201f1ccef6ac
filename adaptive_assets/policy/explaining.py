"""Pydantic's errors as problems: our own sentences, at the place in the file."""

import difflib
import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from adaptive_assets.policy.model import PolicyBook
from adaptive_assets.policy.places import Path, Place, Places
from adaptive_assets.policy.problems import MOST_TOLD, Problem
from adaptive_assets.policy.shape import keys_at
from adaptive_assets.policy.suggesting import did_you_mean, listing
from adaptive_assets.policy.text import quoted
from adaptive_assets.policy.units import UnitError

_REQUIRED: Final = {
    "version": "version: 1",
    "name": "name: reports",
    "mode": "mode: reduced",
    "prefer": 'prefer: "22:00-06:00"',
    "timezone": "timezone: America/New_York",
    "at_most": "at_most: 0.05",
    "per_core_hour": "per_core_hour: 0.04",
    "runs": "runs: 4",
    "every": "every: 30s",
    "estimate": "estimate: {cpu: 1, memory: 512MiB, duration: 1m}",
    "cpu": "cpu: 1",
    "memory": "memory: 512MiB",
    "duration": "duration: 1m",
}
"""How the keys that cannot be left out of a policy file are written."""

_KEY: Final = "[key]"
"""What pydantic adds to the path when it speaks of a key and not of its value."""

Sentence = tuple[str, str]
"""The message and the hint."""


@dataclass(frozen=True, slots=True)
class Language:
    """A kind of file: the model of its ``top``, and how the keys that it ``requires`` are written."""

    name: str
    top: type[BaseModel]
    required: Mapping[str, str]


POLICY_FILE: Final = Language("policy file", PolicyBook, _REQUIRED)


def explain(error: ValidationError, places: Places, language: Language = POLICY_FILE) -> Iterator[Problem]:
    """A problem for each error, at its place.

    Errors about the file as a whole are left out: they are about names, which are checked apart.
    """
    for place, path, details in _placed(error, places)[:MOST_TOLD]:
        text = places.text(path)
        fault = _Fault(
            path,
            name="a key" if _KEY in details["loc"] else _name(path),
            value=details["input"],
            written=_outline(details["input"]) if text is None else quoted(text),
            context=details.get("ctx", {}),
            language=language,
        )
        yield Problem(*place, *_sentence(details["type"], fault))


def count(error: ValidationError, places: Places) -> int:
    """How many errors there are to explain; the first ``MOST_TOLD`` by line are put into words."""
    return len(_placed(error, places))


def _placed(error: ValidationError, places: Places) -> list[tuple[Place, Path, Any]]:
    placed = []
    for details in error.errors(include_url=False):
        path = tuple(step for step in details["loc"] if step != _KEY)
        miscounted = details["type"] == "too_short" and details["input"]
        if not path or miscounted:
            continue
        about_key = details["type"] == "extra_forbidden" or _KEY in details["loc"]
        placed.append((places.key(path) if about_key else places.value(path), path, details))
    return sorted(placed, key=lambda one: one[0])


@dataclass(frozen=True, slots=True)
class _Fault:
    """One error: ``name`` is what the value is called, ``written`` how it stands in the file."""

    path: Path
    name: str
    value: Any
    written: str
    context: Mapping[str, Any]
    language: Language


def _sentence(kind: str, fault: _Fault) -> Sentence:
    error = fault.context.get("error")
    if isinstance(error, UnitError):
        return error.message, error.hint
    if fault.value is None and kind != "extra_forbidden":
        return f"{fault.name} has no value", "write one, or remove the " + _holder(fault.path)
    if kind in _SENTENCES:
        return _SENTENCES[kind](fault)
    return f"{fault.name} cannot be `{fault.written}`", f"see the reference of the {fault.language.name}"


def _missing(fault: _Fault) -> Sentence:
    return f"{fault.name} is missing", f"add `{fault.language.required[str(fault.path[-1])]}`"


def _unknown_key(fault: _Fault) -> Sentence:
    *above, key = (step for step in fault.path if isinstance(step, str))
    return f"unknown key `{quoted(key)}`", _key_hint(tuple(above), key, fault.language.top)


@functools.lru_cache(maxsize=256)
def _key_hint(above: Path, key: str, top: type[BaseModel]) -> str:
    """Where the key belongs, or which key was meant.  Remembered: the same slip is often in every policy."""
    known = keys_at(above, top)
    for part, model in known.items():
        if model and key in keys_at((*above, part), top):
            return f"it belongs under `{part}`"
    return did_you_mean(key, known, "the keys here are")


def _not_a_mapping(fault: _Fault) -> Sentence:
    keys = list(keys_at(tuple(step for step in fault.path if isinstance(step, str)), fault.language.top))[:3]
    such_as = ", such as " + ", ".join(f"`{key}`" for key in keys) if keys else ""
    return f"{fault.name} is not a mapping", f"write keys and values below it{such_as}"


def _not_a_list(fault: _Fault) -> Sentence:
    return f"{fault.name} is not a list", "start each entry with `- `, or write `[one, two]`"


def _not_a_choice(fault: _Fault) -> Sentence:
    if fault.path == ("version",):
        message = f"`{fault.written}` is no version of the {fault.language.name} that is known here"
        return message, "write `version: 1`"
    choices = [choice.strip("'") for choice in fault.context["expected"].replace(" or ", ", ").split(", ")]
    close = difflib.get_close_matches(str(fault.value), choices, n=1)
    hint = f"did you mean `{close[0]}`?" if close else f"write {listing(choices, conjunction='or')}"
    return f"{fault.name} cannot be `{fault.written}`", hint


def _not_text(fault: _Fault) -> Sentence:
    if isinstance(fault.value, list | dict):
        return f"{fault.name} is not text", "write a single value"
    kind = "true or false" if isinstance(fault.value, bool) else "a number"
    return (
        f"YAML reads `{fault.written}` as {kind}, and {fault.name} is text",
        f'write it in quotes: "{fault.written}"',
    )


def _empty(fault: _Fault) -> Sentence:
    return f"{fault.name} is empty", "write something, or remove the " + _holder(fault.path)


def _too_many(fault: _Fault) -> Sentence:
    most = fault.context["max_length"]
    return f"{fault.name} has more than {most:,} entries", f"write at most {most:,}"


def _too_long(fault: _Fault) -> Sentence:
    most = fault.context["max_length"]
    return f"{fault.name} has more than {most:,} characters", f"write at most {most:,}"


def _not_a_name(fault: _Fault) -> Sentence:
    return (
        f"`{fault.written}` cannot be a name",
        "use letters, digits, `_` and `-`: a letter first, at most 63 in all",
    )


def _not_a_truth(fault: _Fault) -> Sentence:
    return f"{fault.name} cannot be `{fault.written}`", "write `true` or `false`"


def _not_whole(fault: _Fault) -> Sentence:
    return f"{fault.name} cannot be `{fault.written}`", "write a whole number such as `4`"


def _too_small(fault: _Fault) -> Sentence:
    least = "more than zero" if "gt" in fault.context else f"at least `{fault.context['ge']:g}`"
    return f"{fault.name} cannot be `{fault.written}`", f"write {least}"


def _too_large(fault: _Fault) -> Sentence:
    return f"{fault.name} cannot be `{fault.written}`", f"write at most `{fault.context['le']:.10g}`"


def _not_finite(fault: _Fault) -> Sentence:
    return f"{fault.name} cannot be `{fault.written}`", "write a finite number"


_SENTENCES: Final[Mapping[str, Callable[[_Fault], Sentence]]] = {
    "missing": _missing,
    "extra_forbidden": _unknown_key,
    "model_type": _not_a_mapping,
    "mapping_type": _not_a_mapping,
    "dict_type": _not_a_mapping,
    "tuple_type": _not_a_list,
    "literal_error": _not_a_choice,
    "enum": _not_a_choice,
    "string_type": _not_text,
    "string_too_short": _empty,
    "too_short": _empty,
    "too_long": _too_many,
    "string_too_long": _too_long,
    "string_pattern_mismatch": _not_a_name,
    "bool_type": _not_a_truth,
    "int_type": _not_whole,
    "greater_than": _too_small,
    "greater_than_equal": _too_small,
    "less_than_equal": _too_large,
    "finite_number": _not_finite,
}
"""By pydantic's name of the error."""


def _name(path: Path) -> str:
    """What the value at ``path`` is called: its key, with the position of an entry of a list."""
    keys = [position for position, step in enumerate(path) if isinstance(step, str)]
    from_key = path[keys[-1] :] if keys else path
    return "`" + str(from_key[0]) + "".join(f"[{step}]" for step in from_key[1:]) + "`"


def _holder(path: Path) -> str:
    return "key" if isinstance(path[-1], str) else "entry"


def _outline(value: object) -> str:
    """A value that is no scalar, by its shape."""
    return "[...]" if isinstance(value, list) else "{...}" if isinstance(value, dict) else quoted(str(value))
