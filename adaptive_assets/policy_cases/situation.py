"""How a case writes a snapshot: what is true, in as few words as will do.

Times are ages and amounts carry their units, as in a policy file.  What is not given is a machine of four
idle cores and eight free gibibytes, an empty queue, and work that is named after its policy.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field, StrictBool, StrictInt

from adaptive_assets.planning.estimates import Estimate
from adaptive_assets.planning.resource_request import estimate_key
from adaptive_assets.planning.snapshot import (
    Action,
    CheckOutcome,
    CheckState,
    DataState,
    Freshness,
    MachineReading,
    Node,
    Pressure,
    SlotKind,
    SlotLimit,
    Snapshot,
)
from adaptive_assets.policy.fields import (
    Cores,
    Duration,
    PositiveDuration,
    Share,
    Size,
    SizeInUse,
    Text,
)
from adaptive_assets.policy.terms import FULL
from adaptive_assets.policy.text import quoted
from adaptive_assets.policy.units import UnitError
from adaptive_assets.policy.values import PolicyValue
from adaptive_assets.policy_cases.estimates import LearnedTerms
from adaptive_assets.policy_cases.runs import HERE, ActiveTerms, QueuedTerms, WorkTerms

NOON: Final = datetime(2026, 6, 15, 12, tzinfo=UTC).timestamp()
FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 2999
"""A century of age or of waiting on either side of these, the calendar still goes on."""


def _instant(value: object) -> object:
    """POSIX seconds of ``2026-06-15T12:00:00-04:00``."""
    if isinstance(value, float):
        return value
    example = "write one such as `2026-06-15T12:00:00-04:00`"
    try:
        instant = datetime.fromisoformat(str(value))
    except ValueError:
        raise UnitError(f"`{quoted(str(value))}` is not an instant", example) from None
    if instant.tzinfo is None:
        raise UnitError(f"`{quoted(str(value))}` has no offset from UTC", example)
    if not FIRST_YEAR <= instant.year <= LAST_YEAR:
        raise UnitError(f"`{quoted(str(value))}` is not from {FIRST_YEAR} to {LAST_YEAR}", example)
    return instant.timestamp()


class PressureTerms(PolicyValue):
    """The share of time in which some task stalled; what is not given is not known."""

    cpu: Share | None = None
    """For want of a CPU."""
    memory: Share | None = None
    """For want of memory."""
    io: Share | None = None
    """For want of input or output."""


class MachineTerms(PolicyValue):
    """A machine; what is not given is one of four idle cores and eight free gibibytes."""

    cpu: Cores = 4.0
    """How many cores it has."""
    cpu_used: Cores = 0.0
    """How many of them are in use, by strangers too."""
    our_cpu: Cores | None = None
    """How many of these our runs use; without it, what is said of the active ones."""
    memory: Size = 8 * 2**30
    """How much memory it has."""
    memory_used: SizeInUse = 0
    """How much of it is in use, by strangers too."""
    pressure: PressureTerms = PressureTerms()
    """What its kernel tells of stalls."""

    def machine_reading(self, at: float) -> MachineReading:
        """A reading of it that was taken ``at`` that time."""
        pressure = Pressure(self.pressure.cpu, self.pressure.memory, self.pressure.io)
        return MachineReading(
            at, self.cpu, self.cpu_used, self.memory, self.memory_used, pressure, our_cpu=self.our_cpu
        )


class NodeTerms(MachineTerms):
    """One machine of several."""

    name: Text
    """What runs on it call it."""
    node_class: Text | None = None
    """What prices call it."""
    heard: Duration = 0.0
    """How long ago its last sign of life was."""
    lease: PositiveDuration = 60.0
    """How long it may be silent and still get new work."""
    reading: StrictBool = True
    """Whether there is a reading of it."""
    weighted: StrictBool = False
    """Whether CPU weights are in force on it."""

    def node(self, now: float) -> Node:
        """The node, as it is known at ``now``."""
        heard_at = now - self.heard
        reading = self.machine_reading(heard_at) if self.reading else None
        return Node(self.name, reading, heard_at, self.node_class or "", self.lease, self.weighted)


def _by_name(value: object) -> object:
    """A check may be given by its name alone."""
    return {"name": value} if isinstance(value, str) else value


class CheckTerms(PolicyValue):
    """A blocking check that some version did not pass."""

    name: Text
    """What it is called."""
    partition: Text | None = None
    """The partition whose version it is, of several."""
    said: Text | None = None
    """What it found, in its own words."""
    run: Text | None = None
    """The run that evaluated it."""
    ago: Duration | None = None
    """How long ago it was evaluated."""

    def outcome(self, state: CheckState, now: float) -> CheckOutcome:
        """What it said, as it is known at ``now``."""
        at = None if self.ago is None else now - self.ago
        return CheckOutcome(self.name, state, self.partition or "", self.said or "", self.run or "", at)


Check = Annotated[CheckTerms, BeforeValidator(_by_name)]


class DataTerms(PolicyValue):
    """An asset that runs read, or some partitions of it."""

    age: Duration | None = 600.0
    """How long ago it was last materialized; `null` for never."""
    freshness: Freshness = Freshness.NO_POLICY
    """What its freshness policy last said."""
    checks: Literal["pass", "warn", "fail", "not_evaluated", "no_checks"] = "no_checks"
    """What its blocking checks said of its latest version."""
    failed: tuple[Check, ...] = ()
    """The blocking checks that failed, by name or with what is known of them."""
    missing: tuple[Check, ...] = ()
    """The blocking checks that were not evaluated."""
    mode: Text = FULL
    """The mode in which its latest version was made."""
    without: tuple[Text, ...] = ()
    """Its partitions of which there is no version."""
    degraded: Text | None = None
    """The partition that was made in that mode, of several."""
    stale: Text | None = None
    """The partition that is as stale as that, of several."""
    problem: Text | None = None
    """Why nothing is known of it."""
    good: Duration | None = None
    """How long ago a version was made that passed its checks, where the latest one did not."""
    external: StrictBool = False
    """Whether nothing here makes it, so that nobody waits for a first version."""

    def data_state(self, key: str, now: float) -> DataState:
        """The input with that key, ``asset`` or ``asset[partitions]``, as it is known at ``now``."""
        asset, bracket, partitions = key.partition("[") if key.endswith("]") else (key, "", "")
        return DataState(
            asset,
            None if self.age is None else now - self.age,
            self.freshness,
            tuple(self._outcomes(now)),
            self.mode,
            external=self.external,
            unreadable=self.problem is not None,
            partitions=partitions[:-1] if bracket else "",
            missing=self.without,
            degraded=self.degraded or "",
            stale=self.stale or "",
            problem=self.problem or "",
            good_at=None if self.good is None else now - self.good,
        )

    def _outcomes(self, now: float) -> Iterator[CheckOutcome]:
        """The checks by name; one without a name where none is given."""
        said = CheckState.WARN if self.checks == "warn" else CheckState.FAIL
        for checks, state, unnamed in (
            (self.failed, said, self.checks in ("warn", "fail")),
            (self.missing, CheckState.NOT_EVALUATED, self.checks == "not_evaluated"),
        ):
            yield from (check.outcome(state, now) for check in checks)
            if unnamed and not checks:
                yield CheckOutcome("", state)


class SnapshotTerms(PolicyValue):
    """What is true at one instant."""

    at: Annotated[float, BeforeValidator(_instant)] = NOON
    """When, with the offset from UTC."""
    machine: MachineTerms = MachineTerms()
    """The machine, where there is one."""
    reading: StrictBool = True
    """Whether there is a reading of it."""
    nodes: tuple[NodeTerms, ...] = ()
    """The machines, where there are several."""
    run_limit: StrictInt | None = Field(default=None, ge=0)
    """The coordinator's `max_concurrent_runs`."""
    actions: tuple[Action, ...] = ()
    """What launchers will be able to do with runs that are launched now."""
    queued: tuple[QueuedTerms, ...] = ()
    """The queue."""
    active: tuple[ActiveTerms, ...] = ()
    """The runs that hold resources."""
    data: Mapping[Text, DataTerms] = Field(default_factory=dict)
    """What runs read: assets by name, or partitions of them as `asset[partition]`."""
    estimates: tuple[LearnedTerms, ...] = ()
    """What was learned of kinds of work."""
    usage: Mapping[Text, Duration] = Field(default_factory=dict)
    """What owners have used of late: how long of one core."""
    weighted: StrictBool = False
    """Where there is one machine: whether CPU weights are in force on it."""
    pools: Mapping[Text, StrictInt] = Field(default_factory=dict)
    """How many slots of each pool are free; a pool that is not named has no limit."""
    tag_limits: Mapping[Text, StrictInt] = Field(default_factory=dict)
    """How many slots of each tag concurrency limit are free."""
    paused: Duration | None = None
    """For how much longer Dagster launches no run, because the code location could not be reached."""
    launches: tuple[Duration, ...] = ()
    """How long ago runs were launched that have ended since."""

    @property
    def runs(self) -> Iterator[WorkTerms]:
        """All runs, the queue first."""
        yield from self.queued
        yield from self.active

    def snapshot(self) -> Snapshot:
        """The snapshot that the planner is given."""
        now = self.at
        alone = self.reading and (not self.nodes or "machine" in self.model_fields_set)
        return Snapshot(
            at=now,
            queued=tuple(
                run.queued_run(now) for run in sorted(self.queued, key=lambda run: run.waited, reverse=True)
            ),
            active=tuple(run.active_run(now) for run in self.active),
            machine=self.machine.machine_reading(now) if alone else None,
            data={asset: state.data_state(asset, now) for asset, state in self.data.items()},
            run_limit=self.run_limit,
            actions=self.actions,
            nodes=tuple(node.node(now) for node in self.nodes),
            estimates=dict(self._learned()),
            usage=dict(self.usage),
            weighted=self.weighted,
            limits={
                f"{kind}:{name}": SlotLimit(kind, name, max(free, 0), free)
                for kind, slots in ((SlotKind.POOL, self.pools), (SlotKind.TAG, self.tag_limits))
                for name, free in slots.items()
            },
            paused={} if self.paused is None else {HERE: now + self.paused},
            launches=tuple(now - ago for ago in self.launches),
        )

    def _learned(self) -> Iterator[tuple[str, Estimate]]:
        """An estimate speaks of all kinds of work that have its name, whatever they read."""
        kinds = dict.fromkeys(run.work() for run in self.runs) if self.estimates else {}
        for learned in self.estimates:
            for work in kinds:
                if work.name == learned.of:
                    yield estimate_key(work, learned.mode), learned.estimate()
