"""What a policy file can say: tiers, guards and policies with their parts, as frozen values.

Durations are seconds, sizes bytes, CPU cores, shares fractions of one.
"""

from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import Field, StrictBool, ValidationInfo, field_validator

from adaptive_assets.policy.fields import (
    Amount,
    Cores,
    Count,
    CpuWeight,
    Duration,
    Hours,
    Name,
    Parameter,
    PositiveDuration,
    Share,
    Size,
    TagValue,
    Text,
    TimeZone,
    Weight,
)
from adaptive_assets.policy.gates import Gates
from adaptive_assets.policy.on_readiness import OnFailedCheck, OnUnready
from adaptive_assets.policy.units import UnitError
from adaptive_assets.policy.values import MOST_LISTED, PolicyValue

DEFAULT: Final = "default"
"""The name of the policy of whatever no other policy governs."""
FULL: Final = "full"
LAST_GOOD: Final = "last_good"
IN_SEQUENCE: Final = "in_sequence"
"""All stages, one after another; no rung is called so, whatever the policy."""
ESSENTIAL: Final = "essential"
ESSENTIAL_IN_SEQUENCE: Final = "essential_in_sequence"
COMPOSED: Final = (IN_SEQUENCE, ESSENTIAL, ESSENTIAL_IN_SEQUENCE)
"""The modes below full in which a run of stages can go, the best first."""
USUAL_TIER: Final = "standard"


class Tier(PolicyValue):
    """A class of importance."""

    name: Name
    """What policies call it."""
    preempts: tuple[Name, ...] = Field(default=(), max_length=100)
    """The lower tiers whose running work may be made to give way."""
    preemption: Literal["renice", "suspend", "requeue"] | None = None
    """The hardest way in which work of this tier may be made to give way; without it, or with `renice`, it
    only yields the CPU by its weight."""
    patience: PositiveDuration = 7200.0
    """How long its oldest run waits before it goes ahead of all others, one such run at a time."""
    cpu_weight: CpuWeight | None = None
    """The part of the CPU that its runs get against others', in the scale of `cpu.weight` of cgroups; without
    it, 100 for the highest tier that a policy names and a fifth of that of the tier above for lower ones."""


USUAL_TIERS: Final = (Tier(name="critical"), Tier(name=USUAL_TIER), Tier(name="batch"))


class PressureGuards(PolicyValue):
    """Limits on Linux pressure stall information: the share of time in which some task stalled."""

    cpu: Share | None = None
    """Stalled for want of a CPU."""
    memory: Share | None = None
    """Stalled for want of memory."""
    io: Share | None = None
    """Stalled for want of input or output."""


class Ramp(PolicyValue):
    """How fast work may start after a surge."""

    runs: Count
    """How many runs may be launched."""
    every: PositiveDuration
    """In how much time."""


class Guards(PolicyValue):
    """Limits on the machine that admission respects."""

    cpu: Share = 1.0
    """The share of the CPU capacity that our runs may be expected to use, beside what others use; all of it
    means somewhat more, because expectations are means."""
    memory: Share = 0.80
    """The share of the memory capacity that may be in use."""
    pressure: PressureGuards = PressureGuards()
    """Limits on pressure; one that is absent does not limit."""
    concurrency: Count | None = None
    """How many runs may be active at once."""
    adaptive: StrictBool | None = None
    """Has no effect any more, and can be removed."""
    ramp: Ramp | None = None
    """How fast runs may start; without it, as fast as there is capacity."""


class DeclaredEstimate(PolicyValue):
    """What one run takes, until runs have taught us better."""

    cpu: Cores | None = None
    """Cores in use at the peak."""
    memory: Size | None = None
    """Memory in use at the peak."""
    duration: PositiveDuration | None = None
    """From start to end."""


class Objective(PolicyValue):
    """What is promised."""

    deadline: PositiveDuration | None = None
    """From the submission of a run to its end."""
    confidence: Share = 0.9
    """How likely a run must be to end in time before it is launched in full."""
    freshness: PositiveDuration | None = None
    """The greatest age of the data that readers may see."""


class Rung(PolicyValue):
    """One way to do less."""

    mode: Name
    """What the run is told to do; `last_good` serves the last good version instead of making a new one."""
    parameters: Mapping[Text, Parameter] = Field(
        default_factory=dict, max_length=100, validation_alias="with", serialization_alias="with"
    )
    """What the asset is told along with the mode."""
    estimate: DeclaredEstimate | None = None
    """What one run takes in this mode."""

    @field_validator("mode")
    @classmethod
    def _does_less(cls, mode: str) -> str:
        if mode in (FULL, IN_SEQUENCE):
            raise UnitError(
                f"`{mode}` is no way to do less", "name the mode after what is left out, such as `reduced`"
            )
        return mode

    @field_validator("parameters")
    @classmethod
    def _none_for_last_good(cls, parameters: Mapping[str, Any], info: ValidationInfo) -> Mapping[str, Any]:
        if parameters and info.data.get("mode") == LAST_GOOD:
            raise UnitError("`last_good` makes nothing that parameters could change", "remove `with`")
        return parameters


