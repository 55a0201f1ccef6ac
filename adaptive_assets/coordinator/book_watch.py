"""Follows the policy file: an edit counts from the next cycle on, a broken one never."""

import threading
from dataclasses import dataclass
from pathlib import Path

from adaptive_assets.coordinator.dry_run import try_book
from adaptive_assets.policy import PolicyBook, PolicyError, Problem, load_policy_book, located
from adaptive_assets.policy.text import quoted


@dataclass(frozen=True, slots=True)
class BookState:
    """The book in force; ``refused`` says what is wrong with the file when the book is not what it says."""

    book: PolicyBook
    read: bool = False
    """Whether the book was ever read from a file, and is not just the defaults."""
    refused: PolicyError | None = None


class BookWatch:
    """Reads the policy file when it has changed; safe to share between threads.

    Without a ``path`` the defaults are in force, and no file is looked at; a relative one is looked for in
    ``home`` first. Until the file has been read once, the book in force is ``fallback``: the last one that
    was, if the ledger has it, or the defaults.
    """

    def __init__(
        self, path: Path | None, fallback: BookState | None = None, *, home: Path | None = None
    ) -> None:
        self._given = path
        self._home = home
        self._lock = threading.Lock()
        self._seen: tuple[int, int, int] | None = None
        self._state = fallback or BookState(PolicyBook(version=1))

    @property
    def path(self) -> Path | None:
        """The policy file, by its whole path; it may lie elsewhere once it is moved to ``home``."""
        return None if self._given is None else located(self._given, self._home).absolute()

    def use_fallback(self, fallback: BookState) -> None:
        """Put ``fallback`` in force while the file has never been read."""
        with self._lock:
            if not self._state.read:
                self._state = BookState(fallback.book, read=True, refused=self._state.refused)

    @property
    def last_good(self) -> BookState:
        """The book in force, without a look at the file."""
        with self._lock:
            return self._state

    def current(self) -> BookState:
        """The state after a look at the file; reads it only if size, time or inode changed."""
        with self._lock:
            path = self.path
            if path is None:
                return self._state
            fingerprint = self._fingerprint(path)
            if fingerprint is None or fingerprint != self._seen:
                self._seen = fingerprint
                # as it is given where it is nowhere: the error then names the folders
                self._state = self._read(path if fingerprint else self._given or path, self._state)
            return self._state

    def _fingerprint(self, path: Path) -> tuple[int, int, int] | None:
        try:
            stat = path.stat()
        except OSError:
            return None  # what is wrong with it is for the loader to say
        return stat.st_mtime_ns, stat.st_size, stat.st_ino

    def _read(self, path: Path, last: BookState) -> BookState:
        """Whatever is wrong with the file, the last book stays in force."""
        try:
            book = load_policy_book(path, self._home)
            try_book(book)
            return BookState(book, read=True)
        except PolicyError as error:
            return BookState(last.book, last.read, error)
        except Exception as error:  # noqa: BLE001  told as refused
            message = f"this book cannot be used: {type(error).__name__}: {quoted(str(error), 300)}"
            hint = "take back the last edit; the fault is not the file's alone"
            return BookState(last.book, last.read, PolicyError([Problem(str(path), 0, 0, message, hint)]))
