"""What one plan leaves to the next: requests, and groups with the order of their runs.

It saves time and changes no plan: what it keeps is looked up by identity, and dropped as soon as anything
changes that it was made from.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from operator import is_
from typing import Final

from adaptive_assets.planning.estimates import Estimate
from adaptive_assets.planning.requests import KnownRequests
from adaptive_assets.planning.run_group import RunGroup, by_kind
from adaptive_assets.planning.snapshot import QueuedRun, Snapshot
from adaptive_assets.planning.tuning import Tuning
from adaptive_assets.planning.work_key import work_key
from adaptive_assets.policy import PolicyBook

_MOST: Final = 100_000
"""Requests that are kept; beyond this all are looked up anew, so that those of the past do not pile up."""


@dataclass(slots=True)
class PlanCache:
    """What is known from the plan before, and still holds.

    The runs, kinds of work and estimates that it knows by identity are kept alive with what is known of them.
    """

    requests: KnownRequests = field(default_factory=KnownRequests)
    _groups: dict[int, tuple[list[QueuedRun], RunGroup]] = field(default_factory=dict)
    """By the identity of the first of their runs, which are in the order in which the snapshot had them."""
    _queued: tuple[QueuedRun, ...] | None = None
    """The queue that ``_groups`` are of; ``None`` where some of them are missing."""
    _book: PolicyBook | None = None
    _estimates: Mapping[str, Estimate] = field(default_factory=dict)
    _basis: tuple[object, ...] = ()
    """The tuning, what launchers can do, and how large the machines are."""

    def begin(self, snapshot: Snapshot, book: PolicyBook, tuning: Tuning) -> None:
        """Drop what does not hold for the plan of ``snapshot``."""
        basis = (tuning, snapshot.actions, *_sizes(snapshot))
        if book is not self._book or basis != self._basis or len(self.requests) > _MOST:
            self._queued, self._groups, self.requests = None, {}, KnownRequests()
        elif changed := _changed(self._estimates, snapshot.estimates):
            self._queued = None
            self._groups = {
                key: kept for key, kept in self._groups.items() if work_key(kept[1].work) not in changed
            }
            self.requests.forget(changed)
        self._book, self._basis, self._estimates = book, basis, snapshot.estimates

    def groups(
        self, snapshot: Snapshot, group_of: Callable[[list[QueuedRun]], RunGroup]
    ) -> Iterator[RunGroup]:
        """The groups of the queue, each at its start; ``group_of`` makes those that are not known."""
        if snapshot.queued is not self._queued:
            groups: dict[int, tuple[list[QueuedRun], RunGroup]] = {}
            for runs in by_kind(snapshot.queued):
                kept = self._groups.get(id(runs[0]))
                if kept is None or not _are_same(kept[0], runs):
                    kept = runs, group_of(runs)
                groups[id(runs[0])] = kept
            self._groups, self._queued = groups, snapshot.queued
        for _, group in self._groups.values():
            group.begin(snapshot.at)
            yield group


def _are_same(some: list[QueuedRun], others: list[QueuedRun]) -> bool:
    return len(some) == len(others) and all(map(is_, some, others))


def _changed(before: Mapping[str, Estimate], now: Mapping[str, Estimate]) -> set[str]:
    """The keys of the kinds of work of which something else is known now."""
    if before is now:
        return set()
    return {
        key.partition("/")[0] for key in before.keys() | now.keys() if before.get(key) is not now.get(key)
    }


def _sizes(snapshot: Snapshot) -> Iterator[tuple[object, ...]]:
    """How large each machine is, and whether it takes work."""
    nodes = [(node.reading, node.is_alive(snapshot.at)) for node in snapshot.nodes]
    for reading, alive in (*nodes, (snapshot.machine, True)):
        yield (alive, reading and (reading.cpu_capacity, reading.memory_capacity))
