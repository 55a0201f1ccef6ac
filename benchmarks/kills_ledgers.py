"""The ledger of a deployment under the campaign: what it holds of launches, and what may befall it."""

import random
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from sqlalchemy import NullPool, create_engine, text
from sqlalchemy.exc import DBAPIError
from typing_extensions import override

from benchmarks.kills_processes import LIMIT
from benchmarks.kills_proxy import Door
from tools.postgres import connect, database_name

__all__ = ["FAULTS", "Launched", "PostgresLedger", "SqliteLedger"]

SCHEMA: Final = "adaptive_assets"
LAUNCHES: Final = (
    "SELECT id, run_id, mode FROM {} WHERE run_id IS NOT NULL AND verdict IN ('launch', 'degrade')"
)
GARBAGE_BYTES: Final = 100_000
SQLITE_MAGIC: Final = b"SQLite format 3\x00"


class Launched(NamedTuple):
    """A recorded decision to launch."""

    decision: int
    run_id: str
    mode: str


class _Ledger:
    """``before`` holds the launches that were recorded in ledgers which are no more."""

    faults: Mapping[str, Callable[[], Iterator[None]]]

    def __init__(self, url: str) -> None:
        self.url = url
        self.before: list[list[Launched]] = []

    def launches(self) -> list[list[Launched]]:
        """The decisions to launch, in each ledger that there was; none where nothing can be read."""
        return [*self.before, self._now()]

    def _now(self) -> list[Launched]:
        raise NotImplementedError

    @contextmanager
    def at_fault(self, fault: str) -> Iterator[None]:
        """Within the block the ledger has this ``fault``."""
        yield from self.faults[fault]()


