"""What ``plan()`` may know: one immutable value, taken at one instant.

Times are POSIX seconds (UTC), sizes bytes, CPU cores, shares fractions of one.  Every type is a frozen
dataclass of plain values, so that a snapshot can be written to the ledger, read back and planned again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from typing_extensions import override

from adaptive_assets.planning.estimates import Estimate


class Freshness(StrEnum):
    """What the freshness daemon last said of an asset."""

    PASS = "pass"  # noqa: S105  a verdict, not a password
    WARN = "warn"
    FAIL = "fail"
    NOT_EVALUATED = "not_evaluated"
    NO_POLICY = "no_policy"


class CheckState(StrEnum):
    """What a blocking check said of a version that it did not pass."""

    WARN = "warn"
    FAIL = "fail"
    NOT_EVALUATED = "not_evaluated"


@dataclass(frozen=True, slots=True)
class CheckOutcome:
    """A blocking check that some version of an input did not pass.

    ``partition`` is that of the version, where there are any. ``said`` is what the check found, in its own
    words, such as ``213 of 812 rows``; ``run_id`` the run that evaluated it, and ``at`` when.
    """

    check: str
    state: CheckState
    partition: str = ""
    said: str = ""
    run_id: str = ""
    at: float | None = None


@dataclass(frozen=True, slots=True)
class DataState:
    """What is known of one input: the partitions of one asset that some run would read, or all of the asset.

    Of several partitions it tells the worst: the oldest version, the least fresh, each check that any of the
    versions did not pass. A check that is not among ``outcomes`` has passed all of them.
    """

    asset: str
    materialized_at: float | None = None
    """When the version that would be read was made; ``None``: there is none."""
    freshness: Freshness = Freshness.NO_POLICY
    outcomes: tuple[CheckOutcome, ...] = ()
    mode: str = "full"
    """The mode in which it was made; of several versions, one below full if there is any."""
    external: bool = False
    """True for an asset that nothing here makes: that it was never materialized is no reason to wait."""
    unreadable: bool = False
    """True where the state could not be read: nothing is known of it now."""
    partitions: str = ""
    """Which partitions, for people: ``2013-02-08-17``, or ``2013-02-01 to 2013-02-28 (28)``."""
    missing: tuple[str, ...] = ()
    """Partitions of which there is no version, the first few."""
    more_missing: int = 0
    """How many more of these there are."""
    degraded: str = ""
    """A partition whose version was made in ``mode``, where that is below full."""
    stale: str = ""
    """A partition that is as stale as ``freshness`` says."""
    problem: str = ""
    """Why nothing is known of it, where that can be said."""
    good_at: float | None = None
    """When the newest version was made that passed its blocking checks, where the one to be read did not."""


@dataclass(frozen=True, slots=True)
class Pressure:
    """Linux PSI: the share of the last ten seconds in which some task stalled; ``None`` where unknown."""

    cpu: float | None = None
    memory: float | None = None
    io: float | None = None


@dataclass(frozen=True, slots=True)
class MachineReading:
    """One reading of a machine, as the tightest cgroup above us sees it."""

    at: float
    cpu_capacity: float
    cpu_used: float
    memory_capacity: int
    memory_used: int
    pressure: Pressure = field(default_factory=Pressure)
    disk_read: float = 0.0
    """Bytes per second, as are the three below."""
    disk_write: float = 0.0
    network_received: float = 0.0
    network_sent: float = 0.0
    our_cpu: float | None = None
    """The part of ``cpu_used`` that our runs used, those that have ended since included; smoothed alike.
    ``None``: not measured."""


@dataclass(frozen=True, slots=True)
class Work:
    """What runs of one kind share; runs are planned by kind, so that the cost follows kinds and not runs.

    ``reads`` are the assets that the run reads and does not make itself.  A run whose assets belong to
    more than one policy follows the most important one and cannot be ``degradable``: its rungs were not
    promised for the other assets.  ``composable`` says whether the deployment can run the stages of such
    work in another order, or leave some out; a plan composes no other.
    """

    name: str
    policy: str
    location: str = ""
    assets: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    degradable: bool = True
    composable: bool = False
    gated_by: str = ""
    """The policy whose gates rule, where it is not ``policy``: what a run's tags ask for opens no gate."""
    undefined: tuple[str, ...] = ()
    """The assets (or the job) that no code location of which anything is known defines: while there are any,
    what the run reads is not known."""

    @override
    def __hash__(self) -> int:
        return hash((self.name, self.policy, self.assets))  # tells enough apart, and is quick


class SlotKind(StrEnum):
    """What it is of Dagster's own that has slots."""

    POOL = "pool"
    TAG = "tag"


@dataclass(frozen=True, slots=True)
class SlotLimit:
    """A limit that Dagster's dequeue pass keeps: a pool, or a tag concurrency limit.

    ``free`` is negative where more is taken than there is.
    """

    kind: SlotKind
    name: str
    """As people know it: `db`, `team=north`."""
    size: int
    free: int


@dataclass(frozen=True, slots=True)
class Claims:
    """The slots that a run takes when it is launched, by the keys of the snapshot's ``limits``.

    It can be launched while each of ``every`` has a free slot, and one of ``some``, if there are any. A limit
    that the snapshot does not have is none.
    """

    taken: Mapping[str, int] = field(default_factory=dict)
    every: tuple[str, ...] = ()
    some: tuple[str, ...] = ()

    @override
    def __hash__(self) -> int:
        return hash((frozenset(self.taken.items()), self.every, self.some))


