"""A large machine on which nothing else runs, so that what a test sees does not depend on this one."""

from dataclasses import replace

from typing_extensions import override

from adaptive_assets.planning.snapshot import MachineReading
from adaptive_assets.signals import MachineSampler

__all__ = ["QuietMachine"]


class QuietMachine(MachineSampler):
    """Samples this machine, and reads as 64 cores and 64 GiB of which next to nothing is used."""

    @override
    def latest(self, now: float, max_age_s: float = 15.0) -> MachineReading | None:
        reading = super().latest(now, max_age_s)
        return reading and replace(
            reading, cpu_capacity=64.0, cpu_used=0.1, memory_capacity=64 * 2**30, memory_used=2**30
        )
