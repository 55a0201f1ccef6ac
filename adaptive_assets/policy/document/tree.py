"""YAML text to values that know where they are written.

The tree is built from the parser's events instead of by PyYAML's composer, because a policy file is input
that may be wrong: duplicate keys are found, what stands behind aliases is counted before anything walks
through it, nesting cannot exhaust the stack, and no tag can name a Python type.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import yaml

from adaptive_assets.policy.document.scalars import is_merge, known_tag, read_scalar
from adaptive_assets.policy.document.syntax import explain_yaml_error
from adaptive_assets.policy.places import KeyedNode, ListNode, MappingNode, Node, ScalarNode
from adaptive_assets.policy.problems import PolicyError, Problem
from adaptive_assets.policy.text import quoted

MOST_VALUES: Final = 1_000_000
"""Values of a document, those behind an alias counted at every use: enough for ten thousand long policies."""
DEEPEST: Final = 50
"""Levels of nesting; a policy book needs six, a case with a book in it ten."""

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_COLLECTION_TAGS: Final = {None, "!", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"}


def read_document(
    text: str,
    source: str,
    *,
    kind: str = "a policy book",
    start: str = "a policy book starts with `version: 1`",
) -> tuple[Node, list[Problem]]:
    """The one document of ``text``, and those of its problems that leave the structure readable.

    ``kind`` is what hints call the document, ``start`` the hint about an empty one.  Raises
    :class:`PolicyError` when there is no structure to be had: an empty file, not YAML, or a bomb.
    """
    unprintable = yaml.reader.Reader.NON_PRINTABLE.search(text)
    if unprintable:
        line, column = position(text, unprintable.start())
        message = f"the character U+{ord(unprintable[0]):04X} has no place in YAML"
        raise PolicyError([Problem(source, line, column, message, "remove it")])
    builder = _Builder(source, kind)
    try:
        builder.build(yaml.parse(text, _LOADER))
    except yaml.MarkedYAMLError as error:
        raise PolicyError([*builder.problems, explain_yaml_error(error, text, source)]) from None
    if builder.root is None or (isinstance(builder.root, ScalarNode) and builder.root.value is None):
        raise PolicyError([Problem(source, 1, 1, "the file is empty", start)])
    return builder.root, builder.problems


def position(text: str, offset: int) -> tuple[int, int]:
    """The line and column, from 1, of the character at ``offset``."""
    start = text.rfind("\n", 0, offset) + 1
    return text.count("\n", 0, offset) + 1, offset - start + 1


class _Key(NamedTuple):
    text: str
    line: int
    column: int
    merges: bool
    """Whether it is the `<<` that takes in other mappings."""


@dataclass(slots=True)
class _Open:
    """A list or mapping that has not ended yet.

    ``key`` is the key that waits for its value, ``bases`` the mappings taken in by `<<`.
    """

    node: ListNode | MappingNode
    key: _Key | None = None
    bases: list[MappingNode] = field(default_factory=list)


@dataclass(slots=True)
class _Builder:
    """Builds the tree of nodes from events."""

    source: str
    kind: str
    problems: list[Problem] = field(default_factory=list)
    root: Node | None = None
    anchors: dict[str, Node] = field(default_factory=dict)
    open: list[_Open] = field(default_factory=list)

    def build(self, events: Iterable[yaml.Event]) -> None:
        """Take in all events of a document."""
        steps: dict[type[yaml.Event], Callable[[Any], None]] = {
            yaml.DocumentStartEvent: self._document,
            yaml.ScalarEvent: self._scalar,
            yaml.AliasEvent: self._alias,
            yaml.SequenceStartEvent: self._start,
            yaml.MappingStartEvent: self._start,
            yaml.SequenceEndEvent: self._end,
            yaml.MappingEndEvent: self._end,
        }
        for event in events:
            if step := steps.get(type(event)):
                step(event)

    def _document(self, event: Any) -> None:
        if self.root is not None:
            raise self._fatal(event, "a second document starts here", f"{self.kind} is one document")

    def _scalar(self, event: Any) -> None:
        line, column = _position(event)
        if self._awaits_key():
            self.open[-1].key = _Key(event.value, line, column, is_merge(event))
            return
        if event.tag is not None and not known_tag(event.tag):
            self._report(line, column, f"the tag `{quoted(event.tag)}` means nothing here", "remove it")
        self._finish(event, self._anchored(event, ScalarNode(line, column, read_scalar(event), event.value)))

    def _alias(self, event: Any) -> None:
        node, name = self.anchors.get(event.anchor), quoted(event.anchor)
        if self._awaits_key():
            raise self._fatal(event, "an alias cannot be a key", "write the key out")
        if node is None:
            raise self._fatal(
                event, f"there is no `&{name}` above", "put text that starts with `*` in quotes"
            )
        if any(outer.node is node for outer in self.open):
            raise self._fatal(event, f"`*{name}` stands inside `&{name}` itself", "write the value out")
        self._finish(event, node)

    def _start(self, event: Any) -> None:
        line, column = _position(event)
        if self._awaits_key():
            raise self._fatal(event, "a key must be text", "put text that starts with `{` or `[` in quotes")
        if len(self.open) >= DEEPEST:
            raise self._fatal(
                event, f"more than {DEEPEST} levels of nesting", f"{self.kind} needs ten at most"
            )
        if event.tag not in _COLLECTION_TAGS:
            self._report(line, column, f"the tag `{quoted(event.tag)}` means nothing here", "remove it")
        kind = MappingNode if isinstance(event, yaml.MappingStartEvent) else ListNode
        node = kind(line, column)
        self._anchored(event, node)
        self.open.append(_Open(node))

    def _end(self, event: Any) -> None:
        ended = self.open.pop()
        if isinstance(ended.node, MappingNode) and ended.bases:
            # What comes later wins: a mapping's own keys, then those of the first mapping that it takes in.
            layers = [*(base.entries for base in reversed(ended.bases)), ended.node.entries]
            ended.node.entries = {key: entry for layer in layers for key, entry in layer.items()}
        self._finish(event, ended.node)

    def _finish(self, event: Any, node: Node) -> None:
        """Hang a finished node below the list or mapping that is open."""
        if not self.open:
            self.root = node
            return
        top = self.open[-1]
        top.node.size += 1 + (0 if isinstance(node, ScalarNode) else node.size)
        if top.node.size > MOST_VALUES:
            message = f"more than {MOST_VALUES:,} values, counting what stands behind aliases"
            raise self._fatal(event, message, "use fewer aliases, and fewer policies with wider selections")
        if isinstance(top.node, ListNode):
            top.node.items.append(node)
        elif top.key is not None:
            self._enter(top, top.node, top.key, node)
            top.key = None

    def _enter(self, top: _Open, mapping: MappingNode, key: _Key, node: Node) -> None:
        """Put ``node`` under a key, or remember what a `<<` takes in."""
        if key.merges:
            bases = node.items if isinstance(node, ListNode) else [node]
            mappings = [base for base in bases if isinstance(base, MappingNode)]
            top.bases += mappings
            if len(mappings) < len(bases):
                self._report(key.line, key.column, "`<<` takes in mappings only", "give it an alias of one")
        elif key.text in mapping.entries:
            hint = f"keep one; the first is on line {mapping.entries[key.text].line}"
            self._report(key.line, key.column, f"`{quoted(key.text)}` is given twice", hint)
        else:
            mapping.entries[key.text] = KeyedNode(key.line, key.column, node)

    def _awaits_key(self) -> bool:
        """Whether what comes next is the key of a mapping."""
        return bool(self.open) and self.open[-1].key is None and isinstance(self.open[-1].node, MappingNode)

    def _anchored(self, event: Any, node: Node) -> Node:
        if event.anchor is not None:
            self.anchors[event.anchor] = node
        return node

    def _report(self, line: int, column: int, message: str, hint: str) -> None:
        self.problems.append(Problem(self.source, line, column, message, hint))

    def _fatal(self, event: Any, message: str, hint: str) -> PolicyError:
        return PolicyError([*self.problems, Problem(self.source, *_position(event), message, hint)])


def _position(event: Any) -> tuple[int, int]:
    return event.start_mark.line + 1, event.start_mark.column + 1
