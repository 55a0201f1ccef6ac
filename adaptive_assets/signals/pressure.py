"""Linux pressure stall information (PSI): how much of the time work stood still for want of a resource."""

import errno
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from adaptive_assets.planning.snapshot import Pressure

Resource = Literal["cpu", "memory", "io"]

_ABSENT = {errno.ENOENT, errno.ENOTDIR, errno.EOPNOTSUPP}
"""Not built in, not at this level, or switched off at boot: the kernel just does not say."""


def stalled_share(file: Path) -> float | None:
    """The share (0 to 1) of the last ten seconds in which at least one task stalled, as ``file`` says.

    ``None`` where the kernel keeps no such figure.  Raises ValueError, naming the file, when it is garbled,
    and OSError when it is there and cannot be read.
    """
    try:
        text = file.read_text()
    except OSError as error:
        if error.errno in _ABSENT:
            return None
        raise
    for line in text.splitlines():
        match line.split():
            case ["some", average, *_] if average.startswith("avg10="):
                return _share(file, average.removeprefix("avg10="))
    raise ValueError(f"{file}: expected a line `some avg10=PERCENT ...`, found {text[:80]!r}")


def read_pressure(root: Path, groups: Mapping[Resource, Path]) -> tuple[Pressure, tuple[Exception, ...]]:
    """Read all three pressures, and what could not be made out of them.

    ``groups`` names the cgroup to ask for a resource; for one that is not named, or keeps no figures, the
    whole machine's ``/proc/pressure`` below ``root`` answers.  A file that is there and makes no sense leaves
    its resource ``None`` and its error in the second value: the rest of the reading is still good.
    """
    problems: list[Exception] = []

    def share(resource: Resource) -> float | None:
        group = groups.get(resource)
        try:
            own = stalled_share(group / f"{resource}.pressure") if group is not None else None
            return own if own is not None else stalled_share(root / "proc/pressure" / resource)
        except (OSError, ValueError) as error:
            problems.append(error)
            return None

    pressure = Pressure(cpu=share("cpu"), memory=share("memory"), io=share("io"))
    return pressure, tuple(problems)


def _share(file: Path, percent: str) -> float:
    try:
        share = round(float(percent) / 100, 4)  # the kernel writes hundredths of a percent
    except ValueError:
        share = float("nan")
    if not 0 <= share <= 1:
        raise ValueError(f"{file}: expected a percentage after `avg10=`, found {percent!r}")
    return share
