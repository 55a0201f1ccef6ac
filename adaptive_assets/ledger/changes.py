"""What changed between two ordered collections of keyed values, and how to follow it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

__all__ = ["Changes", "changes", "follow"]

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Changes(Generic[V]):
    """Keys that are ``gone``; values that ``changed`` in place; what is ``placed`` anew: (index, key, value).

    The indices are those of the new order, ascending.  Whatever is neither gone nor placed keeps its order.
    """

    gone: tuple[str, ...]
    changed: Mapping[str, V]
    placed: tuple[tuple[int, str, V], ...]

    def __bool__(self) -> bool:
        return bool(self.gone or self.changed or self.placed)


def changes(old: Mapping[str, V], new: Mapping[str, V]) -> Changes[V]:
    """What :func:`follow` needs to make ``new`` of ``old``.

    Values are compared by identity, then by equality.  One pass: an item that comes earlier than it did holds
    back all that it passed, so a thorough shuffle costs more than it must, but never goes wrong.
    """
    ranks = {key: rank for rank, key in enumerate(old)}
    changed: dict[str, V] = {}
    placed: list[tuple[int, str, V]] = []
    furthest = -1
    for index, (key, value) in enumerate(new.items()):
        rank = ranks.pop(key, -1)
        if rank < furthest or rank < 0:
            placed.append((index, key, value))
            continue
        furthest = rank
        before = old[key]
        if before is not value and before != value:
            changed[key] = value
    return Changes(tuple(ranks), changed, tuple(placed))


def follow(state: Mapping[str, V], change: Changes[V]) -> dict[str, V]:
    """``state`` after ``change``, in the new order."""
    if not change.gone and not change.placed:
        return {**state, **change.changed}
    elsewhere = {*change.gone, *(key for _, key, _ in change.placed)}
    kept = iter(
        [(key, change.changed.get(key, value)) for key, value in state.items() if key not in elsewhere]
    )
    after: dict[str, V] = {}
    for index, key, value in change.placed:
        while len(after) < index:
            stayed, its_value = next(kept)
            after[stayed] = its_value
        after[key] = value
    after.update(kept)
    return after
