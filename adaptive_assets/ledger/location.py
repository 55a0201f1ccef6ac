"""Where the ledger is kept: its URL, and how to speak of it without giving its secrets away."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import quote, quote_plus

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from adaptive_assets.ledger.errors import LedgerError

FILE_NAME: Final = "adaptive_ledger.db"
MASK: Final = "***"
HARMLESS: Final = frozenset(
    {
        "application_name",
        "connect_timeout",
        "host",
        "hostaddr",
        "mode",
        "port",
        "sslmode",
        "target_session_attrs",
        "timeout",
        "uri",
    }
)
"""The query parameters whose values may be shown; whatever else a URL carries is taken for a secret."""


@dataclass(frozen=True, slots=True)
class Location:
    """A parsed ledger URL.  Only ``safe_url`` is fit for logs, and only it shows in the ``repr``."""

    url: URL = field(repr=False)
    safe_url: str
    secrets: tuple[str, ...] = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> "Location":
        """Read the URL of a SQLite file or a PostgreSQL database; :class:`LedgerError` for anything else."""
        try:
            parsed = make_url(text)
        except (ArgumentError, ValueError):
            parsed = None
        # Raised out here, so that the library's exception, which may quote the URL, is not chained to it.
        if parsed is None:
            raise LedgerError(
                "the ledger's URL cannot be read: write sqlite:////path/to/file or postgresql://…"
            )
        url = _normalised(parsed)
        return cls(url, _safe_url(url), _secrets(url))

    @property
    def is_sqlite(self) -> bool:
        """Whether the ledger is a SQLite file."""
        return self.url.drivername == "sqlite"

    @property
    def file(self) -> Path | None:
        """The SQLite file; ``None`` on PostgreSQL, or where SQLite is given a ``file:`` URI of its own."""
        database = self.url.database
        return Path(database) if self.is_sqlite and database and not database.startswith("file:") else None

    @property
    def timeout(self) -> float | None:
        """How many seconds the URL of a SQLite file says to wait for a lock; ``None`` if it does not."""
        given = self.url.query.get("timeout") if self.is_sqlite else None
        return None if given is None else float(str(given))

    def mask(self, text: str) -> str:
        """``text`` without the secrets of the URL, should a driver have put them there."""
        for secret in self.secrets:
            text = text.replace(secret, MASK)
        return text


def at_home(text: str, home: Path) -> str:
    """The URL ``text``, in which the relative path of a file is made a whole one as that of a policy file is.

    It is looked for in ``home``, the Dagster home, then in the working directory.  A file that is not there
    yet is to be made in ``home``, where every process of the deployment finds it.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        return text  # what is wrong with it is for `Location.parse` to say
    path = url.database
    if url.get_backend_name() != "sqlite" or not path or path == ":memory:" or path.startswith("file:"):
        return text
    here = not (home / path).exists() and Path(path).exists()
    whole = Path(path).absolute() if here else home.absolute() / path
    return url.set(database=str(whole)).render_as_string(hide_password=False)


def ledger_url(storage_url: str) -> str:
    """The ledger's URL beside an instance whose storage is at ``storage_url``: the same PostgreSQL database.

    Dagster's SQLite storage is a directory of files: use :func:`sqlite_ledger_url` there.
    """
    if Location.parse(storage_url).is_sqlite:
        raise LedgerError(
            "beside a SQLite storage the ledger is a file of its own: name its directory instead"
        )
    return storage_url


def sqlite_ledger_url(directory: Path) -> str:
    """The URL of the ledger's SQLite file in ``directory``, which need not exist yet."""
    file = str(directory.absolute() / FILE_NAME)
    url = URL.create("sqlite", database=file).render_as_string()
    if make_url(url).database != file:
        # SQLAlchemy before 2.1 does not escape a `?`.
        raise LedgerError(f"`{directory}` cannot be written in a URL: keep the ledger elsewhere")
    return url


def _normalised(url: URL) -> URL:
    """With the driver that Dagster installs (a bare ``postgresql://`` means psycopg 3 to newer SQLAlchemy)

    and, for a file, its whole path.
    """
    backend = url.get_backend_name()
    if backend in {"postgresql", "postgres"}:
        if "@" in (url.host or "") or "@" in (url.database or ""):
            raise LedgerError(
                "the ledger's URL has an `@` too many: in a user name or password write it as `%40`"
            )
        return url.set(drivername="postgresql+psycopg2")
    if backend != "sqlite":
        raise LedgerError(f"the ledger can be kept in SQLite or PostgreSQL, not in `{backend}`")
    if not url.database or url.database == ":memory:":
        raise LedgerError("the ledger needs a file that several processes can open: sqlite:////path/to/file")
    _check_sqlite_settings(url)
    in_full = url.database if url.database.startswith("file:") else str(Path(url.database).absolute())
    return url.set(drivername="sqlite", database=in_full)


def _check_sqlite_settings(url: URL) -> None:
    """What SQLite would ignore is refused: a ``mode=ro`` that has no effect is worse than none."""
    known = {"timeout", "uri", "mode", "immutable"} if url.query.get("uri") == "true" else {"timeout"}
    if unknown := sorted(set(url.query) - known):
        raise LedgerError(
            f"the ledger's URL sets `{unknown[0]}`, which has no effect: a file takes `timeout` (in seconds)"
            " and, with a `file:` path and `uri=true`, also `mode` and `immutable`"
        )
    timeout = str(url.query.get("timeout", "0"))
    if not timeout.replace(".", "", 1).isdecimal():
        raise LedgerError(f"the `timeout` of the ledger's URL is a number of seconds, not `{timeout}`")


def _safe_url(url: URL) -> str:
    shown = {key: value if key in HARMLESS else MASK for key, value in url.query.items()}
    return url.set(query=shown).render_as_string(hide_password=True).replace(quote(MASK), MASK)


def _secrets(url: URL) -> tuple[str, ...]:
    """Every spelling of every secret in ``url``, the longest first so that none hides a part of another."""
    found = {str(url.password)} if url.password else set()
    for key, value in url.query.items():
        if key not in HARMLESS:
            found.update([value] if isinstance(value, str) else value)
    spellings = {spelt for secret in found for spelt in (secret, quote(secret, safe=""), quote_plus(secret))}
    return tuple(sorted(spellings - {""}, key=lambda secret: (-len(secret), secret)))
