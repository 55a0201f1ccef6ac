"""Step 3, the queue: one order over the policy queues.

Tier, least slack to the deadline, the owner's use of late, the user's ``dagster/priority``, size class where
there is no deadline, submission. A run that starvation protection lets go stands before all.
"""

from bisect import insort
from collections import defaultdict
from collections.abc import Iterable
from heapq import heapify, heappop, heapreplace

from adaptive_assets.planning.fair_share import FairShare
from adaptive_assets.planning.run_group import Position, RunGroup


class PolicyQueue:
    """The groups of one policy. They have one owner, so their order among themselves does not follow its
    use.
    """

    def __init__(self, groups: Iterable[RunGroup], shares: FairShare) -> None:
        self._shares = shares
        self._order = sorted((group.place, group) for group in groups)
        self._next = 0
        """The place in ``_order`` of the first group that has not left."""
        self.as_of = 0
        """The use of owners by which its position was last told."""

    def __bool__(self) -> bool:
        return self._next < len(self._order)

    def __lt__(self, other: "PolicyQueue") -> bool:
        return False  # positions name their run, so two are never equal

    @property
    def first(self) -> RunGroup:
        """The group whose first run is first in this queue."""
        return self._order[self._next][1]

    def position(self) -> Position:
        """Where its first run stands among all, as its owner has used what it has now."""
        (tier, latest_start, _, priority, size, submitted, run_id), group = self._order[self._next]
        used = self._shares.level(group.policy)
        self.as_of = self._shares.changes
        return tier, latest_start, used, priority, size, submitted, run_id

    def go_on(self) -> None:
        """The next run of the first group stands in its place; the group leaves, where it has none."""
        group = self.first
        self.drop()
        if group.next < len(group.runs):
            insort(self._order, (group.place, group), lo=self._next)

    def drop(self) -> None:
        """The first group leaves."""
        self._next += 1


class Queue:
    """All policy queues, in one order that follows the use of owners as it grows."""

    def __init__(self, groups: Iterable[RunGroup], shares: FairShare) -> None:
        self._shares = shares
        by_policy: defaultdict[str, list[RunGroup]] = defaultdict(list)
        for group in groups:
            by_policy[group.policy.name].append(group)
        queues = [PolicyQueue(of_policy, shares) for of_policy in by_policy.values()]
        self._heap = [(queue.position(), queue) for queue in queues]
        heapify(self._heap)

    def __bool__(self) -> bool:
        return bool(self._heap)

    def first(self) -> RunGroup:
        """The group whose first run is first of all."""
        while (queue := self._heap[0][1]).as_of != self._shares.changes:
            heapreplace(self._heap, (queue.position(), queue))
        return queue.first

    def leave(self, *, whole_group: bool) -> None:
        """The first run leaves, or the first group with all its runs."""
        queue = self._heap[0][1]
        if whole_group:
            queue.drop()
        else:
            queue.go_on()
        if queue:
            heapreplace(self._heap, (queue.position(), queue))
        else:
            heappop(self._heap)
