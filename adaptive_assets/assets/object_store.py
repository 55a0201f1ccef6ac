"""Versions in a local folder or on any fsspec file system: there, each is put whole under a name of its own.

There are no locks, renames or syncs on an object store, and none is needed: an object is there when its
upload has ended, and not before. Its number is the time of its writing in microseconds, which only tells
versions apart; which of them counts is what the event log says.
"""

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from adaptive_assets.assets import frames, publication, versions
from adaptive_assets.assets.versions import Version, file_name, version_of

if TYPE_CHECKING:
    from upath import UPath

_MICROSECONDS: Final = 1_000_000
"""In a second."""


def as_folder(path: "UPath") -> Any:
    """A folder of the local file system as a plain path, any other as it is."""
    return Path(str(path)) if path.protocol in ("", "file", "local") else path


def publish(
    home: Any, folder: Any, run_id: str, suffix: str, write: Callable[[Path], None]
) -> tuple[Version, list[Version]]:
    """Make a version in ``folder``, and return it with those that were there before it.

    In a local folder it is as `publication.publish` does it.

    Raises:
        OSError: The system or the store refused; what an upload left that was cut short is the store's own to
            discard, and is no version.
    """
    if isinstance(folder, Path):
        return publication.publish(home, folder, run_id, suffix, write)
    stored = versions_in(folder)
    number = max(int(time.time() * _MICROSECONDS), stored[-1].number + 1 if stored else 0)
    name = f"v{number:08d}-{file_name(run_id)}.{suffix}"
    with tempfile.TemporaryDirectory() as local:
        written = Path(local, name)
        write(written)
        folder.fs.makedirs(folder.path, exist_ok=True)
        folder.fs.put_file(os.fspath(written), (folder / name).path)
    return Version(number, run_id, folder / name), stored


def read(path: Any, wanted: frames.Kind | None) -> Any:
    """Read a version, as `frames.read` does; one of a store from a local copy that is removed at once.

    Raises:
        frames.StoredValueError: The file is damaged.
        OSError: The system or the store refused; `FileNotFoundError` where there is no such file.
    """
    if isinstance(path, Path):
        return frames.read(path, wanted)
    with tempfile.TemporaryDirectory() as local:
        copy = Path(local, path.name)
        path.fs.get_file(path.path, os.fspath(copy))
        return frames.read(copy, wanted)


def versions_in(folder: Any) -> list[Version]:
    """What is stored in a folder, oldest first; nothing where there is no such folder."""
    if isinstance(folder, Path):
        return versions.versions_in(folder)
    # Listings of stores are cached by fsspec, and other processes write there.
    folder.fs.invalidate_cache()
    try:
        entries = folder.fs.ls(folder.path, detail=True)
    except (FileNotFoundError, NotADirectoryError):
        return []
    names = [entry["name"].rstrip("/").rpartition("/")[2] for entry in entries if entry["type"] == "file"]
    return sorted(version for name in names if (version := version_of(folder, name)) is not None)
