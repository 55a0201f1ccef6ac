"""YAML text to values that know where they are written.

The tree is built from the parser's events instead of by PyYAML's composer, because a policy file is input
that may be wrong: duplicate keys are found, what stands behind aliases is counted before anything walks
through it, nesting cannot exhaust the stack, and no tag can name a Python type.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import yaml

from adaptive_assets.policy.places import Node
from adaptive_assets.policy.problems import PolicyError, Problem
from adaptive_assets.policy.scalars import is_merge, known_tag, read_scalar
from adaptive_assets.policy.syntax import explain_yaml_error
from adaptive_assets.policy.units import shorten

MOST_VALUES: Final = 1_000_000
"""Values of a document, those behind an alias counted at every use: enough for ten thousand long policies."""
DEEPEST: Final = 50
"""Levels of nesting; a policy book needs six."""

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_COLLECTION_TAGS: Final = {None, "!", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"}


def read_document(text: str, source: str) -> tuple[Node, list[Problem]]:
    """The one document of ``text``, and those of its problems that leave the structure readable.

    Raises :class:`PolicyError` when there is no structure to be had: an empty file, not YAML, or a bomb.
    """
    unprintable = yaml.reader.Reader.NON_PRINTABLE.search(text)
    if unprintable:
        line, column = position(text, unprintable.start())
        message = f"the character U+{ord(unprintable[0]):04X} has no place in YAML"
        raise PolicyError([Problem(source, line, column, message, "remove it")])
    builder = _Builder(source)
    try:
        builder.build(yaml.parse(text, _LOADER))
    except yaml.MarkedYAMLError as error:
        raise PolicyError([*builder.problems, explain_yaml_error(error, text, source)]) from None
    if builder.root is None:
        raise PolicyError(
            [Problem(source, 1, 1, "the file is empty", "a policy book starts with `version: 1`")]
        )
    return builder.root, builder.problems


def position(text: str, offset: int) -> tuple[int, int]:
    """The line and column, from 1, of the character at ``offset``."""
    start = text.rfind("\n", 0, offset) + 1
    return text.count("\n", 0, offset) + 1, offset - start + 1


class _Key(NamedTuple):
    text: str
    line: int
    column: int
    merge: bool


@dataclass(slots=True)
class _Open:
    """A list or mapping that has not ended yet; ``key`` is the key of a mapping that waits for its value."""

    node: Node
    key: _Key | None = None
    bases: list[Node] = field(default_factory=list)


@dataclass(slots=True)
class _Builder:
    """Builds the tree of nodes from events."""

    source: str
    problems: list[Problem] = field(default_factory=list)
    root: Node | None = None
    anchors: dict[str, Node] = field(default_factory=dict)
    open: list[_Open] = field(default_factory=list)

    def build(self, events: Iterable[yaml.Event]) -> None:
        for event in events:
            match event:
                case yaml.ScalarEvent():
                    self._scalar(event)
                case yaml.AliasEvent():
                    self._alias(event)
                case yaml.SequenceStartEvent():
                    self._start(event, [])
                case yaml.MappingStartEvent():
                    self._start(event, {})
                case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                    self._end(event)
                case yaml.DocumentStartEvent() if self.root is not None:
                    raise self._fatal(event, "a second document starts here", "a policy book is one document")

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        node = self._node(event, read_scalar(event), event.value)
        if not known_tag(event):
            self._report(
                node, f"the tag `{shorten(event.tag or '')}` means nothing here", "write the plain value"
            )
        top = self.open[-1] if self.open else None
        if top and top.key is None and isinstance(top.node.content, dict):
            top.key = _Key(event.value, node.line, node.column, is_merge(event))
        else:
            self._put(event, node)

    def _alias(self, event: yaml.AliasEvent) -> None:
        node = self.anchors.get(event.anchor or "")
        name = shorten(event.anchor or "")
        if node is None:
            raise self._fatal(event, f"there is no anchor `&{name}` above", "quote text that starts with `*`")
        if any(outer.node is node for outer in self.open):
            raise self._fatal(event, f"`*{name}` stands inside `&{name}` itself", "write the value out")
        top = self.open[-1]
        if top.key is None and isinstance(top.node.content, dict):
            raise self._fatal(event, "an alias cannot be a key", "write the key out")
        self._put(event, node)

    def _start(self, event: Any, content: list[Node] | dict[str, Node]) -> None:
        if len(self.open) >= DEEPEST:
            raise self._fatal(
                event, f"this is nested more than {DEEPEST} levels deep", "a policy book needs six"
            )
        top = self.open[-1] if self.open else None
        if top and top.key is None and isinstance(top.node.content, dict):
            raise self._fatal(event, "a key must be text", "quote text that starts with `{` or `[`")
        node = self._node(event, content)
        if event.tag not in _COLLECTION_TAGS:
            self._report(node, f"the tag `{shorten(event.tag)}` means nothing here", "remove it")
        self.open.append(_Open(node))

    def _end(self, event: yaml.Event) -> None:
        ended = self.open.pop()
        for base in ended.bases:
            _inherit(ended.node, base)
        self._put(event, ended.node)

    def _put(self, event: yaml.Event, node: Node) -> None:
        """Hang a finished node below the collection that is open."""
        if not self.open:
            self.root = node
            return
        top = self.open[-1]
        top.node.size += node.size
        if top.node.size > MOST_VALUES:
            message = f"with what stands behind aliases, the file has more than {MOST_VALUES:,} values"
            raise self._fatal(
                event, message, "write fewer policies with wider selections, and use fewer aliases"
            )
        if isinstance(top.node.content, list):
            top.node.content.append(node)
        elif isinstance(top.node.content, dict) and top.key is not None:
            self._put_under(top, top.key, top.node.content, node)
            top.key = None

    def _put_under(self, top: _Open, key: _Key, content: dict[str, Node], node: Node) -> None:
        if key.merge:
            bases = node.content if isinstance(node.content, list) else [node]
            if all(isinstance(base.content, dict) for base in bases):
                top.bases += bases
            else:
                self._report(
                    key, "`<<` takes in something that is no mapping", "give it an alias of a mapping"
                )
        elif key.text in content:
            hint = f"keep one; the first is on line {top.node.keys[key.text][0]}"
            self._report(key, f"`{shorten(key.text)}` is given twice", hint)
        else:
            content[key.text] = node
            top.node.keys[key.text] = (key.line, key.column)

    def _node(self, event: Any, content: Any, text: str = "") -> Node:
        node = Node(event.start_mark.line + 1, event.start_mark.column + 1, content, text)
        if event.anchor is not None:
            self.anchors[event.anchor] = node
        return node

    def _report(self, at: Node | _Key, message: str, hint: str) -> None:
        self.problems.append(Problem(self.source, at.line, at.column, message, hint))

    def _fatal(self, event: yaml.Event, message: str, hint: str) -> PolicyError:
        mark = event.start_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        problem = Problem(self.source, line, column, message, hint)
        return PolicyError([*self.problems, problem])


def _inherit(node: Node, base: Node) -> None:
    """Take in the keys of ``base`` that ``node`` does not have itself (`<<`)."""
    if isinstance(node.content, dict) and isinstance(base.content, dict):
        for key, value in base.content.items():
            if node.content.setdefault(key, value) is value:
                node.keys.setdefault(key, base.keys[key])
