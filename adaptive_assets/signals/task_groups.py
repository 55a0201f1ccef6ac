"""Among which processes the nice of a process counts: its task group, as the kernel calls it."""

import os
from pathlib import Path
from typing import Final

from adaptive_assets.signals.hierarchies import Hierarchies, Hierarchy

WHOLE_MACHINE: Final = "the whole machine"
"""Where there are no groups, and where a process leads a session of its own, whose autogroup has a nice."""

_AUTOGROUPS: Final = "proc/sys/kernel/sched_autogroup_enabled"


def task_group(pid: int, root: Path = Path("/")) -> str:
    """A name of the task group of process ``pid``; nice counts between processes for which it is the same.

    ``root`` is where ``/proc`` and ``/sys`` are found.  Raises ProcessLookupError if the process is gone, and
    ValueError if the kernel's files cannot be made out.
    """
    if group := _cpu_group(pid, root):
        return f"cgroup {group}"
    session = os.getsid(pid)
    return f"session {session}" if session != pid and _has_autogroups(root) else WHOLE_MACHINE


def _cpu_group(pid: int, root: Path) -> str:
    """Its cgroup with the cpu controller; empty in the top one, where autogroups rule."""
    tree = Hierarchies.read(root, str(pid)).of("cpu")
    if tree is None:
        return ""
    if not tree.in_sight:  # nothing of it is mounted here, but it has a name
        return " ".join((root / f"proc/{pid}/cgroup").read_text().split())
    if tree.version == 1:
        group = None if _is_top(tree) else tree.group
    else:  # a group without the controller competes as part of the next one above that has it
        group = next((each for each in tree.upwards() if (each / "cpu.weight").exists()), None)
    return "" if group is None else f"/{group.relative_to(root)}"


def _is_top(tree: Hierarchy) -> bool:
    """Whether it is the top of the whole tree of version 1; in a container, the mount shows a part of it."""
    return (tree.group / "release_agent").exists()


def _has_autogroups(root: Path) -> bool:
    try:
        return (root / _AUTOGROUPS).read_text().strip() == "1"
    except OSError:  # the kernel was built without them
        return False
