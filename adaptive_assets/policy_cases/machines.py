"""How a case writes machines: capacity, what is in use, and where there are several, which of them live."""

from pydantic import StrictBool

from adaptive_assets.planning.snapshot import MachineReading, Node, Pressure
from adaptive_assets.policy.fields import Cores, Duration, PositiveDuration, Share, Size, SizeInUse, Text
from adaptive_assets.policy.terms import PolicyValue

__all__ = ["MachineTerms", "NodeTerms"]


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
    memory: Size = 8 * 2**30
    """How much memory it has."""
    memory_used: SizeInUse = 0
    """How much of it is in use, by strangers too."""
    pressure: PressureTerms = PressureTerms()
    """What its kernel tells of stalls."""

    def machine_reading(self, at: float) -> MachineReading:
        """A reading of it that was taken ``at`` that time."""
        pressure = Pressure(self.pressure.cpu, self.pressure.memory, self.pressure.io)
        return MachineReading(at, self.cpu, self.cpu_used, self.memory, self.memory_used, pressure)


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

    def node(self, now: float) -> Node:
        """The node, as it is known at ``now``."""
        heard_at = now - self.heard
        reading = self.machine_reading(heard_at) if self.reading else None
        return Node(self.name, reading, heard_at, self.node_class or "", self.lease)