class StageEstimate(PolicyValue):
    """What one stage takes by itself; from these the ways to run all of them are worked out."""

    cpu: Cores
    """Cores in use at the peak."""
    memory: Size
    """Memory in use at the peak."""
    duration: PositiveDuration
    """From start to end."""


class Stage(PolicyValue):
    """A part of what the runs of a policy do."""

    name: Name
    """What reasons and other stages call it."""
    estimate: StageEstimate
    """What it takes."""
    after: tuple[Name, ...] = Field(default=(), max_length=100)
    """The stages whose output it needs; without any, it can start at once."""
    optional: StrictBool = False
    """Whether a run is still worth its while without it."""
    reads: tuple[Text, ...] = Field(default=(), max_length=MOST_LISTED)
    """The assets that it alone reads, of those that the run does not make."""
    assets: tuple[Text, ...] = Field(default=(), max_length=MOST_LISTED)
    """The assets that it makes, and that are left out with it."""


class Window(PolicyValue):
    """Hours in which work prefers to run."""

    prefer: Hours
    """The hours, on the clock of `timezone`; they may wrap midnight."""
    timezone: TimeZone
    """Whose clock."""
    latest: Duration | None = None
    """How long a run waits for the hours before it goes anyway; without it, for as long as it takes."""


class Price(PolicyValue):
    """What machines cost; of the prices that apply, the last one given holds."""

    per_core_hour: Amount
    """For one core in one hour, in any currency, the same everywhere."""
    node_class: Text | None = None
    """Of which class of nodes; without it, of all."""
    hours: Hours | None = None
    """In which hours; without them, at all hours."""
    timezone: TimeZone = "UTC"
    """On whose clock."""


class Cost(PolicyValue):
    """What a run may cost."""

    at_most: Amount
    """The price of a core for an hour above which it waits for a cheaper time or node."""
    latest: Duration | None = None
    """How long it waits for that; without it, as long as its deadline allows."""


class Policy(PolicyValue):
    """What people want for a selection of assets, for jobs, or for runs with certain tags."""

    name: Name
    """What tags, reasons and the ledger call it."""
    select: Text | None = None
    """The assets, in Dagster's asset selection syntax."""
    jobs: tuple[Text, ...] = Field(default=(), max_length=MOST_LISTED)
    """The jobs, by name."""
    claimed_by: tuple[Text, ...] = Field(default=(), max_length=MOST_LISTED)
    """The jobs and assets whose runs may come under the policy by `run_tags`; without any, all."""
    run_tags: Mapping[Text, TagValue] = Field(default_factory=dict, validate_default=True, max_length=100)
    """The tags of the runs; a run must carry all of them."""
    tier: Name = USUAL_TIER
    """How important it is; without it `standard`, or the lowest tier where there is no `standard`."""
    objective: Objective | None = None
    """What is promised."""
    gates: Gates = Gates()
    """Conditions on the data that is read."""
    on_unready: OnUnready = OnUnready()
    """What is requested while the gates are closed."""
    on_failed_check: OnFailedCheck | None = None
    """What is done about versions of its assets that failed a blocking check."""
    degrade: tuple[Rung, ...] = Field(default=(), max_length=100)
    """The ladder: ways to do less, the mildest first."""
    stages: tuple[Stage, ...] = Field(default=(), max_length=100)
    """The parts of a run, where they can be run in other ways than all at once."""
    window: Window | None = None
    """Hours in which it prefers to run."""
    estimate: DeclaredEstimate | None = None
    """What one run takes in full, until runs have taught us better."""
    cost: Cost | None = None
    """What a run may cost."""
    owner: Name | None = None
    """Who shares the machine fairly with the other owners of the tier; without it, the policy for itself."""
    weight: Weight = 1.0
    """How much of the tier's use is the owner's due, against the other owners' weights."""
    opportunity: StrictBool = False
    """Whether it is work ahead: it goes into idle capacity alone, and leaves first when real work comes."""

    @field_validator("run_tags")
    @classmethod
    def _governs_something(cls, run_tags: Mapping[str, str], info: ValidationInfo) -> Mapping[str, str]:
        known = info.data
        complete = {"name", "select", "jobs"} <= known.keys() and known["name"] != DEFAULT
        if complete and not (known["select"] or known["jobs"] or run_tags):
            raise UnitError(
                f"the policy `{known['name']}` governs nothing",
                "add `select`, `jobs` or `run_tags`, such as `select: group:reports`",
            )
        return run_tags
