"""As much of a JSON Schema validator as the schema of the policy file needs.

It fails on a keyword that it does not know, so it cannot pass by overlooking one.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]

_TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "null": (type(None),),
}


def faults(value: Any, schema: Schema, root: Schema, path: str = "") -> Iterator[str]:
    """A line for each thing in ``value`` that ``schema``, a part of ``root``, does not allow."""
    for keyword, wanted in schema.items():
        if keyword not in _WORDS | _NESTED and not _RULES[keyword](value, wanted, root):
            yield f"{path}: {keyword}"
    for below, rule, place in _nested(value, schema, root, path):
        if rule is False:
            yield f"{place}: additionalProperties"
        elif rule is not True:
            yield from faults(below, rule, root, place)


_WORDS = {"$schema", "$defs", "title", "description", "default", "examples"}
_NESTED = {"$ref", "properties", "additionalProperties", "propertyNames", "items"}


def _nested(value: Any, schema: Schema, root: Schema, path: str) -> Iterator[tuple[Any, Any, str]]:
    """The values in ``value``, each with the schema that it must meet (or a truth) and its path."""
    if "$ref" in schema:
        yield value, root["$defs"][schema["$ref"].removeprefix("#/$defs/")], path
    if isinstance(value, dict):
        known, others = schema.get("properties", {}), schema.get("additionalProperties", True)
        for key, entry in value.items():
            yield entry, known.get(key, others), f"{path}.{key}"
            yield key, schema.get("propertyNames", True), f"{path}.{key}"
    if isinstance(value, list):
        for position, entry in enumerate(value):
            yield entry, schema.get("items", True), f"{path}[{position}]"


def _has_type(value: Any, names: str | list[str], _: Schema) -> bool:
    return any(type(value) in _TYPES[name] for name in ([names] if isinstance(names, str) else names))


def _any_of(value: Any, choices: list[Schema], root: Schema) -> bool:
    return any(not any(faults(value, choice, root)) for choice in choices)


def _only(kind: Any, rule: Callable[[Any, Any], bool]) -> Callable[[Any, Any, Schema], bool]:
    """A rule about values of one kind; others are none of its business."""
    return lambda value, wanted, _: not isinstance(value, kind) or rule(value, wanted)


_RULES: Mapping[str, Callable[[Any, Any, Schema], bool]] = {
    "type": _has_type,
    "anyOf": _any_of,
    "not": lambda value, unwanted, root: any(faults(value, unwanted, root)),
    "const": lambda value, wanted, _: value == wanted,
    "enum": lambda value, wanted, _: value in wanted,
    "pattern": _only(str, lambda value, pattern: bool(re.search(pattern, value))),
    "minLength": _only(str, lambda value, least: len(value) >= least),
    "maxLength": _only(str, lambda value, most: len(value) <= most),
    "maxItems": _only(list, lambda value, most: len(value) <= most),
    "maxProperties": _only(dict, lambda value, most: len(value) <= most),
    "maximum": _only(int | float, lambda value, most: value <= most),
    "minItems": _only(list, lambda value, least: len(value) >= least),
    "minimum": _only(int | float, lambda value, least: value >= least),
    "exclusiveMinimum": _only(int | float, lambda value, least: value > least),
    "required": _only(dict, lambda value, keys: set(keys) <= value.keys()),
    "dependentRequired": _only(
        dict, lambda value, needs: all(set(needs[key]) <= value.keys() for key in needs.keys() & value.keys())
    ),
}
