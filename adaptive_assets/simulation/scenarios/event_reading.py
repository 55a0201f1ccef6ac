"""One entry of a scenario's ``events`` to an event, or to what is wrong with it."""

import difflib
import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from adaptive_assets.policy.fields import IN_A_FILE
from adaptive_assets.policy.findings import Finding
from adaptive_assets.policy.places import Path
from adaptive_assets.policy.plain import as_text
from adaptive_assets.policy.suggesting import did_you_mean, listing
from adaptive_assets.policy.text import quoted
from adaptive_assets.policy.units import UnitError
from adaptive_assets.simulation.scenarios.events import EVENTS, Event

__all__ = ["KIND", "UNKNOWN_KEY", "read_event"]

KIND: Final = "event"
"""The key that says what an event is."""
UNKNOWN_KEY: Final = "unknown key"
"""How a message begins that is about a key and not about its value."""

_EXAMPLES: Final = {
    "at": "at: 10m",
    "lasts": "lasts: 5m",
    "node": "node: node-1",
    "name": "name: reports",
    "cores": "cores: 2",
    "factor": "factor: 1.5",
    "seconds": "seconds: 90",
    "trouble": "trouble: late",
}
"""How the keys that cannot be left out are written."""


def read_event(plain: object) -> Event | list[Finding]:
    """The event that ``plain`` says, or all that is wrong with it by paths from there."""
    if not isinstance(plain, Mapping):
        example = "{event: node_loss, node: node-1, at: 10m, lasts: 5m}"
        return [Finding((), "an event is a mapping of keys to values", f"write `- {example}`")]
    if KIND not in plain:
        hint = f"add `{KIND}:` with {listing(EVENTS, conjunction='or')}"
        return [Finding((), "this does not say which event it is", hint)]
    kind = as_text(plain[KIND])
    if kind not in EVENTS:
        hint = did_you_mean(str(plain[KIND]), EVENTS, "the events are")
        return [Finding((KIND,), f"there is no event `{quoted(str(plain[KIND]))}`", hint)]
    written = {key: value for key, value in plain.items() if key != KIND}
    try:
        event: Event = _adapter(kind).validate_python(written, context=IN_A_FILE)
    except ValidationError as error:
        return list(_findings(error, kind, written))
    return event


@functools.cache
def _adapter(kind: str) -> TypeAdapter[Any]:
    """Made when first asked for: building validators takes longer than reading a scenario."""
    return TypeAdapter(EVENTS[kind])


def _findings(error: ValidationError, kind: str, written: Mapping[str, object]) -> Iterator[Finding]:
    for details in error.errors(include_url=False):
        path: Path = tuple(details["loc"])
        if len(path) == 1 and path[0] in written:
            details["input"] = written[str(path[0])]  # `0s`, where pydantic has made it 0.0 already
        yield Finding(path, *_sentence(details, path, kind))


def _sentence(details: ErrorDetails, path: Path, kind: str) -> tuple[str, str]:
    """The message and the hint."""
    cause = details.get("ctx", {}).get("error")
    if isinstance(cause, UnitError):
        return cause.message, cause.hint
    key = str(path[0]) if path else KIND
    name = f"`{key}`" + "".join(f"[{step}]" for step in path[1:])
    if details["type"] not in {"missing", "unexpected_keyword_argument"} and details["input"] is None:
        return f"{name} has no value", "write one, or remove the key"
    explain = _SENTENCES.get(details["type"])
    if explain is None:
        return f"{name} cannot be `{quoted(str(details['input']))}`", "see the reference of scenario files"
    return explain(details, name, kind)


def _missing(_: ErrorDetails, name: str, kind: str) -> tuple[str, str]:
    return f"{name} is missing from `{kind}`", f"add `{_EXAMPLES[name.strip('`')]}`"


def _unknown(_: ErrorDetails, name: str, kind: str) -> tuple[str, str]:
    known = EVENTS[kind].__dataclass_fields__
    return f"{UNKNOWN_KEY} {name}", did_you_mean(name.strip("`"), known, f"the keys of `{kind}` are")


def _too_small(details: ErrorDetails, name: str, _: str) -> tuple[str, str]:
    least = "more than zero" if "gt" in details["ctx"] else f"at least `{details['ctx']['ge']:.10g}`"
    return f"{name} cannot be `{quoted(str(details['input']))}`", f"write {least}"


def _too_large(details: ErrorDetails, name: str, _: str) -> tuple[str, str]:
    written = quoted(str(details["input"]))
    return f"{name} cannot be `{written}`", f"write at most `{details['ctx']['le']:.10g}`"


def _not_a_choice(details: ErrorDetails, name: str, _: str) -> tuple[str, str]:
    choices = [choice.strip("'") for choice in details["ctx"]["expected"].replace(" or ", ", ").split(", ")]
    close = difflib.get_close_matches(str(details["input"]), choices, n=1)
    hint = f"did you mean `{close[0]}`?" if close else f"write {listing(choices, conjunction='or')}"
    return f"{name} cannot be `{quoted(str(details['input']))}`", hint


def _not_text(details: ErrorDetails, name: str, _: str) -> tuple[str, str]:
    written = quoted(str(details["input"]))
    if isinstance(details["input"], list | dict):
        return f"{name} is not text", "write a single value"
    return f"YAML reads `{written}` as no text, and {name} is text", f'write it in quotes: "{written}"'


def _empty(_: ErrorDetails, name: str, __: str) -> tuple[str, str]:
    return f"{name} is empty", "write something, or remove the key"


def _not_a_list(_: ErrorDetails, name: str, __: str) -> tuple[str, str]:
    return f"{name} is not a list", "write `[one, two]`"


def _not_finite(details: ErrorDetails, name: str, _: str) -> tuple[str, str]:
    return f"{name} cannot be `{quoted(str(details['input']))}`", "write a finite number"


_SENTENCES: Final[Mapping[str, Callable[[ErrorDetails, str, str], tuple[str, str]]]] = {
    "missing": _missing,
    "unexpected_keyword_argument": _unknown,
    "greater_than": _too_small,
    "greater_than_equal": _too_small,
    "less_than_equal": _too_large,
    "literal_error": _not_a_choice,
    "string_type": _not_text,
    "string_too_short": _empty,
    "tuple_type": _not_a_list,
    "finite_number": _not_finite,
}
"""By pydantic's name of the error."""
