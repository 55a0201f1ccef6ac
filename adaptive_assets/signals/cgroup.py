"""The limits that the cgroups above this process put on it, and what is used of each.

Every group from our own up to the highest in sight is looked at, since the kernel enforces all of them: the
limit may be on the container itself, on the Kubernetes pod around it, or on a systemd slice further up.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from adaptive_assets.signals.hierarchies import Hierarchies, Hierarchy

_UNLIMITED = 1 << 60
"""Bytes; version 1 writes "no limit" as the largest number of pages, which no machine has."""


@dataclass(frozen=True, slots=True)
class CpuLimit:
    """A CPU quota: ``cores`` that the members of ``group`` may use together.

    ``used_s`` counts the CPU seconds that they have used so far; ``None`` where nothing counts them.
    """

    group: Path
    cores: float
    used_s: float | None


@dataclass(frozen=True, slots=True)
class MemoryLimit:
    """A memory limit on ``group``, in bytes.

    ``used`` is what the group holds, less what the kernel gives back on demand: clean file cache and
    reclaimable slab.  It is never less than the memory that has no file behind it.
    """

    group: Path
    limit: int
    used: int


@dataclass(frozen=True, slots=True)
class Limits:
    """All limits in force on this process, those of the closest group first; empty where there are none."""

    cpu: tuple[CpuLimit, ...] = ()
    memory: tuple[MemoryLimit, ...] = ()

    @property
    def tightest_cpu(self) -> CpuLimit | None:
        """The smallest quota; of equal ones the outermost, which counts our neighbours too."""
        return min(reversed(self.cpu), key=lambda limit: limit.cores, default=None)

    @property
    def tightest_memory(self) -> MemoryLimit | None:
        """The smallest memory limit; of equal ones the outermost."""
        return min(reversed(self.memory), key=lambda limit: limit.limit, default=None)


def read_limits(root: Path = Path("/")) -> Limits:
    """Read the limits on this process; ``root`` is where ``/proc`` and ``/sys`` are found.

    Raises ValueError, naming file and content, for a file that is not what the kernel writes, and OSError for
    one that exists and cannot be read: a guessed capacity would be worse than none.
    """
    trees = Hierarchies.read(root)
    cpu, memory = trees.of("cpu"), trees.of("memory")
    return Limits(
        tuple(_cpu_limits(cpu, trees.of("cpuacct"))) if cpu else (),
        tuple(_memory_limits(memory)) if memory else (),
    )


def _cpu_limits(tree: Hierarchy, accounting: Hierarchy | None) -> Iterator[CpuLimit]:
    for group in tree.upwards():
        if tree.version == 2:
            cores, used_s = _quota_v2(group / "cpu.max"), _cpu_seconds_v2(group / "cpu.stat")
        else:
            cores, used_s = _quota_v1(group), _cpu_seconds_v1(accounting, group.relative_to(tree.mount))
        if cores is not None:
            yield CpuLimit(group, cores, used_s)


def _quota_v2(file: Path) -> float | None:
    text = _text(file)
    if text is None:
        return None
    match text.split():
        case ["max", _]:
            return None
        case [quota, period] if quota.isdecimal() and period.isdecimal() and int(quota) and int(period):
            return int(quota) / int(period)
    raise ValueError(f"{file}: expected `max PERIOD` or `QUOTA PERIOD` in microseconds, found {text!r}")


def _quota_v1(group: Path) -> float | None:
    quota, period = _number(group / "cpu.cfs_quota_us"), _number(group / "cpu.cfs_period_us")
    return quota / period if quota is not None and period and quota > 0 else None


def _cpu_seconds_v2(file: Path) -> float | None:
    microseconds = _stat(file).get("usage_usec")
    return None if microseconds is None else microseconds * 1e-6


def _cpu_seconds_v1(accounting: Hierarchy | None, group: Path) -> float | None:
    """Usage is counted in a tree that is usually the same one, but may be apart and know only our group."""
    if accounting is None:
        return None
    for counted in (accounting.mount / group, accounting.group):
        nanoseconds = _number(counted / "cpuacct.usage")
        if nanoseconds is not None:
            return nanoseconds * 1e-9
    return None


def _memory_limits(tree: Hierarchy) -> Iterator[MemoryLimit]:
    for group in tree.upwards():
        if tree.version == 2:
            # Above memory.high the kernel kills nobody and slows all to a crawl: no place to plan work into.
            limits = [_number(group / "memory.max"), _number(group / "memory.high")]
            held = "memory.current"
        else:
            limits = [_number(group / "memory.limit_in_bytes")]
            if group == tree.group:  # names the tightest of all groups above, those out of sight included
                limits.append(_stat(group / "memory.stat").get("hierarchical_memory_limit"))
            held = "memory.usage_in_bytes"
        limit = min((value for value in limits if value is not None), default=_UNLIMITED)
        if limit < _UNLIMITED:
            counts = _Counts(tree.version, _stat(group / "memory.stat"))
            used = (_number(group / held) or 0) - counts.reclaimable
            yield MemoryLimit(group, limit, max(used, counts.unreclaimable, 0))


@dataclass(frozen=True, slots=True)
class _Counts:
    """What a group's ``memory.stat`` counts, groups below included: in version 1 those are the totals."""

    version: int
    stat: Mapping[str, int]

    def _of(self, v2: str, v1: str) -> int:
        return self.stat.get(v2, 0) if self.version == 2 else self.stat.get(f"total_{v1}", 0)

    @property
    def reclaimable(self) -> int:
        """Bytes that the kernel takes back before it kills anybody, as it counts in MemAvailable.

        Both lists of file pages, however lately they were used.  Not ``file`` (version 1: ``cache``): that
        contains shared memory and tmpfs, which have no file to be read from again and are on the lists of
        anonymous pages.  Dirty pages, and those being written, must be on the disk before they can be taken;
        a run that starts now would have to wait for that, so until then they are used.  Version 1 tells no
        slab: what it has charged of it stays used.
        """
        cache = self._of("inactive_file", "inactive_file") + self._of("active_file", "active_file")
        unwritten = self._of("file_dirty", "dirty") + self._of("file_writeback", "writeback")
        return max(0, cache - unwritten) + self._of("slab_reclaimable", "slab_reclaimable")

    @property
    def unreclaimable(self) -> int:
        """Anonymous and shared memory, in bytes: the files are not read in one instant, and may disagree."""
        return self._of("anon", "rss") + self._of("shmem", "shmem")


def _text(file: Path) -> str | None:
    """The content of ``file``; ``None`` when this kernel or this level of the tree does not have it."""
    try:
        return file.read_text().strip()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _number(file: Path) -> int | None:
    """The whole number in ``file``; ``None`` for no file or the word ``max``."""
    text = _text(file)
    return None if text is None or text == "max" else _whole(file, text)


def _stat(file: Path) -> Mapping[str, int]:
    """A file of lines of a name and a whole number; empty for no file."""
    lines = (_text(file) or "").splitlines()
    return {name: _whole(file, value) for name, _, value in (line.partition(" ") for line in lines)}


def _whole(file: Path, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"{file}: expected a whole number, found {text!r}") from None
