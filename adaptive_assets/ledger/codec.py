"""Frozen dataclasses to JSON values and back, guided by their own type hints.

A field that equals its default is left out, and filled in again when read: so a field that is added with a
default one day does not make older rows unreadable.
"""

import dataclasses
import json
import types
import typing
import zlib
from collections.abc import Callable, Hashable, Mapping
from enum import Enum
from functools import cache
from typing import Any, Final, TypeVar

from adaptive_assets.ledger.errors import LedgerError

__all__ = ["decode", "dumps", "encode", "pack", "unpack"]

Json = Any
"""What ``json`` writes and reads: ``None``, truth values, numbers, strings, lists and string-keyed dicts."""

Short = Mapping[Any, Callable[[Any], Json]]
Long = Mapping[Any, Callable[[Json], Any]]
"""By type: how to write its objects in short, and how to read them again."""

_ATOMS: Final = frozenset({str, int, float, bool, types.NoneType})
T = TypeVar("T")
_NO_DEFAULT: Final = object()
_NOTHING: Final[Mapping[Any, Any]] = {}


def encode(value: Any, short: Short = _NOTHING) -> Json:
    """``value`` as JSON; objects of a type in ``short`` are written as what that function gives for them.

    Raises :class:`LedgerError` for a value that JSON has no place for.
    """
    kind = type(value)
    if kind in _ATOMS:
        return value
    if kind in short:
        return short[kind](value)
    if dataclasses.is_dataclass(kind):
        plain: dict[str, Json] = {}
        for name, default in _defaults(kind):
            item = getattr(value, name)
            if item is not default and item != default:
                plain[name] = encode(item, short)
        return plain
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): encode(item, short) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [encode(item, short) for item in value]
    raise LedgerError(f"there is no JSON for a value of type {kind.__name__}")


def decode(kind: type[T], plain: Json, long: Long = _NOTHING) -> T:
    """The inverse of :func:`encode`; ``kind`` may be any hint that a field may have.

    Raises :class:`TypeError`, :class:`ValueError` or :class:`KeyError` where ``plain`` does not fit ``kind``.
    """
    value: T = _decoder(typing.cast("Hashable", kind))(plain, long)
    return value


def dumps(value: Any) -> str:
    """``value`` as compact JSON text."""
    return json.dumps(encode(value), separators=(",", ":"))


def pack(plain: Json) -> bytes:
    """JSON, compressed."""
    return zlib.compress(json.dumps(plain, separators=(",", ":")).encode(), level=3)


def unpack(blob: bytes) -> Json:
    """The inverse of :func:`pack`; raises :class:`zlib.error` or :class:`ValueError` for anything else."""
    return json.loads(zlib.decompress(blob))


@cache
def _defaults(kind: type) -> tuple[tuple[str, Any], ...]:
    """Name and default of each field of a dataclass."""
    return tuple((field.name, _default(field)) for field in dataclasses.fields(kind))


def _default(field: "dataclasses.Field[Any]") -> Any:
    if field.default is not dataclasses.MISSING:
        return field.default
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return _NO_DEFAULT


Decoder = Callable[[Json, Long], Any]


@cache
def _decoder(hint: Any) -> Decoder:
    """How to read a value of type ``hint``, worked out once."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return _optional(arguments)
    if origin is tuple:
        item = _decoder(arguments[0])
        return lambda plain, long: tuple([item(each, long) for each in plain])
    if isinstance(origin, type) and issubclass(origin, Mapping):
        entry = _decoder(arguments[1])
        return lambda plain, long: {key: entry(each, long) for key, each in plain.items()}
    if hint in _ATOMS or hint is object:
        return lambda plain, long: plain
    if isinstance(hint, type) and issubclass(hint, Enum):
        return lambda plain, long: hint(plain)
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return _dataclass(hint)
    raise TypeError(f"no way to read a value of type {hint}")


def _optional(arguments: tuple[Any, ...]) -> Decoder:
    """A union of plain values needs no telling apart; any other may only add ``None`` to one type."""
    rest = [argument for argument in arguments if argument is not types.NoneType]
    if all(argument in _ATOMS for argument in rest):
        return lambda plain, long: plain
    if len(rest) > 1:
        raise TypeError(f"no way to tell {rest} apart")
    inner = _decoder(rest[0])
    return lambda plain, long: None if plain is None else inner(plain, long)


def _dataclass(kind: type) -> Decoder:
    hints = typing.get_type_hints(kind)
    fields = {field.name: _decoder(hints[field.name]) for field in dataclasses.fields(kind)}

    def read(plain: Json, long: Long) -> Any:
        if kind in long:
            return long[kind](plain)
        return kind(**{name: fields[name](item, long) for name, item in plain.items()})

    return read
