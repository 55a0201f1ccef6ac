"""Frozen dataclasses to JSON values and back, guided by their own type hints.

A field that equals its default is left out, and filled in again when read.  So a field may be added, with a
default, and older rows stay readable; a default that rows were written under must not change.  The names are
those of :mod:`adaptive_assets.ledger.wire`; a type that is not in it goes by Python's names.
"""

import dataclasses
import json
import types
import typing
import zlib
from collections.abc import Callable, Hashable, Mapping
from enum import Enum
from functools import cache
from typing import Any, Final

from adaptive_assets.ledger.errors import LedgerError
from adaptive_assets.ledger.wire import FIELDS, FORMER, GONE, VALUES

Json = Any
"""What ``json`` writes and reads: ``None``, truth values, numbers, strings, lists and string-keyed dicts."""

Short = Mapping[type, Callable[[Any], Json]]
Long = Mapping[type, Callable[[Json], Any]]
"""By type: how to write its objects in short, and how to find them again."""

Decoder = Callable[[Json, Long], Any]

_ATOMS: Final = frozenset({str, int, float, bool, types.NoneType})
_NO_DEFAULT: Final = object()


def encode(value: Any, short: Short = types.MappingProxyType({})) -> Json:
    """``value`` as JSON; objects of a type in ``short`` are written as what that function gives for them.

    Raises :class:`LedgerError` for a value that JSON has no place for.
    """
    kind = type(value)
    if kind in _ATOMS:
        return value
    if kind in short:
        return short[kind](value)
    if dataclasses.is_dataclass(kind):
        fields = ((wire, getattr(value, name), default) for name, wire, default in _fields(kind))
        return {wire: encode(item, short) for wire, item, default in fields if item != default}
    if isinstance(value, Enum):
        return VALUES.get(kind, {}).get(value.value, value.value)
    if isinstance(value, Mapping):
        return {str(key): encode(item, short) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [encode(item, short) for item in value]
    raise LedgerError(f"there is no JSON for a value of type {kind.__name__}")


def decode(hint: Hashable, plain: Json, long: Long = types.MappingProxyType({})) -> Any:
    """The inverse of :func:`encode`; ``hint`` is a dataclass, or whatever may stand as the hint of a field.

    Where ``plain`` does not fit it, raises what Python does: :class:`TypeError`, :class:`ValueError`,
    :class:`KeyError` or :class:`AttributeError`.
    """
    return _decoder(hint)(plain, long)


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
def _fields(kind: type) -> tuple[tuple[str, str, Any], ...]:
    """Of each field of a dataclass its name, the ledger's name for it and its default."""
    names = FIELDS.get(kind, {})
    return tuple(
        (field.name, names.get(field.name, field.name), _default(field)) for field in dataclasses.fields(kind)
    )


def _default(field: "dataclasses.Field[Any]") -> Any:
    if field.default is not dataclasses.MISSING:
        return field.default
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return _NO_DEFAULT


@cache
def _decoder(hint: Any) -> Decoder:
    """How to read a value of type ``hint``, worked out once."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in {typing.Union, types.UnionType}:
        return _union(arguments)
    if origin is tuple:
        item = _decoder(arguments[0])
        if isinstance(arguments[0], type) and issubclass(arguments[0], Enum):
            gone = GONE.get(arguments[0], frozenset())
            return lambda plain, long: tuple([item(each, long) for each in plain if each not in gone])
        return lambda plain, long: tuple([item(each, long) for each in plain])
    if isinstance(origin, type) and issubclass(origin, Mapping):
        entry = _decoder(arguments[1])
        return lambda plain, long: {key: entry(each, long) for key, each in plain.items()}
    if hint in _ATOMS:
        return lambda plain, _: plain
    if isinstance(hint, type) and issubclass(hint, Enum):
        values = {wire: value for value, wire in VALUES.get(hint, {}).items()}
        return lambda plain, _: hint(values.get(plain, plain))
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return _dataclass(hint)
    raise TypeError(f"no way to read a value of type {hint}")


def _union(arguments: tuple[Any, ...]) -> Decoder:
    """Plain values need no telling apart; another type may only be made optional."""
    rest = [argument for argument in arguments if argument is not types.NoneType]
    if _ATOMS.issuperset(rest):
        return lambda plain, _: plain
    if len(rest) > 1:
        raise TypeError(f"no way to tell {rest} apart")
    inner = _decoder(rest[0])
    return lambda plain, long: None if plain is None else inner(plain, long)


def _dataclass(kind: type) -> Decoder:
    hints = typing.get_type_hints(kind)
    fields = {wire: (name, _decoder(hints[name])) for name, wire, _ in _fields(kind)}
    gone = GONE.get(kind, frozenset())
    former = FORMER.get(kind)

    def whole(plain: Json, long: Long) -> Any:
        if kind in long:
            return long[kind](plain)
        if former is not None:
            plain = former(plain)
        known = [(*fields[wire], item) for wire, item in plain.items() if wire not in gone]
        return kind(**{name: read(item, long) for name, read, item in known})

    return whole
