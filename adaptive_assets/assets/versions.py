"""The stored versions of an asset, by the names of their files."""

import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

_NAME: Final = re.compile(r"v(?P<number>[0-9]{8,18})-(?P<run>[^.]+)\.(?:parquet|pickle)")
_TIMES_FROM: Final = 10**15
"""Numbers from here on are times in microseconds: what `object_store` gives."""
_LONGEST_NAME: Final = 200
"""Bytes; file systems take 255, and versions and partial files add to it."""


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """One stored version of an asset or of one of its partitions."""

    number: int
    run_id: str
    path: Path
    """A `UPath` on a store."""

    @property
    def written_at(self) -> float:
        """When the file was written (POSIX seconds); the end of time where it is gone."""
        if self.number >= _TIMES_FROM:
            return self.number / 1e6
        try:
            return self.path.stat().st_mtime
        except FileNotFoundError:
            return math.inf

    @classmethod
    def next_in(cls, folder: Path, stored: Sequence["Version"], run_id: str, suffix: str) -> "Version":
        """The version that follows those that are stored in a folder."""
        for number in count(stored[-1].number + 1 if stored else 1):
            path = folder / f"v{number:08d}-{file_name(run_id)}.{suffix}"
            # The folder of an asset may have this very name.
            if not path.exists():
                return cls(number, run_id, path)
        raise AssertionError


def versions_in(folder: Path) -> list[Version]:
    """What is stored in a folder, oldest first; nothing where there is no such folder.

    Only plain files are versions: a folder of such a name is that of an asset whose key has it as a part.

    Raises:
        OSError: The folder cannot be read.
    """
    try:
        with os.scandir(folder) as entries:
            named = [
                (folder / entry.name, match)
                for entry in entries
                if (match := _NAME.fullmatch(entry.name)) and entry.is_file()
            ]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(Version(int(match["number"]), match["run"], path) for path, match in named)


def version_of(folder: Any, name: str) -> Version | None:
    """The version that a file of a folder is, by its name; ``None`` where the name is not that of one."""
    match = _NAME.fullmatch(name)
    return Version(int(match["number"]), match["run"], folder / name) if match else None


def file_name(text: str) -> str:
    """Any text as one file name that stays in its folder; different texts give different names."""
    name = quote(text, safe=" +,:=").replace("~", "%7E")
    if not name.strip("."):
        name = name.replace(".", "%2E") or "%"
    if len(name) > _LONGEST_NAME:
        digest = sha256(text.encode()).hexdigest()[:32]
        name = f"{name[: _LONGEST_NAME - len(digest) - 1]}~{digest}"
    return name
