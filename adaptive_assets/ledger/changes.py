"""What changed between two ordered collections of keyed values, and how to follow it."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar

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

    Values are compared by identity, then by equality.  One pass: an item that comes earlier than it did makes
    new places of all that it passed, so a thorough shuffle costs more than it must, but never goes wrong.
    """
    ranks = {key: rank for rank, key in enumerate(old)}
    changed: dict[str, V] = {}
    placed: list[tuple[int, str, V]] = []
    furthest = -1
    for index, (key, value) in enumerate(new.items()):
        rank = ranks.pop(key, -1)
        if rank < 0 or rank < furthest:
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
    staying = iter([key for key in state if key not in elsewhere])
    values = {**state, **change.changed, **{key: value for _, key, value in change.placed}}
    order: list[str] = []
    for index, key, _ in change.placed:
        order.extend(islice(staying, index - len(order)))
        order.append(key)
    order.extend(staying)
    return {key: values[key] for key in order}
