"""Where the values of a policy book are written."""

from dataclasses import dataclass, field
from typing import NamedTuple

Path = tuple[str | int, ...]
"""The way to a value from the top of a policy file: keys and, in lists, positions from 0."""


class Place(NamedTuple):
    """A position in a file; lines and columns count from 1, and are 0 for a book that no file holds."""

    file: str
    line: int
    column: int


@dataclass(slots=True)
class ScalarNode:
    """A single value, and the ``text`` that was read as it."""

    line: int
    column: int
    value: str | int | float | bool | None
    text: str

    def plain(self) -> object:
        """The value without its place."""
        return self.value


@dataclass(slots=True)
class ListNode:
    """A list; ``size`` counts the values below it, those behind an alias at every use."""

    line: int
    column: int
    items: "list[Node]" = field(default_factory=list)
    size: int = 0

    def plain(self) -> object:
        """The values without their places."""
        return [node.plain() for node in self.items]


class KeyedNode(NamedTuple):
    """What a mapping has under a key: the position of the key, and the value."""

    line: int
    column: int
    node: "Node"


@dataclass(slots=True)
class MappingNode:
    """A mapping; ``size`` is as in a list."""

    line: int
    column: int
    entries: dict[str, KeyedNode] = field(default_factory=dict)
    size: int = 0

    def plain(self) -> object:
        """The values without their places."""
        return {key: entry.node.plain() for key, entry in self.entries.items()}


Node = ScalarNode | ListNode | MappingNode


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
        above = self.nearest(path[:-1])
        entry = above.entries.get(str(path[-1])) if isinstance(above, MappingNode) else None
        return Place(self.file, entry.line, entry.column) if entry else self.value(path)

    def text(self, path: Path) -> str | None:
        """The text that stands at ``path``; ``None`` where there is none, or more than a single value."""
        node = self.nearest(path)
        return node.text if isinstance(node, ScalarNode) else None

    def nearest(self, path: Path) -> Node | None:
        """The value at ``path``, or the nearest above it that is written."""
        node = self.root
        for step in path:
            below = _below(node, step)
            if below is None:
                break
            node = below
        return node


def _below(node: Node | None, step: str | int) -> Node | None:
    match node:
        case MappingNode(entries=entries) if step in entries:
            return entries[str(step)].node
        case ListNode(items=items) if isinstance(step, int) and step < len(items):
            return items[step]
        case _:
            return None