@dataclass(frozen=True, slots=True)
class Declaration:
    """What was said of a run that it takes: cores, bytes at the peak, seconds; ``None`` where it was not."""

    cpu: float | None = None
    memory: int | None = None
    duration: float | None = None


@dataclass(frozen=True, slots=True)
class QueuedRun:
    """One run in the queue.

    ``admitted_mode`` is the mode under which it was already admitted, if Dagster has not launched it yet.
    """

    run_id: str
    work: Work
    submitted_at: float
    priority: int = 0
    admitted_mode: str | None = None
    deadline_at: float | None = None
    estimate: Estimate | None = None
    preempted: int = 0
    root_run_id: str = ""
    """The first of the runs that it repeats; empty for a run that repeats none."""
    input_size: float | None = None
    """How much it reads, in whatever unit its kind of work counts by; ``None``: not known."""
    claims: Claims | None = None
    """The slots of pools and tag concurrency limits that it takes; ``None``: none."""
    declared: Declaration | None = None
    inputs: tuple[str, ...] | None = None
    """The keys of the snapshot's ``data`` that it reads; ``None``: the assets that its work reads."""

    @property
    def reads(self) -> tuple[str, ...]:
        """The keys of the snapshot's ``data`` that it reads."""
        return self.work.reads if self.inputs is None else self.inputs


class RunState(StrEnum):
    """What a run that holds resources is doing."""

    RUNNING = "running"
    """Starting or started."""
    SUSPENDED = "suspended"
    """Stopped: it holds its memory and uses no CPU."""
    LEAVING = "leaving"
    """On its way out, back to the queue or for good; what it holds is not free before it is gone."""


class Action(StrEnum):
    """What can be done to a running run where its launcher supports it, the mildest first."""

    SUSPEND = "suspend"
    """Stop it, and later let it go on."""
    REQUEUE = "requeue"
    """End it and queue it again; its progress is lost."""


@dataclass(frozen=True, slots=True)
class ActiveRun:
    """One run that holds resources: starting, started, suspended or being cancelled.

    ``actions`` are those that its launcher supports; a plan proposes no other.  ``ran_s`` is how long it has
    run, without the time for which it was suspended (``None``: since its start).  ``preempted`` counts how
    often it had to give way, and ``acted_at`` is when its state was last changed for that.
    """

    run_id: str
    work: Work
    mode: str
    launched_at: float
    started_at: float | None = None
    cpu_used: float | None = None
    """Cores in use now by its process tree; ``None`` where its processes cannot be seen."""
    memory_used: int | None = None
    node: str = ""
    state: RunState = RunState.RUNNING
    submitted_at: float | None = None
    deadline_at: float | None = None
    estimate: Estimate | None = None
    actions: tuple[Action, ...] = ()
    ran_s: float | None = None
    preempted: int = 0
    acted_at: float | None = None
    root_run_id: str = ""
    input_size: float | None = None
    declared: Declaration | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """One machine of several on which runs can be placed.

    ``heard_at`` is the time of its last sign of life: once that is longer ago than ``lease_s``, it gets no
    new work; its runs go on to count until Dagster says that they are lost.
    """

    name: str
    reading: MachineReading | None
    heard_at: float
    node_class: str = ""
    """What prices are given by: ``spot``, ``large``; any word."""
    lease_s: float = 60.0
    weighted: bool = False
    """Whether CPU weights are in force there, so that runs of lower tiers yield to those of higher ones."""

    def is_alive(self, at: float) -> bool:
        """Whether it was heard of within its lease, and can take new work."""
        return self.reading is not None and at - self.heard_at <= self.lease_s


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything ``plan()`` may know, at ``at``.

    ``queued`` is in the order of submission.  ``machine`` is ``None`` when no reading is recent enough to
    be believed.  ``run_limit`` is the coordinator's ``max_concurrent_runs`` (``None``: no limit).
    ``actions`` are those that launchers will support for runs that are launched now.

    ``nodes`` are given where runs can be placed on several machines; without them there is ``machine`` alone.
    ``estimates`` are by ``estimate_key``.  ``usage`` is what each owner (or policy) has used of
    late, in core-seconds that count half after a half-life.  ``promoted_at`` is when a plan last let a run
    go ahead of others because it had waited for long.

    ``data`` is by input: an asset, or some partitions of it.

    ``limits`` are those of Dagster's own of which queued runs take slots.  ``paused`` are the code locations
    of which Dagster launches nothing, with the time until which.  ``launches`` are the times at which runs
    were launched that are not active any more, as far back as the ramp looks.
    """

    at: float
    queued: tuple[QueuedRun, ...] = ()
    active: tuple[ActiveRun, ...] = ()
    machine: MachineReading | None = None
    data: Mapping[str, DataState] = field(default_factory=dict)
    run_limit: int | None = None
    actions: tuple[Action, ...] = ()
    nodes: tuple[Node, ...] = ()
    estimates: Mapping[str, Estimate] = field(default_factory=dict)
    usage: Mapping[str, float] = field(default_factory=dict)
    limits: Mapping[str, SlotLimit] = field(default_factory=dict)
    paused: Mapping[str, float] = field(default_factory=dict)
    launches: tuple[float, ...] = ()
    clock_certain: bool = True
    """False while the clock runs ahead of the time that has passed: no run fails for having waited."""
    weighted: bool = False
    """Where there is ``machine`` alone: whether CPU weights are in force on it."""
    promoted_at: float | None = None
