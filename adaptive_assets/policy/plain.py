"""Looking into plain values that may not have the expected shape."""

from collections.abc import Mapping


def mapping(value: object) -> Mapping[str, object]:
    """``value`` if it is a mapping; an empty one if it is anything else."""
    return value if isinstance(value, Mapping) else {}


def sequence(value: object) -> list[object]:
    """``value`` if it is a list; an empty one if it is anything else."""
    return value if isinstance(value, list) else []


def names_of(value: object) -> list[str | None]:
    """The ``name`` of each entry of a list; ``None`` where one is absent or is not text."""
    return [as_text(mapping(entry).get("name")) for entry in sequence(value)]


def as_text(value: object) -> str | None:
    """``value`` if it is text; ``None`` if it is anything else."""
    return value if isinstance(value, str) else None
