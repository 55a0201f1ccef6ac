"""What can happen to nodes and data while a workload runs.

Times are seconds from the start of the workload, sizes bytes, CPU cores.  The field types are those of policy
files, so that a scenario file is read by the same rules: every value there carries its unit.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Final, Literal, Self, get_args

from pydantic import Field, model_validator

from adaptive_assets.policy.fields import PLAIN_NUMBER, Cores, Duration, PositiveDuration, Size, Text
from adaptive_assets.policy.places import Places
from adaptive_assets.policy.units import LONGEST_DURATION, UnitError
from adaptive_assets.policy.values import PolicyValue

Factor = Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False), PLAIN_NUMBER]
"""How many times as much; written as a number."""

Skew = Annotated[float, Field(ge=-LONGEST_DURATION, le=LONGEST_DURATION, allow_inf_nan=False), PLAIN_NUMBER]
"""Seconds, negative ones too; written as a number."""


class _Event(PolicyValue):
    event: str
    """What happens."""
    at: Duration
    """When it begins."""


class _Passing(_Event):
    lasts: PositiveDuration
    """For how long."""


class NodeLoss(_Passing):
    """A node falls silent: what runs on it is lost, and nothing can start there until it is back."""

    event: Literal["node_loss"] = "node_loss"
    node: Text
    """The node's name."""


class StrangerMemory(_Passing):
    """A process that is none of ours takes memory, all of it at once or more and more: a leak.

    When it has gone, it has given back all that it took.
    """

    event: Literal["stranger_memory"] = "stranger_memory"
    amount: Size = 0
    """What it takes at once."""
    grows_per_s: Size = 0
    """What it takes in each second after that."""
    node: str = ""
    """On which node; without it, on every one."""

    @model_validator(mode="after")
    def _takes_some(self) -> Self:
        if not (self.amount or self.grows_per_s):
            raise UnitError(
                "a stranger that takes no memory", "add `amount: 4GiB`, or `grows_per_s: 10MiB` for a leak"
            )
        return self


class StrangerCpu(_Passing):
    """Processes that are none of ours compute."""

    event: Literal["stranger_cpu"] = "stranger_cpu"
    cores: Cores
    """How many cores they use."""
    node: str = ""
    """On which node; without it, on every one."""


class SlowDisk(_Passing):
    """Reading and writing take longer, for the share of its time that a run waits for them."""

    event: Literal["slow_disk"] = "slow_disk"
    factor: Factor
    """How many times as long everything takes."""
    node: str = ""
    """On which node; without it, on every one."""


class DataTrouble(_Passing):
    """Something is wrong with the data that recurring work, or an asset, of that name makes."""

    event: Literal["data_trouble"] = "data_trouble"
    name: Text
    """The work, or the asset."""
    trouble: Literal["late", "broken", "drifting"]
    """No new data comes; or it fails its checks; or it passes them with warnings."""


class ClockSkew(_Passing):
    """A node's clock is wrong: its readings carry a time that is not the time."""

    event: Literal["clock_skew"] = "clock_skew"
    seconds: Skew
    """How far ahead it is; behind, if negative."""
    node: str = ""
    """On which node; without it, on every one."""


class DurationDrift(_Event):
    """Runs that start then or later take longer, or less long, than the workload says: for good."""

    event: Literal["duration_drift"] = "duration_drift"
    factor: Factor
    """How many times as long they take."""
    names: tuple[Text, ...] = ()
    """Which recurring work; without it, all."""


Event = NodeLoss | StrangerMemory | StrangerCpu | SlowDisk | DataTrouble | ClockSkew | DurationDrift

EVENTS: Final[Mapping[str, type[Event]]] = {
    kind.model_fields["event"].default: kind for kind in get_args(Event)
}
"""The events by the word for them in a scenario file."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """Events in any order; those of one kind may overlap, and then add up."""

    events: tuple[Event, ...] = ()
    name: str = ""
    places: Places = field(default_factory=Places, compare=False, repr=False)
    """Where they are written."""
