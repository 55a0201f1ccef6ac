"""Making versions: written apart, then given the next number, one writer at a time.

A version is written to a partial file in the asset's folder, synced, and renamed to the next number of its
folder. Numbers are given under a lock of the asset's folder, so two writers never get the same one, and
the one that publishes later gets the higher. The writer holds a lock on its partial file: the kernel frees it
with the process, however that ends, and a partial file that nobody has locked belongs to nobody.
"""

import errno
import fcntl
import os
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from adaptive_assets.assets.versions import Version, file_name, versions_in

ABANDONED_AFTER: Final = 24 * 60 * 60.0
"""Seconds after its last change until a partial file is removed of which nobody can tell whose it is."""

_PARTIAL: Final = ".partial-"
_LOCKED: Final = ".locked"
"""Ends the name of a partial file whose writer holds a lock on it; earlier releases held none."""
_PATIENCE: Final = 60.0
_PAUSE: Final = 0.01
"""Seconds to wait for the lock of a folder, and between two attempts."""


def publish(
    home: Path, folder: Path, run_id: str, suffix: str, write: Callable[[Path], None]
) -> tuple[Version, list[Version]]:
    """Make a version in ``folder``, and return it with those that were there before it.

    Args:
        home: The folder of the asset, in which it is written; the same as ``folder`` or above it.
        folder: The folder of the asset or of the partition.
        run_id: The run that makes it.
        suffix: ``parquet`` or ``pickle``.
        write: Writes the file whose path it is given, and syncs it.

    Raises:
        OSError: The system refused; nothing is left behind.
        TimeoutError: Another process has held the lock of ``home`` for a minute.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _partial_file(home, run_id) as partial:
        write(partial)
        with _lock_of(home):
            stored = versions_in(folder)
            version = Version.next_in(folder, stored, run_id, suffix)
            partial.rename(version.path)
    _sync_folder(folder)
    return version, stored


def sweep(folders: Iterable[Path], is_over: Callable[[str], bool]) -> None:
    """Remove the partial files that killed writers left in some folders, and never those of living ones.

    ``is_over`` says of a run's id whether the run has ended or is unknown. It is asked about the files of
    earlier releases, which did not lock them.

    Raises:
        OSError: The system refused.
    """
    for folder in folders:
        for partial in _partials_in(folder):
            if partial.name.endswith(_LOCKED):
                # Made and locked under this lock: a partial file that is not locked has no writer any more.
                with _lock_of(folder):
                    unlocked = _is_unlocked(partial)
                abandoned = _is_old(partial) if unlocked is None else unlocked
            else:
                abandoned = _is_old(partial) or is_over(_run_of(partial))
            if abandoned:
                partial.unlink(missing_ok=True)


@contextmanager
def _partial_file(home: Path, run_id: str) -> Iterator[Path]:
    partial = home / f"{_PARTIAL}{file_name(run_id)}-{uuid.uuid4().hex}{_LOCKED}"
    with _lock_of(home):
        descriptor = os.open(partial, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)
        _try_lock(descriptor)
    try:
        yield partial
    finally:
        # The error that is on its way says more than that of tidying up after it.
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        os.close(descriptor)


@contextmanager
def _lock_of(folder: Path) -> Iterator[None]:
    """Hold a folder's lock, which is held for moments only."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        until = time.monotonic() + _PATIENCE
        while _try_lock(descriptor) is False:
            if time.monotonic() > until:
                raise TimeoutError(
                    errno.ETIMEDOUT, "another process has held its lock for a minute", os.fspath(folder)
                )
            time.sleep(_PAUSE)
        yield
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool | None:
    """Whether the lock was got; ``None`` where the file system has no locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        # File systems without locks answer in several ways. There, numbers are given as well as can be.
        return None
    return True


def _is_unlocked(partial: Path) -> bool | None:
    """True when the writer is gone; ``None`` where it cannot be told."""
    try:
        descriptor = os.open(partial, os.O_RDWR)
    except OSError:
        return None
    try:
        return _try_lock(descriptor)
    finally:
        os.close(descriptor)


def _is_old(partial: Path) -> bool:
    try:
        return time.time() - partial.stat().st_mtime > ABANDONED_AFTER
    except FileNotFoundError:
        return True


def _run_of(partial: Path) -> str:
    return partial.name.removeprefix(_PARTIAL).rpartition("-")[0]


def _partials_in(folder: Path) -> list[Path]:
    # Only plain files: a folder of such a name is that of an asset.
    with os.scandir(folder) as entries:
        return [
            folder / entry.name
            for entry in entries
            if entry.name.startswith(_PARTIAL) and entry.is_file(follow_symlinks=False)
        ]


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
