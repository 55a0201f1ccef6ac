"""Which run waits for which: finding a circle among them."""

from collections.abc import Mapping, Sequence

__all__ = ["find_cycle"]


def find_cycle(depends_on: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The ids of one cycle, each depending on the next and the last on the first; empty without one.

    A depth-first search with a stack of its own, so that a chain of a million runs is followed to its end;
    linear in runs and dependencies.  Ids that are no key of ``depends_on`` depend on nothing.
    """
    finished: set[str] = set()
    for root in depends_on:
        if root in finished:
            continue
        path = {root: None}  # a dict for its order: the way from the root to where we are
        branches = [iter(depends_on[root])]
        while branches:
            below = next(branches[-1], None)
            if below is None:
                branches.pop()
                finished.add(path.popitem()[0])
            elif below in path:
                way = list(path)
                return tuple(way[way.index(below) :])
            elif below in depends_on and below not in finished:
                path[below] = None
                branches.append(iter(depends_on[below]))
    return ()
