"""How a case writes runs, in the queue and at work.  Times are ages: ``waited: 3m``."""

from pydantic import Field, StrictBool, StrictInt

from adaptive_assets.planning.estimates import Estimate
from adaptive_assets.planning.snapshot import Action, ActiveRun, Claims, QueuedRun, RunState, Work
from adaptive_assets.policy.fields import Cores, Duration, PositiveDuration, SizeInUse, Text
from adaptive_assets.policy.terms import DEFAULT, FULL
from adaptive_assets.policy.values import PolicyValue
from adaptive_assets.policy_cases.estimates import EstimateTerms

HERE = "here"
"""The code location of all work in cases."""

_AN_HOUR = 3600.0


class WorkTerms(PolicyValue):
    """A run and its kind of work; two with the same policy, name and reads are of the same kind."""

    run: Text
    """What expectations call it."""
    policy: Text = DEFAULT
    """The policy that governs it."""
    name: Text | None = None
    """The name of its kind of work; without it, that of the policy."""
    reads: tuple[Text, ...] = ()
    """The assets that it reads and does not make."""
    degradable: StrictBool = True
    """Whether rungs hold for all that it makes."""
    composable: StrictBool = False
    """Whether its stages can be run in another order, or left out."""
    undefined: tuple[Text, ...] = ()
    """What no code location that is loaded defines, of what it makes and reads."""
    deadline: PositiveDuration | None = None
    """A deadline of its own, from its submission to its end; without it, that of the policy."""
    estimate: EstimateTerms | None = None
    """What this one run will take, where that is known."""
    preempted: StrictInt = Field(default=0, ge=0)
    """How often it had to give way."""

    @property
    def kind(self) -> str:
        """The name of its kind of work."""
        return self.name or self.policy

    def work(self) -> Work:
        """Its kind of work."""
        return Work(
            self.kind,
            self.policy,
            HERE,
            (self.kind,),
            self.reads,
            self.degradable,
            self.composable,
            undefined=self.undefined,
        )

    def _own_estimate(self) -> Estimate | None:
        return None if self.estimate is None else self.estimate.estimate()

    def _deadline_at(self, submitted_at: float) -> float | None:
        return None if self.deadline is None else submitted_at + self.deadline


class QueuedTerms(WorkTerms):
    """A run in the queue."""

    waited: Duration = 0.0
    """How long ago it was submitted."""
    priority: StrictInt = 0
    """Its `dagster/priority`."""
    admitted: Text | None = None
    """The mode in which it was admitted already, if Dagster has not launched it yet."""
    inputs: tuple[Text, ...] | None = None
    """What it reads, as `data` names it; without it, the assets that its work reads."""
    pools: tuple[Text, ...] = ()
    """The pools of each of which it takes a slot."""
    tag_limits: tuple[Text, ...] = ()
    """The tag concurrency limits of each of which it takes a slot."""

    def queued_run(self, now: float) -> QueuedRun:
        """The run, as it is known at ``now``."""
        submitted_at = now - self.waited
        slots = (*(f"pool:{name}" for name in self.pools), *(f"tag:{name}" for name in self.tag_limits))
        return QueuedRun(
            self.run,
            self.work(),
            submitted_at,
            self.priority,
            self.admitted,
            deadline_at=self._deadline_at(submitted_at),
            estimate=self._own_estimate(),
            preempted=self.preempted,
            inputs=self.inputs,
            claims=Claims(dict.fromkeys(slots, 1), slots) if slots else None,
        )


class ActiveTerms(WorkTerms):
    """A run that holds resources."""

    mode: Text = FULL
    """The mode in which it was launched."""
    submitted: Duration | None = None
    """How long ago it was submitted; without it, when it was launched."""
    launched: Duration = _AN_HOUR
    """How long ago it was launched."""
    started: Duration | None = _AN_HOUR
    """How long ago its code started; without it, when it was launched; `null` while it is starting."""
    ran: Duration | None = None
    """How long it has run; without it, since it started."""
    cpu_used: Cores | None = None
    """Cores that it uses now, where its processes can be seen."""
    memory_used: SizeInUse | None = None
    """Memory that it uses now."""
    node: Text | None = None
    """The node that it runs on, where there are several."""
    state: RunState = RunState.RUNNING
    """What it is doing."""
    actions: tuple[Action, ...] = ()
    """What its launcher can do to it."""
    acted: Duration | None = None
    """How long ago it was last made to give way or let go on."""

    def active_run(self, now: float) -> ActiveRun:
        """The run, as it is known at ``now``."""
        launched_at = now - self.launched
        submitted_at = launched_at if self.submitted is None else now - self.submitted
        started = self.started if "started" in self.model_fields_set else self.launched
        return ActiveRun(
            self.run,
            self.work(),
            self.mode,
            launched_at,
            None if started is None else now - started,
            self.cpu_used,
            self.memory_used,
            self.node or "",
            self.state,
            submitted_at,
            self._deadline_at(submitted_at),
            self._own_estimate(),
            self.actions,
            self.ran,
            self.preempted,
            None if self.acted is None else now - self.acted,
        )
