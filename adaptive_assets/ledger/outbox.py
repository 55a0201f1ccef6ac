"""Keeps what could not be written to the ledger, in order, until it can: on disk, for a restart to find.

Each process has a file of its own and locks it.  A file that nobody locks was left by a process that is gone;
whoever comes next takes it over.  What is in a file may have been written to the ledger all the same, which
does no harm: an entry is written once.
"""

import fcntl
import os
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from adaptive_assets.ledger.entries import Entry, EntryKind

DIRECTORY: Final = "adaptive_outbox"
"""The name of the outbox's directory in the home of an instance."""
MOST_BYTES: Final = 64 * 2**20
"""How much is kept on disk."""
MOST_IN_MEMORY: Final = 16 * 2**20
"""How much is kept where nothing can be kept on disk."""
SHARE_OF_READINGS: Final = 4
"""Readings are kept while less than one in so many parts of the room is taken: decisions are worth more."""


class Outbox:
    """The entries that wait; used by one thread."""

    def __init__(
        self, directory: Path | None, *, most_bytes: int = MOST_BYTES, most_in_memory: int = MOST_IN_MEMORY
    ) -> None:
        """With no ``directory``, or one that cannot be written, entries are kept in memory."""
        self._directory = directory
        self._most_bytes = most_bytes
        self._most_in_memory = most_in_memory
        self._taken_over: deque[_File] = deque()
        self._own: _File | None = None
        self._memory: deque[Entry] = deque()
        self._memory_bytes = 0
        self.dropped = 0
        """How many entries had no room."""
        self.disk_error = ""
        """Why entries are in memory; empty where they are on disk."""

    def __len__(self) -> int:
        own = self._own.waiting if self._own else 0
        return sum(file.waiting for file in self._taken_over) + own + len(self._memory)

    def take_over(self) -> None:
        """Take the files of processes that are gone."""
        if self._directory is None:
            return
        with suppress(OSError):
            known = {file.path for file in self._files()}
            for path in sorted(self._directory.glob("*.jsonl")):
                if path not in known and (file := _File.opened(path)) is not None:
                    self._taken_over.append(file)

    def add(self, entry: Entry) -> bool:
        """Keep ``entry`` behind all others; whether there was room for it.

        When this returns, the entry survives a kill of this process, and a loss of power, if it is on disk.
        """
        line = entry.line()
        if entry.kind == EntryKind.READING and SHARE_OF_READINGS * self._bytes() > self._most_bytes:
            return self._drop()
        self._to_disk()
        if not self._memory and self._append(line):
            return True
        if self._memory_bytes + len(line) > self._most_in_memory or self._bytes() > self._most_bytes:
            return self._drop()
        self._memory.append(entry)
        self._memory_bytes += len(line)
        return True

    def head(self) -> Entry | None:
        """The entry that waits longest."""
        for file in self._files():
            if (entry := file.head()) is not None:
                return entry
        return self._memory[0] if self._memory else None

    def done(self) -> None:
        """The head is in the ledger now, or given up."""
        for file in self._files():
            if file.head() is not None:
                file.pop()
                break
        else:
            self._memory_bytes -= len(self._memory.popleft().line())
        self._tidy()

    def rewind(self) -> None:
        """Begin again with everything that is still on disk: the ledger does not hold what it held."""
        for file in self._files():
            file.rewind()

    def entries(self) -> Iterator[Entry]:
        """All that wait, in order."""
        for file in self._files():
            yield from file.rest()
        yield from self._memory

    def close(self) -> None:
        """Leave what is on disk to whoever comes next."""
        for file in self._files():
            file.close()
        self._taken_over.clear()
        self._own = None

    def _files(self) -> list["_File"]:
        return [*self._taken_over, *([self._own] if self._own else [])]

    def _bytes(self) -> int:
        return sum(file.size for file in self._files()) + self._memory_bytes

    def _drop(self) -> bool:
        self.dropped += 1
        return False

    def _to_disk(self) -> None:
        """What is in memory goes first, should the disk take it now."""
        while self._memory and self._append(line := self._memory[0].line()):
            self._memory.popleft()
            self._memory_bytes -= len(line)

    def _append(self, line: bytes) -> bool:
        if self._directory is None:
            return False
        if sum(file.size for file in self._files()) + len(line) > self._most_bytes:
            return False
        try:
            if self._own is None:
                self._own = _File.new(self._directory)
            self._own.append(line)
        except OSError as error:
            self.disk_error = f"{error.strerror or error} ({self._directory})"
            return False
        self.disk_error = ""
        return True

    def _tidy(self) -> None:
        """Remove the files of which nothing waits, and nothing before: it may have to be written again."""
        while self._taken_over and not self._taken_over[0].waiting:
            self._taken_over.popleft().remove()
        if not self._taken_over and self._own is not None and not self._own.waiting:
            self._own.remove()
            self._own = None


@dataclass(slots=True)
class _File:
    """A file of entries, one a line, and how far it has been read."""

    path: Path
    descriptor: int
    size: int
    waiting: int
    place: int = 0
    next: tuple[Entry, int] | None = None

    @classmethod
    def new(cls, directory: Path) -> Self:
        """A file that is behind all others in order."""
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / f"{time.time_ns():020}-{os.getpid()}.jsonl"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        return cls(path, descriptor, 0, 0)

    @classmethod
    def opened(cls, path: Path) -> Self | None:
        """The file at ``path``; ``None`` while another process has it."""
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return None
        file = cls(path, descriptor, os.fstat(descriptor).st_size, 0)
        file.rewind()
        return file

    def append(self, line: bytes) -> None:
        """Add a line whole, or not at all."""
        try:
            written = os.pwrite(self.descriptor, line, self.size)
            if written < len(line):
                raise OSError(f"only {written} of {len(line)} bytes were written")
            os.fsync(self.descriptor)
        except OSError:
            with suppress(OSError):
                os.ftruncate(self.descriptor, self.size)
            raise
        self.size += len(line)
        self.waiting += 1

    def head(self) -> Entry | None:
        """The first entry that was not taken."""
        if self.next is None:
            for entry, end in self._read(self.place):
                self.next = entry, end
                break
        return self.next[0] if self.next else None

    def pop(self) -> None:
        """Go on behind the head."""
        if self.next is not None:
            self.place, self.next = self.next[1], None
            self.waiting -= 1

    def rewind(self) -> None:
        """Go back to the beginning."""
        self.place, self.next = 0, None
        self.waiting = sum(1 for _ in self._read(0))

    def rest(self) -> Iterator[Entry]:
        """All entries from the head on."""
        return (entry for entry, _ in self._read(self.place))

    def close(self) -> None:
        """Let go of the file."""
        os.close(self.descriptor)

    def remove(self) -> None:
        """Delete the file, and let go of it."""
        with suppress(OSError):
            self.path.unlink()
        self.close()

    def _read(self, place: int) -> Iterator[tuple[Entry, int]]:
        """The entries from ``place`` on, and where each ends; a line that was cut short is nobody's."""
        with os.fdopen(os.dup(self.descriptor), "rb") as lines:
            lines.seek(place)
            for line in lines:
                place += len(line)
                if (entry := Entry.of_line(line)) is not None:
                    yield entry, place


def waiting_in(directory: Path) -> int:
    """How many entries wait in the files of all processes; those of this moment, without taking them."""
    waiting = 0
    for path in sorted(directory.glob("*.jsonl")):
        with suppress(OSError), path.open("rb") as lines:
            waiting += sum(1 for line in lines if line.endswith(b"\n"))
    return waiting
