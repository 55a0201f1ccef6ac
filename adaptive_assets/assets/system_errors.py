"""What the system refused (a full disk, no rights, …), in words, with the path and what to do.

Libraries pass such errors on in types of their own, and some without the number: Polars raises a
``ComputeError`` on a full disk, whose text alone says so.
"""

import errno
import os
import re
import shutil
from pathlib import Path
from typing import Final

_NUMBER: Final = re.compile(r"\(os error (\d+)\)|\[errno (\d+)\]", re.IGNORECASE)
_LIBRARIES: Final = ("polars", "pyarrow")
_PASSING: Final = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ESTALE, errno.ETIMEDOUT}
)
_QUOTED: Final = 100
"""Characters of a path that is too long."""
_CURES: Final = {
    errno.EDQUOT: "the quota of the user who runs this is used up; make room or raise the quota",
    errno.EROFS: "the file system is read-only; mount it writable, or choose another `base_dir`",
    errno.EFBIG: "the file is larger than the file system or `ulimit -f` allows; raise the limit",
    errno.ETIMEDOUT: "another process has held its lock for a minute; find it with `lsof` and end it",
    errno.EMFILE: (
        "the process has as many files open as it may, and each lazy frame holds one; "
        "read eager frames, or raise `ulimit -n`"
    ),
}


def number_of(error: BaseException) -> int | None:
    """The number (see `errno`) of the error of the system that an exception is or tells of, if it is one."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    if isinstance(error, OSError) or type(error).__module__.partition(".")[0] in _LIBRARIES:
        match = _NUMBER.search(str(error))
        return int(match[1] or match[2]) if match else None
    return None


def is_passing(error: BaseException) -> bool:
    """True where trying again may help without anybody's doing."""
    return number_of(error) in _PASSING


def told(error: BaseException, path: Path) -> str:
    """What happened to ``path`` and what to do, as the rest of a sentence that names the asset."""
    if isinstance(error, OSError) and error.filename:
        path = Path(os.fsdecode(error.filename))
    number = number_of(error)
    if number == errno.ENOSPC:
        return f"the disk of {path} is full ({_free(path)}); make room and run it again"
    if number == errno.ENAMETOOLONG:
        return f"the path is too long: {str(path)[:_QUOTED]}…; shorten the asset's key or `base_dir`"
    if number in (errno.EACCES, errno.EPERM):
        return f"there is no permission for {path}; give the user with the id {os.geteuid()} the rights to it"
    if number in (errno.EEXIST, errno.ENOTDIR, errno.EISDIR):
        return f"{path} cannot be used ({os.strerror(number)}): something else is in its place; move it"
    if number in _CURES:
        return f"{path} was refused: {_CURES[number]}"
    return f"{path} was refused: {os.strerror(number) if number else error}"


def _free(path: Path) -> str:
    """How many bytes, or file entries, the file system of a path has left."""
    for folder in path.parents:
        try:
            free, entries = shutil.disk_usage(folder).free, os.statvfs(folder)
        except OSError:
            continue
        if entries.f_files and not entries.f_favail:
            return f"{free:,} bytes are free, and no more files can be made"
        return f"{free:,} bytes are free"
    return "how much is free is unknown"
