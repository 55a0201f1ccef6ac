"""Where in the cgroup trees this process sits, by ``/proc/self/cgroup`` and ``/proc/self/mountinfo``."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """One cgroup tree as it can be seen from here.

    ``mount`` is the highest directory in sight; ``group``, the one the process is in, is the same or below.
    Both are real paths, below the root that was read.
    """

    version: int
    mount: Path
    group: Path
    in_sight: bool = True
    """False where the process's group lies outside of what is mounted here: ``group`` is then ``mount``."""

    def upwards(self) -> Iterator[Path]:
        """The directories from our own group up to the highest that can be seen."""
        group = self.group
        yield group
        while group != self.mount:
            group = group.parent
            yield group


@dataclass(frozen=True, slots=True)
class _Membership:
    controllers: frozenset[str]
    path: str


@dataclass(frozen=True, slots=True)
class _Mount:
    version: int
    controllers: frozenset[str]
    shown: str
    """The group that the mount shows as its top."""
    point: str


@dataclass(frozen=True, slots=True)
class Hierarchies:
    """The cgroup trees of a process, version 1, version 2 or both (hybrid)."""

    root: Path
    memberships: tuple[_Membership, ...] = ()
    mounts: tuple[_Mount, ...] = ()

    @classmethod
    def read(cls, root: Path, process: str = "self") -> "Hierarchies":
        """Read both files below ``root``; empty where the kernel has no cgroups, or no such ``process``.

        Raises ValueError, naming the file and the line, when one of them is not what the kernel writes.
        """
        groups, mounts = root / "proc" / process / "cgroup", root / "proc/self/mountinfo"
        if not groups.exists() or not mounts.exists():
            return cls(root)
        return cls(root, tuple(_memberships(groups)), tuple(_mounts(mounts)))

    def of(self, controller: str) -> Hierarchy | None:
        """The tree that has ``controller`` ("cpu", "cpuacct", "memory"); ``None`` if none is in sight.

        A controller is in one tree at a time: the version 1 tree that lists it, otherwise that of version 2.
        """
        for membership in self.memberships:
            if controller in membership.controllers:
                mounts = [m for m in self.mounts if m.version == 1 and controller in m.controllers]
                return self._locate(membership, mounts)
        for membership in self.memberships:
            if not membership.controllers:
                return self._locate(membership, [m for m in self.mounts if m.version == 2])
        return None

    def _locate(self, membership: _Membership, mounts: list[_Mount]) -> Hierarchy | None:
        if not mounts:
            return None
        for mount in sorted(mounts, key=lambda m: len(m.shown)):  # the one that shows most of the tree first
            below = _below(membership.path, mount.shown)
            if below is not None:
                point = self._real(mount.point)
                return Hierarchy(mount.version, point, point / below)
        # The group lies outside of what is mounted here; the top of the mount is all that we can see.
        point = self._real(mounts[0].point)
        return Hierarchy(mounts[0].version, point, point, in_sight=False)

    def _real(self, path: str) -> Path:
        return self.root / path.lstrip("/")


def _below(path: str, shown: str) -> PurePosixPath | None:
    group, top = PurePosixPath(path), PurePosixPath(shown)
    if ".." in group.parts or not group.is_relative_to(top):
        return None
    return group.relative_to(top)


def _memberships(file: Path) -> Iterator[_Membership]:
    for number, line in enumerate(file.read_text().splitlines(), start=1):
        parts = line.split(":", 2)
        if len(parts) != 3:
            raise ValueError(f"{file}:{number}: expected `id:controllers:path`, found {line!r}")
        yield _Membership(frozenset(filter(None, parts[1].split(","))), parts[2])


def _mounts(file: Path) -> Iterator[_Mount]:
    for number, line in enumerate(file.read_text().splitlines(), start=1):
        place, _, kind = line.partition(" - ")
        left, right = place.split(" "), kind.split(" ")
        if len(left) < 6 or len(right) < 3:
            raise ValueError(f"{file}:{number}: expected a line as in proc(5), found {line!r}")
        if right[0] == "cgroup2":
            yield _Mount(2, frozenset(), _unescaped(left[3]), _unescaped(left[4]))
        elif right[0] == "cgroup":
            yield _Mount(1, frozenset(right[2].split(",")), _unescaped(left[3]), _unescaped(left[4]))


def _unescaped(path: str) -> str:
    """The kernel writes blanks and backslashes in paths as three octal digits."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), path)
