"""What is true of the machine now: its limits, what is used of them, and by which run.

Reads ``/proc``, ``/sys`` and psutil, and knows nothing of Dagster.
"""

from adaptive_assets.signals.belonging import Belonging, Claim
from adaptive_assets.signals.cgroup import CpuLimit, Limits, MemoryLimit, read_limits
from adaptive_assets.signals.faults import SignalFault
from adaptive_assets.signals.host import HostCounters, read_host
from adaptive_assets.signals.machine import MachineReader
from adaptive_assets.signals.nice import CAN_RENICE, RunNice
from adaptive_assets.signals.oom import OomRise
from adaptive_assets.signals.pressure import read_pressure, stalled_share
from adaptive_assets.signals.processes import RunProcesses, RunUsage
from adaptive_assets.signals.sampler import MachineSampler

__all__ = [
    "CAN_RENICE",
    "Belonging",
    "Claim",
    "CpuLimit",
    "HostCounters",
    "Limits",
    "MachineReader",
    "MachineSampler",
    "MemoryLimit",
    "OomRise",
    "RunNice",
    "RunProcesses",
    "RunUsage",
    "SignalFault",
    "read_host",
    "read_limits",
    "read_pressure",
    "stalled_share",
]
