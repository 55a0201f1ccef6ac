"""Where the values of a policy book are written."""

from collections.abc import Iterator
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
    """One value of a YAML document with its position.

    ``content`` is a scalar, a list of nodes, or a mapping of keys to nodes; ``keys`` has the positions of a
    mapping's keys.
    """

    line: int
    column: int
    content: object
    keys: dict[str, tuple[int, int]] = field(default_factory=dict)

    def children(self) -> "dict[str | int, Node]":
        """The nodes right below, by key or position."""
        if isinstance(self.content, dict):
            return self.content
        if isinstance(self.content, list):
            return dict(enumerate(self.content))
        return {}


@dataclass(frozen=True, slots=True)
class Places:
    """The positions of all values of one file."""

    file: str = "<code>"
    root: Node | None = None

    def __call__(self, path: Path) -> Place:
        """The place of the value at ``path``, or of the nearest value above it that is written."""
        if self.root is None:
            return Place(self.file, 0, 0)
        node = self.root
        for node in self._down(path):
            pass
        return Place(self.file, node.line, node.column)

    def key(self, path: Path) -> Place:
        """The place of the last key of ``path``, rather than of its value."""
        *above, last = path
        node = self.root
        for node in self._down(tuple(above)):
            pass
        if node is not None and isinstance(last, str) and last in node.keys:
            return Place(self.file, *node.keys[last])
        return self(path)

    def _down(self, path: Path) -> Iterator[Node]:
        node = self.root
        for step in path:
            node = node.children().get(step) if node else None
            if node is None:
                return
            yield node