class SqliteLedger(_Ledger):
    """The file ``adaptive_ledger.db``; it need not exist yet."""

    def __init__(self, home: Path) -> None:
        self._file = home / "ledger" / "adaptive_ledger.db"
        self._file.parent.mkdir()
        self._limit = home / LIMIT
        self._aside = 0
        super().__init__(f"sqlite:///{self._file}")
        self.faults = {
            "locked": self._locked,
            "read-only": lambda: self._limited("query_only = ON"),
            "disk full": lambda: self._limited("max_page_count = 1"),
            "deleted": self._deleted,
            "replaced": self._replaced,
            "garbage": self._garbage,
        }

    @override
    def _now(self) -> list[Launched]:
        return _in_file(self._file)

    def _locked(self) -> Iterator[None]:
        with closing(sqlite3.connect(self._file, timeout=30, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            yield
            other.execute("ROLLBACK")

    def _limited(self, pragma: str) -> Iterator[None]:
        self._limit.write_text(pragma)
        try:
            yield
        finally:
            self._limit.unlink()

    def _deleted(self) -> Iterator[None]:
        self._put_aside()
        yield

    def _replaced(self) -> Iterator[None]:
        """By an earlier copy of itself, as a restored backup is."""
        earlier = self._file.with_name("earlier.db")
        with (
            closing(sqlite3.connect(self._file, timeout=30)) as now,
            closing(sqlite3.connect(earlier)) as copy,
        ):
            now.backup(copy)
        self._put_aside()
        earlier.replace(self._file)
        yield

    def _garbage(self) -> Iterator[None]:
        """Overwritten in its place, under its lock so that nothing is written in between.

        Whoever operates it takes the file away in the end, if nobody else did.
        """
        noise = random.Random(1).randbytes(GARBAGE_BYTES)
        with closing(sqlite3.connect(self._file, timeout=30, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            self.before.append(_in_file(self._file))
            for part in (self._file, Path(f"{self._file}-wal")):
                with part.open("r+b") as file:
                    file.truncate()
                    file.write(noise)
        yield
        if not self._is_a_database():
            self._put_aside(read=False)

    def _is_a_database(self) -> bool:
        if not self._file.exists():
            return False
        with self._file.open("rb") as file:
            return file.read(len(SQLITE_MAGIC)) == SQLITE_MAGIC

    def _put_aside(self, *, read: bool = True) -> None:
        """Out of the way of those who look for it, and read at once: what comes later is lost."""
        self._aside += 1
        aside = self._file.with_name(f"aside-{self._aside}.db")
        for suffix in ("", "-wal", "-shm"):
            part = Path(f"{self._file}{suffix}")
            if part.exists():
                part.rename(f"{aside}{suffix}")
        if read:
            self.before.append(_in_file(aside))


class PostgresLedger(_Ledger):
    """The schema in the database at ``url``, to which the deployment comes through a door."""

    def __init__(self, url: str, door: Door) -> None:
        host, _, database = url.rpartition("@")
        super().__init__(f"{host}@127.0.0.1:{door.port}/{database.partition('/')[2]}")
        self._direct = url
        self._door = door
        self.faults = {
            "locked": self._locked,
            "read-only": self._read_only,
            "disk full": self._full,
            "deleted": self._deleted,
            "stopped": self._stopped,
            "frozen": self._frozen,
        }

    @override
    def _now(self) -> list[Launched]:
        return _of_url(self._direct, f"{SCHEMA}.decisions")

    def _locked(self) -> Iterator[None]:
        with closing(connect(self._direct)) as other, other.cursor() as cursor:
            cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", (SCHEMA,))
            tables = ", ".join(f'{SCHEMA}."{name}"' for (name,) in cursor.fetchall())
            cursor.execute(f"LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE")
            yield
            other.rollback()

    def _read_only(self) -> Iterator[None]:
        setting = f'ALTER DATABASE "{database_name(self._direct)}" SET default_transaction_read_only = '
        self._do(f"{setting} on")
        self._break_off()
        yield
        self._do("SET default_transaction_read_only = off", f"{setting} off")
        self._break_off()

    def _full(self) -> Iterator[None]:
        """Every new row is refused with the error of a full disk."""
        tables = ("cycles", "decisions", "arrivals", "readings", "usages", "faults")
        self._do(
            f"CREATE FUNCTION {SCHEMA}.full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100';"
            " END $$",
            *(
                f"CREATE TRIGGER full_disk BEFORE INSERT ON {SCHEMA}.{table}"
                f" FOR EACH STATEMENT EXECUTE FUNCTION {SCHEMA}.full_disk()"
                for table in tables
            ),
        )
        yield
        self._do(f"DROP FUNCTION {SCHEMA}.full_disk() CASCADE")

    def _deleted(self) -> Iterator[None]:
        """Read and dropped in one transaction, so that nothing is written in between."""
        with closing(connect(self._direct)) as other, other, other.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {SCHEMA}.decisions IN ACCESS EXCLUSIVE MODE")
            cursor.execute(LAUNCHES.format(f"{SCHEMA}.decisions"))
            self.before.append([Launched(*row) for row in cursor.fetchall()])
            cursor.execute(f"DROP SCHEMA {SCHEMA} CASCADE")
        yield

    def _stopped(self) -> Iterator[None]:
        self._door.shut()
        try:
            yield
        finally:
            self._door.open()

    def _frozen(self) -> Iterator[None]:
        self._door.freeze()
        try:
            yield
        finally:
            self._door.thaw()

    def _break_off(self) -> None:
        self._do(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

    def _do(self, *statements: str) -> None:
        with closing(connect(self._direct)) as connection, connection.cursor() as cursor:
            connection.autocommit = True
            for statement in statements:
                cursor.execute(statement)


FAULTS: Final[Mapping[str, Mapping[str, float]]] = {
    "sqlite": {
        "locked": 60.0,
        "read-only": 15.0,
        "disk full": 15.0,
        "deleted": 15.0,
        "replaced": 15.0,
        "garbage": 15.0,
    },
    "postgres": {
        "locked": 15.0,
        "read-only": 15.0,
        "disk full": 15.0,
        "deleted": 15.0,
        "stopped": 60.0,
        "frozen": 60.0,
    },
}
"""By storage, the faults and for how many seconds they last."""


def _in_file(file: Path) -> list[Launched]:
    return _of_url(f"sqlite:///{file}", "decisions") if file.exists() else []


def _of_url(url: str, table: str) -> list[Launched]:
    engine = create_engine(url, poolclass=NullPool)
    try:
        with engine.connect() as connection:
            return [Launched(*row) for row in connection.execute(text(LAUNCHES.format(table)))]
    except DBAPIError:
        return []  # then every launch lacks its decision, and the audit says so
    finally:
        engine.dispose()
