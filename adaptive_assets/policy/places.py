"""Where the values of a policy book are written."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from adaptive_assets.policy.names import Path


class Place(NamedTuple):
    """A position in a file; lines and columns count from 1, and are 0 for a book that no file holds."""

    file: str
    line: int
    column: int


@dataclass(slots=True)
class Node:
    """One value of a YAML document: a scalar with its ``text``, a list of nodes, or nodes by key.

    ``keys`` has the line and column of each key of a mapping; ``size`` counts the values in it and below it,
    those behind aliases each time that they are used.
    """

    line: int
    column: int
    content: "str | int | float | bool | list[Node] | dict[str, Node] | None"
    text: str = ""
    keys: dict[str, tuple[int, int]] = field(default_factory=dict)
    size: int = 1

    def plain(self) -> object:
        """The value without its positions: lists, dicts and scalars."""
        match self.content:
            case list():
                return [node.plain() for node in self.content]
            case dict():
                return {key: node.plain() for key, node in self.content.items()}
            case _:
                return self.content

    def child(self, step: str | int) -> "Node | None":
        """The value under a key or at a position; ``None`` where there is none."""
        if isinstance(self.content, dict):
            return self.content.get(str(step))
        if isinstance(self.content, list) and isinstance(step, int) and 0 <= step < len(self.content):
            return self.content[step]
        return None


@dataclass(frozen=True, slots=True)
class Places:
    """The positions of all values of one file."""

    file: str = "<code>"
    root: Node | None = None

    def value(self, path: Path) -> Place:
        """The place of the value at ``path``, or of the nearest value above it that is written."""
        node = self.nearest(path)
        return Place(self.file, node.line, node.column) if node else Place(self.file, 0, 0)

    def key(self, path: Path) -> Place:
        """The place of the last key of ``path`` instead of its value."""
        above = self.nearest(path[:-1]) if path else None
        position: tuple[int, int] | None = None if above is None else above.keys.get(str(path[-1]))
        return Place(self.file, *position) if position else self.value(path)

    def nearest(self, path: Path) -> Node | None:
        """The value at ``path``, or the nearest above it that is written."""
        node = self.root
        for step in path:
            below = node.child(step) if node else None
            if below is None:
                break
            node = below
        return node


def mapping(value: object) -> Mapping[str, object]:
    """``value`` if it is a mapping; an empty one if it is anything else."""
    return value if isinstance(value, Mapping) else {}


def sequence(value: object) -> list[object]:
    """``value`` if it is a list; an empty one if it is anything else."""
    return value if isinstance(value, list) else []
