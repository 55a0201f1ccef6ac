"""What can still be read of a broken policy file: its book without the parts that are wrong.

So that whoever checks a file is told of all that is wrong at once, and not of selections and ladders only
once the last typing error is mended. Nobody puts such a book in force.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from adaptive_assets.policy.explaining import KEY
from adaptive_assets.policy.fields import IN_A_FILE
from adaptive_assets.policy.loading import POLICY_FILE
from adaptive_assets.policy.model import PolicyBook
from adaptive_assets.policy.places import KeyedNode, ListNode, MappingNode, Path, Places, ScalarNode
from adaptive_assets.policy.problems import PolicyError
from adaptive_assets.policy.reading import read_mapping
from adaptive_assets.policy.stages import broken_stages

_ROUNDS: Final = 5
"""Each leaves out what is found to be wrong; what is wrong then, because of that, goes in the next."""
_KEPT: Final = frozenset({"name"})
"""Keys without which a policy is none."""


@dataclass(frozen=True, slots=True)
class Remains:
    """A book, and the keys that were left out of each policy, or at the top under the path ``()``."""

    book: PolicyBook
    left_out: Mapping[Path, frozenset[str]]


def remains_of(text: str | bytes, source: str) -> Remains | None:
    """What is left of a file without the parts that are wrong; ``None`` where that is no book."""
    try:
        content, places, _ = read_mapping(text, source, POLICY_FILE)
    except PolicyError:
        return None
    root = places.root
    if not isinstance(root, MappingNode):
        return None
    cut = _Cut(root)
    for finding in list(broken_stages(content)):
        cut.out(finding.path)
    for _ in range(_ROUNDS):
        root.entries["version"] = KeyedNode(1, 1, ScalarNode(1, 1, 1, "1"))
        cut.drop_policies()
        try:
            book = PolicyBook.model_validate(root.plain(), context=IN_A_FILE, by_alias=True, by_name=False)
        except ValidationError as error:
            for details in error.errors(include_url=False, include_input=False):
                cut.out(tuple(step for step in details["loc"] if step != KEY))
            continue
        book.place(Places(places.file, root))
        return Remains(book, cut.left_out())
    return None


class _Cut:
    """Takes parts out of the tree of a file."""

    def __init__(self, root: MappingNode) -> None:
        self._root = root
        self._of_node: defaultdict[int, set[str]] = defaultdict(set)
        self._dropped: list[object] = []

    def out(self, path: Path) -> None:
        """Take out what ``path`` leads through: a key of a policy, the policy itself, or a key at the top."""
        policy, key = self._policy_and_key(path)
        if policy is None:
            if path:
                self._take(self._root, str(path[0]))
        elif not isinstance(policy, MappingNode) or key is None or key in _KEPT or key not in policy.entries:
            self._drop(policy)
        else:
            self._take(policy, key)

    def drop_policies(self) -> None:
        """Take out the policies of which nothing can be kept; the others are then counted anew."""
        policies = self._policies()
        if policies is not None:
            dropped = {id(node) for node in self._dropped}
            policies.items = [node for node in policies.items if id(node) not in dropped]

    def left_out(self) -> dict[Path, frozenset[str]]:
        """The keys that were taken out, by the paths in what is left."""
        return {
            path: frozenset(self._of_node[id(node)])
            for path, node in self._mappings()
            if id(node) in self._of_node
        }

    def _policy_and_key(self, path: Path) -> "tuple[object | None, str | None]":
        steps = [str(step) for step in path]
        policies = self._policies()
        if len(path) > 1 and steps[0] == "policies" and policies is not None and isinstance(path[1], int):
            return policies.items[path[1]], steps[2] if len(path) > 2 else None
        default = self._root.entries.get("default")
        if len(path) > 1 and steps[0] == "default" and default is not None:
            return default.node, steps[1]
        return None, None

    def _take(self, node: MappingNode, key: str) -> None:
        node.entries.pop(key, None)
        self._of_node[id(node)].add(key)

    def _drop(self, policy: object) -> None:
        default = self._root.entries.get("default")
        if default is not None and policy is default.node:
            self._take(self._root, "default")
        else:
            self._dropped.append(policy)
            self._of_node[id(self._root)].add("policies")

    def _policies(self) -> ListNode | None:
        entry = self._root.entries.get("policies")
        return entry.node if entry is not None and isinstance(entry.node, ListNode) else None

    def _mappings(self) -> Iterator[tuple[Path, object]]:
        yield (), self._root
        default, policies = self._root.entries.get("default"), self._policies()
        if default is not None:
            yield ("default",), default.node
        for position, node in enumerate(policies.items if policies else ()):
            yield ("policies", position), node
