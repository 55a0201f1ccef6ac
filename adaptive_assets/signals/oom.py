"""Processes that the kernel killed for want of memory, as the counters of their cgroups tell.

The kernel counts each victim of its OOM killer in the cgroup of that process (``oom_kill`` in
``memory.events`` of version 2, where the groups above count it too, and in ``memory.oom_control`` of version
1) and once more for the whole machine (``/proc/vmstat``).  A counter names nobody: it is evidence only
together with a process of the group that was ended by SIGKILL while it rose.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from adaptive_assets.signals.hierarchies import Hierarchies

_KEPT: Final = 256
"""Rises that are remembered: the latest."""

_FIELD: Final = "oom_kill"


@dataclass(frozen=True, slots=True)
class OomRise:
    """``counter``, a file, rose by ``kills`` between looks at ``since`` and at ``until`` (POSIX seconds)."""

    counter: str
    kills: int
    since: float
    until: float


def oom_counter(pid: int, root: Path = Path("/")) -> Path | None:
    """The file that counts the kernel's kills in the memory cgroup of process ``pid``.

    That is the machine's own file where the group is not in sight or keeps no count, and ``None`` where no
    kernel counts.  ``root`` is where ``/proc`` and ``/sys`` are found.
    """
    files = [*_of_group(pid, root), root / "proc/vmstat"]
    return next((file for file in files if _kills(file) is not None), None)


class OomCounters:
    """Follows counters, and remembers when which of them rose.

    :meth:`sweep` belongs to one thread, the rest may be called from any: they share finished values only.
    """

    def __init__(self) -> None:
        self._counts: dict[Path, tuple[float, int]] = {}
        self._rises: tuple[OomRise, ...] = ()

    def follow(self, counter: Path, at: float) -> None:
        """Begin with ``counter``: what it shows now it is taken to have shown since ``at``."""
        if (kills := _kills(counter)) is not None:
            self._counts.setdefault(counter, (at, kills))

    def sweep(self, counters: Iterable[Path], now: float) -> None:
        """Look at ``counters``, and follow no others.  Raises nothing: one that is gone is left out."""
        counts: dict[Path, tuple[float, int]] = {}
        rises: list[OomRise] = []
        for counter in dict.fromkeys(counters):
            if (kills := _kills(counter)) is not None:
                rises += self._risen(counter, kills, now)
                counts[counter] = now, kills
        if rises:
            self._rises = (*self._rises, *rises)[-_KEPT:]
        self._counts = counts

    def rise(self, counter: Path, since: float, until: float, now: float) -> OomRise | None:
        """The last rise of ``counter`` that may have been between ``since`` and ``until``.

        What happened after the last sweep counts too: the counter is read again, at ``now``.
        """
        kills = _kills(counter)
        latest = () if kills is None else self._risen(counter, kills, now)
        for rise in (*latest, *reversed(self._rises)):
            if rise.counter == str(counter) and rise.since <= until and rise.until >= since:
                return rise
        return None

    def _risen(self, counter: Path, kills: int, now: float) -> tuple[OomRise, ...]:
        """One rise, if ``counter`` shows more than it last did; a group that was made anew begins anew."""
        at, before = self._counts.get(counter, (now, kills))
        return (OomRise(str(counter), kills - before, at, now),) if kills > before else ()


def _of_group(pid: int, root: Path) -> Iterator[Path]:
    try:
        trees = Hierarchies.read(root, str(pid))
        tree = trees.of("memory")
    except (OSError, ValueError):  # it has gone, or is hidden from us
        return
    if tree is not None and (tree.in_sight or trees.memberships == Hierarchies.read(root).memberships):
        yield tree.group / ("memory.events" if tree.version == 2 else "memory.oom_control")


def _kills(file: Path) -> int | None:
    """What ``file`` counts; ``None`` where it is not there, cannot be read, or has no such line."""
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return None
    found = (value for name, _, value in (line.partition(" ") for line in lines) if name == _FIELD)
    return next((int(value) for value in found if value.isdecimal()), None)
