"""One run of a workload on its way through the world: in the queue, and in each of its attempts."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Final

from adaptive_assets.learning import SubmittedRun
from adaptive_assets.planning.estimates import Estimate
from adaptive_assets.planning.resource_request import FULL, LAST_GOOD, LAST_GOOD_PRIOR, request_of
from adaptive_assets.planning.snapshot import ActiveRun, Declaration, RunState
from adaptive_assets.policy import Policy, PolicyBook
from adaptive_assets.policy.weights import USUAL_CPU_WEIGHT
from adaptive_assets.simulation.engine.clock import Clock
from adaptive_assets.simulation.engine.cpu_shares import kernel_weight
from adaptive_assets.simulation.engine.policy_assignment import Kinds, TraceKind
from adaptive_assets.simulation.engine.simulated_node import SimulatedNode
from adaptive_assets.simulation.traces.trace import TracedRun, Workload

GROWTH_STEPS: Final = 4
GROWS_FOR: Final = 0.2
"""The share of its life over which a run's memory grows to its peak, in so many equal steps."""

STARTS_WITH: Final = 64 * 2**20
"""Bytes that a process holds before it has read anything; or a tenth of its peak, if that is more."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What an attempt really takes, alone on an idle machine: seconds of user code, cores, bytes."""

    duration: float
    cpu: float
    memory: int


def needs_of(run: TracedRun, policy: Policy, mode: str, drift: float = 1.0) -> Needs:
    """What ``run`` takes in ``mode``, its duration times ``drift``.

    A rung takes as much less of what the run really takes as its policy declares that it takes less, and
    another composition of its stages as much less or more as these declare; serving the last good version
    takes no more than its prior.
    """
    duration, cpu, memory = run.duration_s * drift, run.cpu, run.memory
    if mode == FULL:
        return Needs(duration, cpu, memory)
    if mode == LAST_GOOD:
        most = LAST_GOOD_PRIOR
        return Needs(min(duration, most.duration), min(cpu, most.cpu), min(memory, most.memory))
    whole, less = request_of(policy, FULL), request_of(policy, mode)
    return Needs(
        duration * _ratio(less.duration, whole.duration),
        cpu * _ratio(less.cpu, whole.cpu),
        round(memory * _ratio(less.memory, whole.memory)),
    )


def _ratio(less: float, whole: float) -> float:
    return less / whole if whole else 1.0


@dataclass(slots=True, eq=False)
class Run:
    """What has become of a run so far. Times are seconds from the start of the workload."""

    traced: TracedRun
    kind: TraceKind
    number: int
    """Its place in the workload."""
    parents_left: int
    submission: SubmittedRun = field(init=False)
    """What a planner may know of it when it is submitted."""
    released: float | None = None
    submitted: float = 0.0
    """When it was submitted, as planners see it: Dagster retries what was killed or lost as a new run."""
    deadline: float | None = None
    queued_since: float = 0.0
    """When it joined the queue, the last time that it did."""
    waited: float = 0.0
    attempts: int = 0
    killed_at: list[float] = field(default_factory=list)
    """When it was killed for want of memory."""
    preempted: int = 0
    useful_core_s: float = 0.0
    wasted_core_s: float = 0.0
    estimate: Estimate | None = None
    """What the planner is told of this very run."""
    blocked: dict[str, float] = field(default_factory=dict)
    blocked_by: str = ""
    attempt: "Attempt | None" = None
    last: "Attempt | None" = None
    ended: float | None = None
    failed: str = ""
    """Why it will never end well."""

    def __post_init__(self) -> None:
        traced, said = self.traced, self.traced.declared
        declared = None if said is None else Declaration(said.cpu, said.memory, said.duration)
        self.submission = SubmittedRun(self.kind.work, traced.run_id, traced.input_size, declared)


