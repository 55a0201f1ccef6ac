"""The processes of the active runs: which are theirs, whether they are there, and what they use."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import dagster as dg

from adaptive_assets.coordinator.run_claims import claims_of, is_served_by_nobody
from adaptive_assets.dagster_compat.runs import RunRecord
from adaptive_assets.signals import Belonging, Claim, RunProcesses, RunUsage

PROOF_WITHIN_S: Final = 60.0
"""For how long a process that nothing ties to its run is looked at again.

A pooled one shows whom it works for only while the output of a step is captured.
"""

UNSEEN_S: Final = 2.0
UNSEEN_SHARE: Final = 0.1
"""How much of a run may have gone by before its pooled process was first looked at: seconds, or a share.

What was used until then is not known, and half of a run's use would be a wrong figure, not a rough one.
"""

_ORDER: Final = (Belonging.OWN, Belonging.POOLED, Belonging.UNKNOWN, Belonging.ALIEN)
_PROVEN: Final = frozenset({Belonging.OWN, Belonging.POOLED})


@dataclass(slots=True)
class _Followed:
    """A run whose processes were looked for; ``since`` is monotonic."""

    claims: tuple[Claim, ...]
    since: float
    found: Belonging | None = None
    """The best that any claim came to; ``None`` where there are no claims."""


class ProcessWatch:
    """Finds the processes of runs that have started, and follows those that surely are theirs."""

    def __init__(
        self, instance: dg.DagsterInstance, processes: RunProcesses, monotonic: Callable[[], float]
    ) -> None:
        self._instance = instance
        self._processes = processes
        self._monotonic = monotonic
        self._followed: dict[str, _Followed] = {}

    def follow(self, record: RunRecord) -> None:
        """Look for the run's processes, until they are found or there is no more hope; reads events once."""
        run_id, at = record.dagster_run.run_id, self._monotonic()
        followed = self._followed.get(run_id)
        if followed is None:
            followed = self._followed[run_id] = _Followed(claims_of(self._instance, record), at)
            self._look(followed)
        elif followed.found not in _PROVEN and at - followed.since < PROOF_WITHIN_S:
            self._look(followed)

    def usage(self, run_id: str) -> RunUsage | None:
        """What the run's processes use, where they can be seen."""
        return self._processes.usage(run_id)

    def is_gone(self, run_id: str) -> bool:
        """Whether the run's process surely is no more.

        That is one that was seen here and has ended; or one that a code server of this machine started, which
        is gone itself, if no process is left that could be the one.
        """
        followed = self._followed.get(run_id)
        if followed is None or not followed.claims:
            return False
        if followed.found in _PROVEN:
            usage = self._processes.usage(run_id)
            return usage is not None and usage.processes == 0
        if not is_served_by_nobody(followed.claims[0].server):
            return False
        self._look(followed)
        return followed.found is Belonging.ALIEN

    def is_alive(self, record: RunRecord) -> bool:
        """Whether a process of a run that has not started is seen here, looked for anew."""
        run_id = record.dagster_run.run_id
        self._followed.pop(run_id, None)
        self.follow(record)
        if self.was_seen(run_id) and not self.is_gone(run_id):
            return True
        self._followed.pop(run_id, None)  # its events may name a process yet
        return False

    def was_seen(self, run_id: str) -> bool:
        """Whether a process of the run was found here."""
        followed = self._followed.get(run_id)
        return followed is not None and followed.found in _PROVEN

    def forget(self, record: RunRecord, ended_at: float) -> RunUsage | None:
        """Stop following the run; what it took, if that could be seen from near enough its start."""
        run_id = record.dagster_run.run_id
        followed = self._followed.pop(run_id, None)
        usage = self._processes.forget(run_id, ended_at)
        if usage is None or not usage.samples:
            return None
        if usage.since is None:  # all that the process used is the run's
            return usage
        if followed is None:
            return None
        began = min(claim.at for claim in followed.claims)
        seen_at_once = usage.since - began <= max(UNSEEN_S, UNSEEN_SHARE * (ended_at - began))
        return usage if seen_at_once else None

    def _look(self, followed: _Followed) -> None:
        found = {self._processes.claim(claim) for claim in followed.claims}
        followed.found = next((each for each in _ORDER if each in found), None)
