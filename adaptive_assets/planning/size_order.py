"""Size order: how much of a machine a run takes for what it gets done."""

from math import floor, log2
from typing import Final

from adaptive_assets.planning.resource_request import ResourceRequest
from adaptive_assets.planning.snapshot import MachineReading, Snapshot
from adaptive_assets.planning.tuning import Tuning

LEAST: Final = -(2**31)
"""Less than that of any run."""

_LEAST_CORES: Final = 0.01
"""A run whose work is done elsewhere counts for so much here, or its size would be infinite."""


def largest(snapshot: Snapshot) -> MachineReading | None:
    """The machine with the most memory; ``None`` where no reading is recent enough to go by."""
    readings = [node.reading for node in snapshot.nodes if node.reading is not None]
    return max(readings, key=lambda reading: reading.memory_capacity, default=snapshot.machine)


def size_class_of(request: ResourceRequest, machine: MachineReading | None, tuning: Tuning) -> int:
    """The size class of a run; 0 for all where nothing is known of the machine.

    Two orders are mixed. *Smallest area first* (Carastan-Santos et al., "One can only gain by replacing EASY
    backfilling", 2019) goes by the share that a run takes of its dominant resource, times its duration, and
    has runs wait the least. To go by the dominant share for each core gets the most work out of a machine
    whose memory is full before its cores are busy (Grandl et al., "Multi-resource packing for cluster
    schedulers", 2014, have both in one score too).
    """
    if machine is None or not machine.cpu_capacity or not machine.memory_capacity:
        return 0
    weight = tuning.size_weight
    cores, memory = _shares(request, machine)
    dominant = max(cores, memory)
    area, for_each_core = dominant * max(request.median, 1.0), dominant / cores
    return floor(tuning.size_levels * (weight * log2(area) + (1 - weight) * log2(for_each_core)))


def is_small(request: ResourceRequest, machine: MachineReading | None, tuning: Tuning) -> bool:
    """Whether a run takes no more than a `small` share of the machine; none does of one that is not known."""
    if machine is None or not machine.cpu_capacity or not machine.memory_capacity:
        return False
    return max(_shares(request, machine)) <= tuning.small


def _shares(request: ResourceRequest, machine: MachineReading) -> tuple[float, float]:
    """The shares of the cores and of the memory that a run takes."""
    memory = request.memory if request.mean_memory is None else request.mean_memory
    return max(request.cpu, _LEAST_CORES) / machine.cpu_capacity, memory / machine.memory_capacity
