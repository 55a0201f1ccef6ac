"""The JSON Schema of a policy file, by which editors complete it and mark slips while it is written.

It describes the file as people write it, units and all.
What a schema cannot say (names that must exist, windows against deadlines) is left to loading and checking.
"""

import ast
import copy
import inspect
import itertools
import textwrap
from collections.abc import Collection
from typing import Any, Final

from pydantic import BaseModel

from adaptive_assets.policy.gates import OUTCOMES
from adaptive_assets.policy.model import PolicyBook
from adaptive_assets.policy.shape import IMPLIED_OF_DEFAULT, models_of, written_key
from adaptive_assets.policy.terms import FULL, IN_SEQUENCE
from adaptive_assets.policy.units import DURATION_PATTERN, SHARE_PATTERN, format_duration, format_share

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

Schema = dict[str, Any]


def policy_schema() -> Schema:
    """The schema, as plain values ready for ``json.dumps``; a new one at every call."""
    book = PolicyBook.model_json_schema(by_alias=True)
    definitions: Schema = book.pop("$defs")
    for model in dict.fromkeys(models_of(PolicyBook)):
        schema = book if model is PolicyBook else definitions[model.__name__]
        _describe(schema, model)
    definitions["DefaultPolicy"] = _default_policy(definitions["Policy"])
    book["properties"]["default"] = {
        "$ref": "#/$defs/DefaultPolicy",
        "description": book["properties"]["default"]["description"],
    }
    definitions["Policy"]["anyOf"] = [{"required": [key]} for key in ("select", "jobs", "run_tags")]
    definitions["Gates"]["dependentRequired"] = {"wait_at_most": ["then"], "then": ["wait_at_most"]}
    _in_short(definitions["Gates"]["properties"], "checks", OUTCOMES)
    definitions["OnFailedCheck"]["anyOf"] = [
        {"properties": {"then": {"enum": ["repair"]}}, "required": ["job"]},
        {"properties": {"then": {"enum": ["quarantine", "rollback"]}, "job": False}},
    ]
    definitions["Rung"]["properties"]["mode"]["not"] = {"enum": [FULL, IN_SEQUENCE]}
    return {"$schema": DIALECT, "title": "Policy book", **book, "$defs": definitions}


def _in_short(properties: Schema, key: str, words: Collection[str]) -> None:
    """Let one of ``words`` be written where a mapping can be."""
    described = properties[key]
    mapping = {"$ref": described.pop("$ref")}
    described["anyOf"] = [{"enum": list(words)}, mapping]


def _default_policy(policy: Schema) -> Schema:
    """The schema of the default policy: a policy without what says what it governs."""
    default = copy.deepcopy(policy)
    _leave_out(default, IMPLIED_OF_DEFAULT)
    del default["required"]
    return {**default, "description": "What holds for everything that no other policy governs."}


def _leave_out(schema: Schema, keys: Collection[str]) -> None:
    for key in keys:
        del schema["properties"][key]


def _describe(schema: Schema, model: type[BaseModel]) -> None:
    """Give the properties of ``schema`` the words of the fields of ``model``, and take pydantic's away."""
    schema.pop("title", None)
    words = _field_docstrings(model)
    for name, info in model.model_fields.items():
        key = written_key(name, info)
        schema["properties"][key] = {"description": words[name], **_as_written(schema["properties"][key])}


def _as_written(schema: Schema) -> Schema:
    """The schema of a property, without titles and nulls, and with its default the way a file has it."""
    written = {key: value for key, value in schema.items() if key not in {"anyOf", "title", "default"}}
    for choice in schema.get("anyOf", ()):
        written |= {} if choice == {"type": "null"} else choice
    default = schema.get("default")
    if written.get("pattern") == SHARE_PATTERN and default is not None:
        written["default"] = format_share(default)
    elif written.get("pattern") == DURATION_PATTERN and default is not None:
        written["default"] = format_duration(default)
    elif isinstance(default, str | bool):
        written["default"] = default
    elif isinstance(default, float):
        written["default"] = int(default) if default.is_integer() else default
    return written


def _field_docstrings(model: type[BaseModel]) -> dict[str, str]:
    """The docstring below each field.

    Read from the source when it is asked for: pydantic can do so too, but would at every import.
    """
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(model))).body
    words = {}
    if isinstance(definition, ast.ClassDef):
        for field, below in itertools.pairwise(definition.body):
            match field, below:
                case (
                    ast.AnnAssign(target=ast.Name(id=name)),
                    ast.Expr(value=ast.Constant(value=str() as docstring)),
                ):
                    words[name] = inspect.cleandoc(docstring)
    return words
