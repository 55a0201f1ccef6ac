"""The ladder: which rung a run takes that cannot run in full."""

from dataclasses import dataclass

from adaptive_assets.planning.demand import Demand, demand_of
from adaptive_assets.planning.promise import Promise
from adaptive_assets.planning.room import Room
from adaptive_assets.planning.verdicts import ReasonCode
from adaptive_assets.policy import Policy, Rung

__all__ = ["Step", "step_down"]

SHARED = frozenset({ReasonCode.CPU, ReasonCode.PRESSURE})
"""Guards on what can be shared: breaking them slows every run down, breaking the memory guard kills one."""


@dataclass(frozen=True, slots=True)
class Step:
    """A rung that is taken, and its demand; ``forced`` when it takes CPU beyond the guard."""

    rung: Rung
    demand: Demand
    forced: bool = False


def step_down(policy: Policy, promise: Promise, room: Room, at: float) -> Step | None:
    """The rung to launch now, or ``None`` when there is none or when it can still wait for room.

    The highest rung that fits and ends in time; when all would be late, the quickest that fits. When none
    fits and waiting would break the deadline, the quickest rung goes all the same if it lacks only CPU or
    calm: a promise is worth more than an idle margin. The memory guard and the run limit are never broken.
    """
    steps = [
        Step(rung, demand)
        for rung in policy.degrade
        if room.never_fits(demand := demand_of(policy, rung.mode)) is None
    ]
    fitting = [step for step in steps if not room.lacks(step.demand)]
    in_time = [step for step in fitting if promise.met_by(step.demand, at)]
    if in_time:
        return in_time[0]
    if any(promise.met_by(step.demand, at) for step in steps):
        quickest = min(steps, key=lambda step: step.demand.duration)
        if not promise.endangered(quickest.demand, at):
            return None
    elif fitting:
        return min(fitting, key=lambda step: step.demand.duration)
    if promise.deadline_at is None:
        return None
    forced = [step for step in steps if all(reason.code in SHARED for reason in room.lacks(step.demand))]
    if not forced:
        return None
    step = min(forced, key=lambda step: step.demand.duration)
    return Step(step.rung, step.demand, forced=True)
