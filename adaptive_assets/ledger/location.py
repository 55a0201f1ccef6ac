"""Where the ledger is kept: its URL, and how to speak of it without giving its secrets away."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote, quote_plus

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from adaptive_assets.ledger.errors import LedgerError

__all__ = ["Location", "ledger_url", "sqlite_ledger_url"]

FILE_NAME: Final = "adaptive_ledger.db"
MASK: Final = "***"
HARMLESS: Final = frozenset(
    "application_name connect_timeout host hostaddr mode port sslmode target_session_attrs timeout uri".split()
)
"""The query parameters whose values may be shown; whatever else a URL carries is taken for a secret."""


@dataclass(frozen=True, slots=True, repr=False)
class Location:
    """A parsed ledger URL.  ``safe_url`` is fit for logs; ``url`` is not."""

    url: URL
    secrets: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> "Location":
        """Read a URL of SQLite (a file) or PostgreSQL; :class:`LedgerError` for anything else."""
        try:
            url = make_url(text)
        except (ArgumentError, ValueError):
            url = None
        if url is None:
            raise LedgerError(
                "the ledger's URL cannot be read; write sqlite:////path/to/file or postgresql://…"
            )
        backend = url.get_backend_name()
        if backend in ("postgresql", "postgres"):
            return cls(_postgresql(url), _secrets(url))
        if backend == "sqlite":
            return cls(_sqlite(url), _secrets(url))
        raise LedgerError(f"the ledger can be kept in SQLite or PostgreSQL, not in {backend!r}")

    @property
    def is_sqlite(self) -> bool:
        """Whether the ledger is a SQLite file."""
        return self.url.get_backend_name() == "sqlite"

    @property
    def file(self) -> Path | None:
        """The SQLite file; ``None`` on PostgreSQL, or where SQLite is given a ``file:`` URI of its own."""
        database = self.url.database
        return Path(database) if self.is_sqlite and database and not database.startswith("file:") else None

    @property
    def safe_url(self) -> str:
        """The URL with its password and every query value that could be a secret masked."""
        shown = {key: value if key in HARMLESS else MASK for key, value in self.url.query.items()}
        return self.url.set(query=shown).render_as_string(hide_password=True).replace("%2A%2A%2A", MASK)

    def mask(self, text: str) -> str:
        """``text`` without the secrets of the URL, should a driver have put them there."""
        for secret in self.secrets:
            text = text.replace(secret, MASK)
        return text

    def __repr__(self) -> str:
        return f"Location({self.safe_url!r})"


def ledger_url(storage_url: str) -> str:
    """The ledger's URL beside an instance whose storage is at ``storage_url``: the same PostgreSQL database.

    Dagster's SQLite storage is a directory of files: use :func:`sqlite_ledger_url` there.
    """
    if Location.parse(storage_url).is_sqlite:
        raise LedgerError(
            "beside a SQLite storage the ledger is a file of its own: give its directory instead"
        )
    return storage_url


def sqlite_ledger_url(directory: Path) -> str:
    """The URL of the ledger's SQLite file in ``directory``, which need not exist yet."""
    return URL.create("sqlite", database=str(directory.absolute() / FILE_NAME)).render_as_string()


def _postgresql(url: URL) -> URL:
    """With the driver that Dagster installs: a bare ``postgresql://`` means psycopg 3 to newer SQLAlchemy."""
    if "@" in (url.host or "") or "@" in (url.database or ""):
        raise LedgerError(
            "the ledger's URL has an `@` too many; write one in a user name or password as `%40`"
        )
    return url.set(drivername="postgresql+psycopg2")


def _sqlite(url: URL) -> URL:
    if not url.database or url.database == ":memory:":
        raise LedgerError("the ledger needs a file that several processes can open: sqlite:////path/to/file")
    if url.database.startswith("file:"):
        return url.set(drivername="sqlite")
    return url.set(drivername="sqlite", database=str(Path(url.database).absolute()))


def _secrets(url: URL) -> tuple[str, ...]:
    """Every spelling of every secret in ``url``, longest first so that none hides a part of another."""
    found: set[str] = {str(url.password)} if url.password else set()
    for key, value in url.query.items():
        if key not in HARMLESS:
            found.update([value] if isinstance(value, str) else value)
    spellings = {spelt for secret in found for spelt in (secret, quote(secret, safe=""), quote_plus(secret))}
    return tuple(sorted(spellings - {""}, key=lambda secret: (-len(secret), secret)))
