"""Connections to the ledger: one transaction at a time, and failures told in words that hold no secret."""

import re
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Final, TypeVar

from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError, StatementError

from adaptive_assets.ledger.back_off import BackOff
from adaptive_assets.ledger.deadline import Deadlines
from adaptive_assets.ledger.engines import WAIT, WRITES, new_engine
from adaptive_assets.ledger.errors import LedgerAwayError, LedgerError, NoLedgerError
from adaptive_assets.ledger.location import Location
from adaptive_assets.ledger.migrating import VERSION_TABLE, is_current, is_there, migrate

T = TypeVar("T")

AWAY: Final = (OperationalError, sqlite3.OperationalError, OSError)
"""What drivers raise where the database is at fault, and not what it was given."""

FileIdentity = tuple[int, int, bool]
"""Device, inode, and whether the file is a database."""

WAIT_S: Final = 2.0
"""How long to wait for a lock that another process holds."""
ANSWER_S: Final = 4.0
"""How long a server may take for one transaction, from connecting to committing."""
SLOW_S: Final = 60.0
"""The same for a transaction that reads much or deletes much."""
PROBE_WAIT_S: Final = 0.25
PROBE_ANSWER_S: Final = 1.0
"""The same for a look at whether a ledger that has failed works again."""
MIGRATION_WAIT_S: Final = 10.0
"""The same for making the tables, for which processes that start together take turns."""
NOTICES: Final = 10


class Database:
    """The ledger's database; connected to, and migrated, when first used.  Threads may share it."""

    def __init__(
        self, location: Location, schema: str, *, back_off: bool = False, existing: bool = False
    ) -> None:
        """``schema`` is where the tables live on PostgreSQL; a SQLite file is the ledger's alone.

        With ``existing`` no tables are made where there are none: that is an error.
        With ``back_off``, what has failed is left alone for some seconds: until then every call raises at
        once what the failed one has raised.
        """
        if not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", schema):
            raise LedgerError(
                f"`{schema}` cannot name the ledger's schema: use small letters, digits and `_`"
            )
        self._location = location
        self._schema = None if location.is_sqlite else schema
        self._deadlines = Deadlines()
        self._engine = new_engine(location, self._schema, self._deadlines.uses)
        self._ready = False
        self._getting_ready = threading.Lock()
        self._file: FileIdentity | None = None
        self._backs_off = back_off
        self._existing = existing
        self._reading, self._writing = BackOff(), BackOff()
        self.made_anew = 0
        """How often the file was found to be another one, or gone."""
        self.notices: deque[str] = deque(maxlen=NOTICES)
        """What was found since somebody looked: a file that was replaced or deleted."""

    def read(self, operation: str, work: Callable[[Connection], T], *, slow: bool = False) -> T:
        """What ``work`` reads; ``operation`` completes the sentence "cannot …" should it fail."""
        answer_s = SLOW_S if slow else ANSWER_S
        if self._backs_off:
            self._reading.check()
            if self._reading.failing:
                self._look_again(operation)
        return self.attempt(
            operation,
            lambda: self._transaction(work, writes=False, wait_s=WAIT_S, answer_s=answer_s),
            (self._reading, self._writing),
        )

    def write(self, operation: str, work: Callable[[Connection], T], *, slow: bool = False) -> T:
        """What ``work`` returns, once everything that it wrote is committed; all of it or nothing."""
        answer_s = SLOW_S if slow else ANSWER_S
        if self._backs_off:
            self._writing.check()
        return self.attempt(
            operation,
            lambda: self._transaction(work, writes=True, wait_s=WAIT_S, answer_s=answer_s),
            (self._writing,),
        )

    def probe(self, operation: str, work: Callable[[Connection], object]) -> None:
        """A small write by which to see, in about a second, whether the ledger can be written."""
        if self._backs_off:
            self._writing.check()

        def act() -> None:
            self._transaction(work, writes=True, wait_s=PROBE_WAIT_S, answer_s=PROBE_ANSWER_S)

        self.attempt(operation, act, (self._writing,))

    def _look_again(self, operation: str) -> None:
        """See in about a second whether a ledger that could not be read can be: the answer may take long."""

        def act() -> None:
            self._transaction(_nothing, writes=False, wait_s=PROBE_WAIT_S, answer_s=PROBE_ANSWER_S)

        self.attempt(operation, act, (self._reading, self._writing))

    def attempt(self, operation: str, act: Callable[[], T], back_offs: tuple[BackOff, ...] = ()) -> T:
        """What ``act`` returns, or :class:`LedgerError` with the cause in words, cleaned of secrets."""
        kind: type[LedgerError] = LedgerError
        try:
            result = act()
        except LedgerError as error:
            # What is asked for is wrong, or not there: no reason to leave the ledger alone.
            cause, kind, back_offs = str(error), type(error), ()
        except (SQLAlchemyError, sqlite3.Error, OSError, ValueError) as error:
            cause = str(error.orig if isinstance(error, StatementError) else error)
            kind = LedgerAwayError if isinstance(error, AWAY) else LedgerError
            # Next time everything is looked at anew: the file may have been moved away, the server restored.
            self._ready = False
            self.dispose()
        else:
            for each in back_offs[:1]:
                each.worked()
            return result
        # Raised out here, so that the driver's exception, which may quote the URL, is not chained to it.
        cause = self._location.mask(" ".join(cause.split()))
        told = f"cannot {operation} in {self._location.safe_url}: {cause}{_hint(cause)}"
        for each in back_offs:
            each.failed(told)
        raise kind(told)

    def look(self) -> None:
        """See whether the file is still the same one."""
        # where the path cannot be looked at, the next use of the ledger says so
        with self._getting_ready, suppress(OSError):
            self._look_at_file()

    def dispose(self) -> None:
        """Close the idle connections; the next use opens new ones."""
        self._engine.dispose()

    def _transaction(
        self, work: Callable[[Connection], T], *, writes: bool, wait_s: float, answer_s: float
    ) -> T:
        self._get_ready(wait_s, answer_s)
        result = self._within(work, writes=writes, wait_s=wait_s, answer_s=answer_s)
        if writes and self._file != self._file_now():
            raise LedgerError("the file was replaced, overwritten or deleted while it was written to")
        return result

    def _within(self, work: Callable[[Connection], T], *, writes: bool, wait_s: float, answer_s: float) -> T:
        if self._schema is None:
            return self._do(work, writes=writes, wait_s=self._location.timeout or wait_s)
        return self._deadlines.run(lambda: self._do(work, writes=writes, wait_s=wait_s), answer_s)

    def _do(self, work: Callable[[Connection], T], *, writes: bool, wait_s: float) -> T:
        options = {WRITES: writes, WAIT: wait_s}
        with self._engine.connect().execution_options(**options) as connection, connection.begin():
            if self._schema is not None and writes:
                # For this transaction; SQLite's connections are told when they begin.
                limit = {"limit": f"{round(1000 * wait_s)}ms"}
                connection.execute(text("SELECT set_config('lock_timeout', :limit, true)"), limit)
            return work(connection)

    def _get_ready(self, wait_s: float, answer_s: float) -> None:
        """Migrate, once in the life of this object and of the file; a look suffices otherwise."""
        with self._getting_ready:
            self._look_at_file()
            if self._ready:
                return
            if (file := self._location.file) is not None:
                file.parent.mkdir(parents=True, exist_ok=True)
            schema = self._schema
            if self._existing and not (
                self._within(lambda c: is_there(c, schema), writes=False, wait_s=wait_s, answer_s=answer_s)
                if file is None
                else _holds_ledger(file)
            ):
                raise NoLedgerError("no ledger is in it, and none is made: name another database or file")
            look = self._within(
                lambda c: is_current(c, schema), writes=False, wait_s=wait_s, answer_s=answer_s
            )
            if not look:
                self._within(
                    lambda c: migrate(c, schema),
                    writes=True,
                    wait_s=MIGRATION_WAIT_S,
                    answer_s=MIGRATION_WAIT_S,
                )
            self._file = self._file_now()
            self._ready = True

    def _look_at_file(self) -> None:
        """A file that was replaced or deleted is still written to by who has it open, and read by nobody."""
        if self._file is None or self._file == (now := self._file_now()):
            return
        was = "deleted" if now is None else "replaced" if now[:2] != self._file[:2] else "overwritten"
        self.notices.append(
            f"{self._location.safe_url} was {was}: what it held is not in the ledger any more"
        )
        self.made_anew += 1
        self._file = None
        self._ready = False
        self.dispose()

    def _file_now(self) -> FileIdentity | None:
        """What tells the file at the ledger's path from every other; ``None`` where there is none."""
        if self._location.file is None:
            return None
        try:
            found = self._location.file.stat()
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino, _is_whole(self._location.file)


