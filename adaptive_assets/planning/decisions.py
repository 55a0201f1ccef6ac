"""What ``plan()`` says: decisions on every run, each a verdict with its reasons."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from adaptive_assets.planning.concurrency_state import ConcurrencyLimit
from adaptive_assets.planning.reasons import Reason
from adaptive_assets.planning.snapshot import ActiveRun, QueuedRun, Work


class Verdict(StrEnum):
    """What becomes of a run in this cycle: the first four are for queued runs, the others for active ones."""

    LAUNCH = "launch"
    """To do everything: in full, or with its stages one after another."""
    DEGRADE = "degrade"
    """Launched, to do less."""
    DEFER = "defer"
    FAIL = "fail"
    """Its policy says that it must fail rather than wait longer for its data."""
    KEEP = "keep"
    """It goes on as it is."""
    SLOW = "slow"
    """It goes on with what CPU others leave."""
    SUSPEND = "suspend"
    """It stops until there is capacity again."""
    RESUME = "resume"
    """It goes on at full speed, after it was slowed down or suspended."""
    REQUEUE = "requeue"
    """It ends and goes back to the queue."""

    @property
    def admits(self) -> bool:
        """Whether the run leaves the queue to run."""
        return self in (Verdict.LAUNCH, Verdict.DEGRADE)

    @property
    def changes(self) -> bool:
        """Whether an active run is told to do something else than before."""
        return self in (Verdict.SLOW, Verdict.SUSPEND, Verdict.RESUME, Verdict.REQUEUE)


@dataclass(frozen=True, slots=True)
class Decision:
    """The verdict on ``runs``, all of the kind ``work``; the first reason is the one to show.

    ``node`` is where an admitted run is placed, where there are several. ``cpu_weight`` is the part of the
    CPU that it is to get against others, in the scale of ``cpu.weight`` of cgroups: 1 to 10,000, usually 100.
    """

    verdict: Verdict
    work: Work
    tier: str
    mode: str
    reasons: tuple[Reason, ...]
    runs: tuple[QueuedRun, ...]
    parameters: Mapping[str, object] = field(default_factory=dict)
    node: str = ""
    cpu_weight: int = 100

    @property
    def reason(self) -> Reason:
        """The reason that goes on the tag and into one line."""
        return self.reasons[0]


@dataclass(frozen=True, slots=True)
class ActiveDecision:
    """The verdict on active ``runs``, all of the kind ``work``; the first reason is the one to show."""

    verdict: Verdict
    work: Work
    tier: str
    mode: str
    reasons: tuple[Reason, ...]
    runs: tuple[ActiveRun, ...]
    parameters: Mapping[str, object] = field(default_factory=dict)

    @property
    def reason(self) -> Reason:
        """The reason in one line."""
        return self.reasons[0]


AnyDecision = Decision | ActiveDecision


@dataclass(frozen=True, slots=True)
class Plan:
    """Decisions on every queued run: admissions one by one in launch order, deferrals by kind of work.

    ``running`` are those on every active run: what is to change one by one, in the order in which to do it,
    and what is kept by kind of work.  ``pace`` belongs into the next snapshot.
    """

    at: float
    revision: str
    decisions: tuple[Decision, ...] = ()
    running: tuple[ActiveDecision, ...] = ()
    pace: ConcurrencyLimit | None = None

    def admitted(self) -> Iterator[Decision]:
        """The decisions that let their runs go, in launch order."""
        return (decision for decision in self.decisions if decision.verdict.admits)

    def by_run(self) -> dict[str, Decision]:
        """The decision on each run, by run id."""
        return {run.run_id: decision for decision in self.decisions for run in decision.runs}
