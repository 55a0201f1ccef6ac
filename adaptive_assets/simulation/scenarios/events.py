"""What may befall the machine and the data while a workload runs.

Times are seconds from the start of the workload, sizes bytes, CPU cores.  The field types are those of policy
files, so that a scenario file is read by the same rules: every value there carries its unit.
"""

from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from adaptive_assets.policy.fields import Cores, Duration, PositiveDuration, Size, Text
from adaptive_assets.policy.places import Places
from adaptive_assets.policy.text import quoted
from adaptive_assets.policy.units import LONGEST_DURATION, UnitError

__all__ = [
    "EVENTS",
    "ClockSkew",
    "DataTrouble",
    "DurationDrift",
    "Event",
    "NodeLoss",
    "Scenario",
    "SlowDisk",
    "StrangerCpu",
    "StrangerMemory",
]


def _plain_number(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UnitError(f"`{quoted(str(value))}` is not a number", "write a number such as `1.5`")
    return value


Factor = Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False), BeforeValidator(_plain_number)]
"""How many times as much; written as a number."""

Skew = Annotated[
    float,
    Field(ge=-LONGEST_DURATION, le=LONGEST_DURATION, allow_inf_nan=False),
    BeforeValidator(_plain_number),
]
"""Seconds, negative ones too; written as a number."""


class _Closed:
    """To unknown keys of a file; a mixin without fields."""

    __slots__ = ()
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeLoss(_Closed):
    """A node falls silent: what runs on it is lost, and nothing can start there until it is back."""

    node: Text
    """The node's name."""
    at: Duration
    """When it falls silent."""
    lasts: PositiveDuration
    """For how long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StrangerMemory(_Closed):
    """A process that is none of ours takes memory, all of it at once or more and more: a leak."""

    at: Duration
    """When it comes."""
    lasts: PositiveDuration
    """When it has gone, from then on, with all that it took."""
    amount: Size = 0
    """What it takes at once."""
    grows_per_s: Size = 0
    """What it takes in each second after that."""
    node: str = ""
    """On which node; without it, on every one."""

    def __post_init__(self) -> None:
        if not (self.amount or self.grows_per_s):
            raise UnitError(
                "a stranger that takes no memory", "add `amount: 4GiB`, or `grows_per_s: 10MiB` for a leak"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class StrangerCpu(_Closed):
    """Processes that are none of ours compute."""

    at: Duration
    """When they come."""
    lasts: PositiveDuration
    """For how long."""
    cores: Cores
    """How many cores they use."""
    node: str = ""
    """On which node; without it, on every one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowDisk(_Closed):
    """Reading and writing take longer, for the share of its time that a run waits for them."""

    at: Duration
    """When the disk slows down."""
    lasts: PositiveDuration
    """For how long."""
    factor: Factor
    """How many times as long everything takes."""
    node: str = ""
    """On which node; without it, on every one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataTrouble(_Closed):
    """Something is wrong with the data that recurring work, or an asset, of that name makes."""

    name: Text
    """The work, or the asset."""
    at: Duration
    """When the trouble begins."""
    lasts: PositiveDuration
    """For how long."""
    trouble: Literal["late", "broken", "drifting"]
    """No new data comes; or it fails its checks; or it passes them with warnings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockSkew(_Closed):
    """A node's clock is wrong: its readings carry a time that is not the time."""

    at: Duration
    """When the clock goes wrong."""
    lasts: PositiveDuration
    """Until it is set right."""
    seconds: Skew
    """How far ahead it is; behind, if negative."""
    node: str = ""
    """On which node; without it, on every one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DurationDrift(_Closed):
    """Runs take longer, or less long, than the workload says: from some time on, for good."""

    at: Duration
    """Runs that start then or later."""
    factor: Factor
    """How many times as long they take."""
    names: tuple[Text, ...] = ()
    """Which recurring work; without it, all."""


Event = NodeLoss | StrangerMemory | StrangerCpu | SlowDisk | DataTrouble | ClockSkew | DurationDrift

EVENTS: Final[dict[str, type[Any]]] = {
    "node_loss": NodeLoss,
    "stranger_memory": StrangerMemory,
    "stranger_cpu": StrangerCpu,
    "slow_disk": SlowDisk,
    "data_trouble": DataTrouble,
    "clock_skew": ClockSkew,
    "duration_drift": DurationDrift,
}
"""The events by the word for them in a scenario file."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """Events in any order; those of one kind may overlap, and then add up."""

    events: tuple[Event, ...] = ()
    name: str = ""
    places: Places = field(default_factory=Places, compare=False, repr=False)
    """Where they are written."""
