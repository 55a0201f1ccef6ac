"""The counters of the whole host, by psutil."""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil


@dataclass(frozen=True, slots=True)
class HostCounters:
    """What the host has counted since it started.

    ``taken_at`` is a monotonic time in seconds, comparable only with others.  ``cpus`` is how many CPUs this
    process may run on, and ``cpu`` the busy seconds of each of them; the other mappings hold bytes by device.
    Counters stay apart by device so that one that comes, goes or restarts does not spoil the sum of the rest.
    """

    taken_at: float
    cpus: int
    cpu: Mapping[str, float]
    memory_total: int
    memory_available: int
    disk_read: Mapping[str, float] = field(default_factory=dict)
    disk_written: Mapping[str, float] = field(default_factory=dict)
    network_received: Mapping[str, float] = field(default_factory=dict)
    network_sent: Mapping[str, float] = field(default_factory=dict)


def read_host() -> HostCounters:
    """Take the counters now.  Raises psutil.Error or OSError when the host does not let us."""
    allowed = _allowed_cpus()
    memory = psutil.virtual_memory()
    # Without psutil's own care for counters that wrap: it takes a lock, which a fork could leave locked.
    disks = psutil.disk_io_counters(perdisk=True, nowrap=False) or {}
    disks = {name: disk for name, disk in disks.items() if _is_hardware(name)}
    nics = psutil.net_io_counters(pernic=True, nowrap=False)
    nics = {name: nic for name, nic in nics.items() if not _is_loopback(name)}
    return HostCounters(
        taken_at=time.monotonic(),
        cpus=len(allowed),
        cpu=_busy_seconds(allowed),
        memory_total=memory.total,
        memory_available=memory.available,
        disk_read={name: disk.read_bytes for name, disk in disks.items()},
        disk_written={name: disk.write_bytes for name, disk in disks.items()},
        network_received={name: nic.bytes_recv for name, nic in nics.items()},
        network_sent={name: nic.bytes_sent for name, nic in nics.items()},
    )


def _allowed_cpus() -> list[int]:
    """The CPUs of this process's affinity, which the kernel keeps inside of its cpuset."""
    if psutil.LINUX:
        return sorted(os.sched_getaffinity(os.getpid()))
    return list(range(psutil.cpu_count() or 1))


def _busy_seconds(allowed: list[int]) -> dict[str, float]:
    times = psutil.cpu_times(percpu=True)
    if len(times) == len(allowed):  # the usual case, and right even where CPU numbers have gaps
        return {str(cpu): _busy(one) for cpu, one in zip(allowed, times, strict=True)}
    return {str(cpu): _busy(times[cpu]) for cpu in allowed if cpu < len(times)}


def _busy(times: Any) -> float:
    """All but waiting.  Time stolen by the hypervisor counts as busy: we cannot have it.

    Guest time is contained in user time already.
    """
    idle = times.idle + getattr(times, "iowait", 0.0)
    guests = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
    return float(sum(times) - idle - guests)


def _is_hardware(disk: str) -> bool:
    """Partitions, volumes and loop devices repeat the bytes of the disks below them."""
    return not psutil.LINUX or Path("/sys/block", disk, "device").exists()


def _is_loopback(nic: str) -> bool:
    return nic.rstrip("0123456789") == "lo" or nic.startswith("Loopback")
