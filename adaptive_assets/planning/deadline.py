"""Deadlines: until when a run can start and still keep what its policy promised."""

from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from adaptive_assets.planning.decisions import Reason, ReasonCode
from adaptive_assets.planning.resource_request import FULL, ResourceRequest
from adaptive_assets.planning.snapshot import QueuedRun
from adaptive_assets.planning.wording import seconds
from adaptive_assets.policy import Policy

__all__ = ["LAUNCH_S", "LOOKAHEAD_S", "Deadline"]

LAUNCH_S: Final = 5.0
"""From the verdict to the first line of user code: Dagster starts a process and loads the definitions."""

LOOKAHEAD_S: Final = 10.0
"""A verdict that is not given now is given a cycle later; two cycles at Dagster's default of 5 s."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """The deadline of one run, as an instant; ``None`` when its policy has none."""

    deadline_at: float | None

    @classmethod
    def of(cls, policy: Policy, run: QueuedRun) -> "Deadline":
        """The run's own deadline; else its policy's, which counts from the submission of the run."""
        if run.deadline_at is not None:
            return cls(run.deadline_at)
        deadline = policy.objective.deadline if policy.objective else None
        return cls(None if deadline is None else run.submitted_at + deadline)

    def slack(self, request: ResourceRequest, at: float) -> float:
        """Seconds for which the run can still wait and end in time; infinite without a deadline."""
        if self.deadline_at is None:
            return float("inf")
        return self.deadline_at - at - LAUNCH_S - request.duration

    def met_by(self, request: ResourceRequest, at: float) -> bool:
        """Whether a run launched now ends in time."""
        return self.slack(request, at) >= 0

    def endangered(self, request: ResourceRequest, at: float) -> bool:
        """Whether the next cycle may be too late to launch it."""
        return self.slack(request, at) < LOOKAHEAD_S

    def reason(self, request: ResourceRequest, at: float, mode: str = FULL) -> Reason:
        """How near the deadline is, for ``mode``, in which nothing is left out, and its ``request``."""
        left = 0.0 if self.deadline_at is None else self.deadline_at - at
        return Reason(
            ReasonCode.DEADLINE,
            partial(_is_near, mode=mode),
            {"deadline_in_s": left, "duration_s": request.duration, "launch_s": LAUNCH_S},
        )


def _is_near(numbers: Any, mode: str) -> str:
    left, takes = numbers["deadline_in_s"], numbers["launch_s"] + numbers["duration_s"]
    when = f"is due in {seconds(left)}" if left >= 0 else f"was due {seconds(-left)} ago"
    subject = "full mode" if mode == FULL else f"mode {mode}"
    return f"{when}, and {subject} takes {seconds(takes)}, launch included"