def _is_whole(file: Path) -> bool:
    """Whether it is a database for who opens it now: who has it open goes on with what he holds in memory.

    It is asked through SQLite: opening the file past it would free the locks that this process has on it.
    """
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=rw", timeout=0, uri=True)) as fresh:
            fresh.execute("SELECT 1 FROM sqlite_master LIMIT 1").close()
    except sqlite3.OperationalError:
        return True  # locked, or its directory cannot be written: it may be whole
    except sqlite3.DatabaseError:
        return False
    return True


def _holds_ledger(file: Path) -> bool:
    """Asked by a connection that only reads: the engine's own would change the journal of a foreign file."""
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", timeout=WAIT_S, uri=True)) as fresh:
        return bool(fresh.execute("SELECT 1 FROM sqlite_master WHERE name = ?", [VERSION_TABLE]).fetchone())


def _nothing(_: Connection) -> None:
    """Connecting is what is tried."""


_HINTS: Final = {
    "database is locked": "another process has held it for longer than the ledger waits",
    "file is not a database": "move the file away and a new ledger is made in its place",
    "malformed": "the file is damaged: move it away and a new ledger is made in its place",
    "readonly database": "the file or its directory cannot be written",
    "read-only transaction": "the server, or the role, may only read",
    "unable to open database file": "its directory must exist and be writable",
    "permission denied for database": "the role needs CREATE on the database, or a schema of its own",
    "disk is full": "make room on its disk",
    "disk I/O error": "its disk is full, failing, or away",
    "no answer within": "the server hangs, or the network to it is gone",
}


def _hint(cause: str) -> str:
    """What to do about the commonest causes."""
    return next((f" ({hint})" for sign, hint in _HINTS.items() if sign in cause), "")
