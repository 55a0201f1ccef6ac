"""Deadlines: until when a run can start and still end in time."""

from dataclasses import dataclass
from math import inf

from adaptive_assets.planning.reasons import Reason, ReasonCode
from adaptive_assets.planning.resource_request import FULL, ResourceRequest
from adaptive_assets.planning.snapshot import QueuedRun
from adaptive_assets.planning.tuning import Tuning
from adaptive_assets.policy import Policy


@dataclass(frozen=True, slots=True)
class Deadline:
    """The deadline of one run, as an instant; ``None`` where nothing is due."""

    at: float | None
    tuning: Tuning

    @classmethod
    def of(cls, policy: Policy, run: QueuedRun, tuning: Tuning) -> "Deadline":
        """The run's own deadline; else its policy's, which counts from the submission of the run."""
        if run.deadline_at is not None:
            return cls(run.deadline_at, tuning)
        deadline = policy.objective.deadline if policy.objective else None
        return cls(None if deadline is None else run.submitted_at + deadline, tuning)

    def slack(self, request: ResourceRequest, now: float) -> float:
        """Seconds for which the run can still wait and end in time; infinite without a deadline."""
        if self.at is None:
            return inf
        return self.at - now - self.tuning.launch_s - request.duration

    def met_by(self, request: ResourceRequest, now: float) -> bool:
        """Whether a run launched now ends in time."""
        return self.slack(request, now) >= 0

    def endangered(self, request: ResourceRequest, now: float) -> bool:
        """Whether the next cycle may be too late to launch it."""
        return self.slack(request, now) < self.tuning.lookahead_s

    def reason(self, request: ResourceRequest, now: float, mode: str = FULL) -> Reason:
        """How near the deadline is, for ``mode``, in which nothing is left out, and its ``request``."""
        left = 0.0 if self.at is None else self.at - now
        return Reason(
            ReasonCode.DEADLINE,
            {
                "mode": mode,
                "deadline_in_s": left,
                "duration_s": request.duration,
                "launch_s": self.tuning.launch_s,
            },
        )
