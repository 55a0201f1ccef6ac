"""Looking into plain values that may not have the expected shape."""

from collections.abc import Mapping


def mapping(value: object) -> Mapping[str, object]:
    """``value`` if it is a mapping; an empty one if it is anything else."""
    return value if isinstance(value, Mapping) else {}


def sequence(value: object) -> list[object]:
    """``value`` if it is a list; an empty one if it is anything else."""
    return value if isinstance(value, list) else []


def as_text(value: object) -> str | None:
    """``value`` if it is text; ``None`` if it is anything else."""
    return value if isinstance(value, str) else None