@dataclass(slots=True, eq=False)
class Attempt:
    """A run that holds resources: it starts up, grows to its peak, goes on and ends.

    Its life is a row of stages, each with its length in seconds of progress; see :mod:`.machine`.
    """

    run: Run
    mode: str
    node: "SimulatedNode[Attempt]"
    launched: float
    needs: Needs
    startup: tuple[float, float]
    """Seconds of start-up, and cores during that."""
    cpu_weight: int = USUAL_CPU_WEIGHT
    """What it was launched with, 1 to 10,000; start-up and all."""
    started: float | None = None
    state: RunState = RunState.RUNNING
    acted_at: float | None = None
    lost: bool = False
    """Whether its node has fallen silent; Dagster takes it for running until it finds out."""
    stage: int = 0
    stage_since: float = field(init=False)
    cpu: float = field(init=False)
    cpu_before: float = 0.0
    io: float = 0.0
    memory: int = 0
    clock: "Clock[Attempt] | None" = None
    due: float = 0.0
    ticket: int = -1
    left: float = field(init=False)
    """Seconds of progress until its stage ends, while it is on no clock."""
    stopped_at: float | None = None
    stopped_for: float = 0.0
    charged: float = 0.0
    seen: ActiveRun | None = None
    """What the planner was last told of it, as long as that still holds."""
    seen_cpu: float = -1.0
    seen_memory: int = -1

    def __post_init__(self) -> None:
        self.stage_since = self.launched
        self.left, self.cpu = self.startup

    @property
    def weight(self) -> float:
        """What each of its threads weighs for the kernel."""
        return kernel_weight(self.cpu_weight)

    @property
    def first_memory(self) -> int:
        """Bytes that it holds while it starts up."""
        return min(self.needs.memory, max(STARTS_WITH, self.needs.memory // 10))

    def next_stage(self, now: float) -> bool:
        """Go on to the stage after the one that has ended; False if that was the last."""
        self.stage += 1
        if self.stage > GROWTH_STEPS + 1:
            return False
        if self.stage == 1:
            self.cpu_before = self.cpu * (1.0 - self.node.keeps(now - self.stage_since))
            self.started = self.stage_since = now
            self.cpu = self.needs.cpu
            self.io = self.run.traced.io if self.mode != LAST_GOOD else 0.0
            if self.first_memory >= self.needs.memory:
                self.stage = GROWTH_STEPS + 1
                self.left = self.needs.duration
                return True
        part = GROWS_FOR / GROWTH_STEPS if self.stage <= GROWTH_STEPS else 1.0 - GROWS_FOR
        self.left = self.needs.duration * part
        return True

    @property
    def stage_memory(self) -> int:
        """Bytes that it holds in the stage that it is in."""
        first, peak = self.first_memory, self.needs.memory
        grown = min(max(self.stage - 1, 0), GROWTH_STEPS)
        return first + (peak - first) * grown // GROWTH_STEPS

    def core_s(self) -> float:
        """Core-seconds used so far, from its progress: what it uses for a second of progress is fixed."""
        left = self.left if self.clock is None else max(0.0, self.due - self.clock.shows)
        startup_s, startup_cpu = self.startup
        if self.stage == 0:
            return startup_cpu * (startup_s - left)
        whole = self.needs.duration
        return startup_cpu * startup_s + self.needs.cpu * max(0.0, whole - left - self._behind_stage(whole))

    def _behind_stage(self, whole: float) -> float:
        """The progress that lies in the stages after the one it is in."""
        if self.stage > GROWTH_STEPS:
            return 0.0
        steps = GROWTH_STEPS - self.stage
        return whole * (1.0 - GROWS_FOR + steps * GROWS_FOR / GROWTH_STEPS)

    def ran(self, now: float) -> float:
        """Seconds since the first line of user code, without those for which it was suspended."""
        if self.started is None:
            return 0.0
        stopped = now - max(self.stopped_at, self.started) if self.stopped_at is not None else 0.0
        return now - self.started - self.stopped_for - stopped


def runs_of(
    workload: Workload, book: PolicyBook, *, composes: bool
) -> tuple[list[Run], dict[str, list[Run]]]:
    """The runs of the workload, and by id those that wait for a run."""
    kinds = Kinds(workload, book, composes=composes)
    runs: list[Run] = []
    children: defaultdict[str, list[Run]] = defaultdict(list)
    for number, traced in enumerate(workload.runs):
        parents = dict.fromkeys(traced.depends_on)
        run = Run(traced, kinds.of(traced), number, len(parents))
        runs.append(run)
        for parent in parents:
            children[parent].append(run)
    return runs, children
