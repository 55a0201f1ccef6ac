"""One reading of the machine as this process may use it: its container's share of it, or all of the host."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from adaptive_assets.planning.snapshot import MachineReading
from adaptive_assets.signals.cgroup import CpuLimit, Limits, read_limits
from adaptive_assets.signals.host import HostCounters, read_host
from adaptive_assets.signals.pressure import Resource, read_pressure

_LONGEST_GAP_S = 30.0
"""A rate over more than this is history and says nothing of now."""


@dataclass(frozen=True, slots=True)
class _Observation:
    host: HostCounters
    limits: Limits

    @property
    def cpu_limit(self) -> CpuLimit | None:
        """The quota in force, if one is tighter than the CPUs that we may run on."""
        limit = self.limits.tightest_cpu
        return limit if limit is not None and limit.cores < self.host.cpus else None

    @property
    def cpu_counters(self) -> Mapping[str, float]:
        """Busy seconds by who counted them, so that counters of different groups are never compared."""
        limit = self.cpu_limit
        if limit is None or limit.used_s is None:
            return self.host.cpu
        return {str(limit.group): limit.used_s}

    @property
    def pressure_groups(self) -> dict[Resource, Path]:
        """The groups to ask for pressure: those whose limits rule."""
        groups: dict[Resource, Path] = {}
        if self.cpu_limit is not None:
            groups["cpu"] = groups["io"] = self.cpu_limit.group
        memory = self.limits.tightest_memory
        if memory is not None and memory.limit < self.host.memory_total:
            groups["memory"] = groups["io"] = memory.group
        return groups


class MachineReader:
    """Takes readings; rates are measured from one to the next.  Not for use by two threads at once.

    ``root`` is where ``/proc`` and ``/sys`` are found, ``host`` where the host's own counters come from.  The
    time between readings is that of the counters, which is monotonic: a wall clock that jumps bends no rate.
    """

    def __init__(
        self,
        root: Path = Path("/"),
        *,
        host: Callable[[], HostCounters] = read_host,
        settle_s: float = 0.1,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._root = root
        self._node = host
        self._settle_s = settle_s
        self._wait = wait
        self._previous: _Observation | None = None
        self._rates = dict.fromkeys(_COUNTERS, 0.0)
        self.problems: tuple[Exception, ...] = ()
        """What the last reading could not make out and did without."""

    def read(self, now: float) -> MachineReading:
        """The machine at ``now`` (POSIX seconds).

        The first reading, and one after a long gap, takes ``settle_s`` longer: there is no rate without two
        looks, and to call an unknown load zero would invite everybody in.

        Raises ValueError or OSError when a limit is there and cannot be understood.
        """
        seen = self._observe()
        if self._previous is None or seen.host.taken_at - self._previous.host.taken_at > _LONGEST_GAP_S:
            self._previous = seen
            self._wait(self._settle_s)
            seen = self._observe()
        self._rates = _rates(self._previous, seen, self._rates)
        self._previous = seen
        pressure, self.problems = read_pressure(self._root, seen.pressure_groups)
        memory_capacity, memory_used = _memory(seen)
        return MachineReading(
            at=now,
            cpu_capacity=seen.cpu_limit.cores if seen.cpu_limit is not None else float(seen.host.cpus),
            memory_capacity=memory_capacity,
            memory_used=memory_used,
            pressure=pressure,
            **self._rates,
        )

    def _observe(self) -> _Observation:
        return _Observation(host=self._node(), limits=read_limits(self._root))


def _memory(seen: _Observation) -> tuple[int, int]:
    """Capacity under the tightest limit, and how much of it cannot be had any more.

    A neighbour under a wider limit above us, or on the host, may leave less than our own limit promises, and
    unlike CPU its memory does not come back when we ask for it.  So what is available is the least that any
    level has left, and the rest counts as used.
    """
    host = seen.host
    capacity = min([host.memory_total, *(level.limit for level in seen.limits.memory)])
    available = min([host.memory_available, *(level.limit - level.used for level in seen.limits.memory)])
    return capacity, capacity - max(0, min(available, capacity))


def _rates(before: _Observation, after: _Observation, last: dict[str, float]) -> dict[str, float]:
    """Rates between two looks; a rate that cannot be told keeps its last value."""
    elapsed = after.host.taken_at - before.host.taken_at
    if elapsed <= 0:
        return last
    increases = {name: _increase(count(before), count(after)) for name, count in _COUNTERS.items()}
    return {name: last[name] if more is None else more / elapsed for name, more in increases.items()}


_COUNTERS: Final[Mapping[str, Callable[[_Observation], Mapping[str, float]]]] = {
    "cpu_used": lambda seen: seen.cpu_counters,
    "disk_read": lambda seen: seen.host.disk_read,
    "disk_write": lambda seen: seen.host.disk_written,
    "network_received": lambda seen: seen.host.network_received,
    "network_sent": lambda seen: seen.host.network_sent,
}
"""What is counted, by the field of a reading that holds its rate."""


def _increase(before: Mapping[str, float], after: Mapping[str, float]) -> float | None:
    """How far the counters in both mappings went up; one that went down was reset and is left out.

    ``None`` when none is left to tell by.
    """
    steps = [after[name] - before[name] for name in before.keys() & after.keys()]
    forward = [step for step in steps if step >= 0]
    return sum(forward) if forward else None
