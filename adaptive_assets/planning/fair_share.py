"""Fair share: who has had how much of the machine of late."""

from math import log2
from typing import Final

from adaptive_assets.planning.requests import ResourceRequests
from adaptive_assets.planning.resource_request import ResourceRequest
from adaptive_assets.planning.snapshot import Snapshot
from adaptive_assets.planning.tuning import Tuning
from adaptive_assets.policy import Policy, PolicyBook

MOST: Final = 1e30
"""Core-seconds above which a difference in use does not matter."""


class FairShare:
    """What each owner has used, by its weight, in levels.

    Use of the past counts half after each half-life. What active and admitted runs are still to take counts
    at once (an entry penalty, as in Kueue's KEP-4136), so that an owner that was quiet cannot take the whole
    machine before its use is seen. Levels instead of amounts, so that owners with about the same use are
    served in the order of submission.
    """

    def __init__(
        self, snapshot: Snapshot, book: PolicyBook, requests: ResourceRequests, tuning: Tuning
    ) -> None:
        self._tuning = tuning
        self._used = dict(snapshot.usage)
        self._levels: dict[str, int] = {}
        """Of policies, since any was last used more."""
        self.changes = 0
        """How often use has grown: as long as it has not, no order by use changes."""
        for run in snapshot.active:
            policy = book.policy(run.work.policy)
            request = requests.of_run(run, run.mode)
            ran = 0.0 if run.started_at is None else snapshot.at - run.started_at
            self._add(policy, request.cpu * max(0.0, request.median - ran))

    def admitted(self, policy: Policy, request: ResourceRequest) -> None:
        """Count a run that goes now, for all that it will take."""
        self._add(policy, request.cpu * request.median)

    def level(self, policy: Policy) -> int:
        """The higher, the later its turn among runs of a tier that are equally urgent."""
        known = self._levels.get(policy.name)
        if known is None:
            used = min(self._used.get(policy.owner or policy.name, 0.0) / policy.weight, MOST)
            known = self._levels[policy.name] = int(
                self._tuning.share_levels * log2(max(1.0, used / self._tuning.share_unit))
            )
        return known

    def _add(self, policy: Policy, core_seconds: float) -> None:
        owner = policy.owner or policy.name
        self._used[owner] = self._used.get(owner, 0.0) + core_seconds
        self._levels.clear()
        self.changes += 1
