"""Which URLs a ledger takes, and that its secrets never show."""

import traceback
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adaptive_assets.ledger import Ledger, LedgerError, at_home, ledger_url, sqlite_ledger_url
from adaptive_assets.ledger.location import Location


def test_the_ledger_shares_dagsters_postgresql_database() -> None:
    """The URL is handed on as it is."""
    url = "postgresql://dagster:s3cret@db:5432/dagster?sslmode=require"
    assert ledger_url(url) == url


@pytest.mark.parametrize(
    "url", ["sqlite:////home/runs.db", "mysql+mysqlconnector://u:s3cret@h/d", "nonsense"]
)
def test_other_storages_need_a_place_of_their_own(url: str) -> None:
    """A SQLite storage is a directory, and other databases are not supported."""
    with pytest.raises(LedgerError) as error:
        ledger_url(url)
    assert "s3cret" not in str(error.value)


def test_a_sqlite_ledger_is_a_file_in_its_directory(tmp_path: Path) -> None:
    """Whatever the directory is called."""
    directory = tmp_path / "with space & ünï@100%#"
    ledger = Ledger.open(sqlite_ledger_url(directory))
    ledger.record_catalogue(at=1.0, location="flights", digest="a", body="{}")
    ledger.dispose()
    assert (directory / "adaptive_ledger.db").is_file()


def test_a_relative_file_is_looked_for_in_the_home_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then in the working directory, as ever; a new one is made in the home."""
    home, work = tmp_path / "home", tmp_path / "work"
    for folder in (home, work):
        folder.mkdir()
    monkeypatch.chdir(work)
    given = "sqlite:///own.db?timeout=3"
    assert at_home(given, home) == f"sqlite:///{home}/own.db?timeout=3"
    (work / "own.db").touch()
    assert at_home(given, home) == f"sqlite:///{work}/own.db?timeout=3"
    (home / "own.db").touch()
    assert at_home(given, home) == f"sqlite:///{home}/own.db?timeout=3"


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:////var/ledger.db",
        "sqlite:///:memory:",
        "sqlite:///file:own.db?mode=ro&uri=true",
        "postgresql://me:s3cret%40@host/ledger?sslmode=require",
        "nonsense",
        "",
    ],
)
def test_other_urls_are_handed_on_as_they_are(url: str, tmp_path: Path) -> None:
    """What is wrong with one is told by who opens it."""
    assert at_home(url, tmp_path) == url


def test_a_relative_file_is_meant_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And stays there, should the process change its directory later."""
    monkeypatch.chdir(tmp_path)
    ledger = Ledger.open("sqlite:///ledger.db")
    monkeypatch.chdir("/")
    assert ledger.catalogues() == {}
    ledger.dispose()
    assert (tmp_path / "ledger.db").is_file()


@pytest.mark.parametrize(
    "url",
    ["postgresql://u@h/d", "postgres://u@h/d", "postgresql+psycopg://u@h/d", "postgresql+psycopg2://u@h/d"],
)
def test_postgresql_is_reached_by_the_driver_that_dagster_has(url: str) -> None:
    """However the URL names it."""
    assert Location.parse(url).safe_url == "postgresql+psycopg2://u@h/d"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "cannot be read"),
        ("nonsense", "cannot be read"),
        ("/var/lib/ledger.db", "cannot be read"),
        ("postgresql://u:p@h:port/d", "cannot be read"),
        ("mysql://u:p@h/d", "in SQLite or PostgreSQL, not in `mysql`"),
        ("sqlite://", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
        ("sqlite:////x.db?nonsense=1", "sets `nonsense`, which has no effect"),
        ("sqlite:////x.db?mode=ro", "sets `mode`, which has no effect"),
        ("sqlite:////x.db?timeout=soon", "a number of seconds, not `soon`"),
        ("sqlite:////x.db?timeout=1&timeout=2", "a number of seconds"),
        ("postgresql://u:p@ss@h/d", "an `@` too many"),
        ("postgresql://u:p@ss/word@h/d", "an `@` too many"),
    ],
)
def test_an_unfit_url_is_refused_at_once(url: str, message: str) -> None:
    """With what would be right, and without the URL itself."""
    with pytest.raises(LedgerError, match=message):
        Ledger.open(url)


def test_the_safe_url_shows_where_and_hides_what_is_secret() -> None:
    """Known harmless settings stay readable; anything else in the query may be a secret."""
    url = (
        "postgresql://me:s3cret@db:5432/dagster?sslmode=require&sslpassword=s3cret2&options=-c%20x%3Ds3cret3"
    )
    ledger = Ledger.open(url)
    assert ledger.safe_url == (
        "postgresql+psycopg2://me:***@db:5432/dagster?options=***&sslmode=require&sslpassword=***"
    )
    assert "s3cret" not in repr(ledger)
    assert "s3cret" not in repr(vars(ledger))
    assert "s3cret" not in repr(ledger._database._engine)


@given(secret=st.text(min_size=1).filter(lambda text: "*" not in text))
def test_no_secret_survives_masking(secret: str) -> None:
    """In any spelling that a driver might quote it in."""
    location = Location(Location.parse("postgresql://u@h/d").url.set(password=secret), "", (secret,))
    assert secret not in location.mask(f"could not connect with password={secret}")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:s3cr%2Ft%20x@127.0.0.1:1/d",
        "postgresql://me@127.0.0.1:1/d?password=s3cr%2Ft%20x",
        "postgresql://me@127.0.0.1:1/d?unknown_option=s3cr%2Ft%20x",
        "postgresql://me@127.0.0.1:1/d?sslmode=require&sslcert=s3cr%2Ft%20x&sslkey=s3cr%2Ft%20x",
        "postgresql://me@127.0.0.1:1/d?client_encoding=s3cr%2Ft%20x",
        "postgresql://me@127.0.0.1:1/d?gssencmode=s3cr%2Ft%20x",
    ],
)
def test_a_failure_to_connect_says_where_and_no_secret(url: str, caplog: pytest.LogCaptureFixture) -> None:
    """Neither in the message, nor in anything chained to it, nor in a log."""
    caplog.set_level("DEBUG")
    with pytest.raises(LedgerError, match=r"cannot read the status in postgresql\+psycopg2://me") as caught:
        Ledger.open(url).latest_status()
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    told = [*traceback.format_exception(caught.value), repr(caught.value.args), caplog.text]
    spellings = ("s3cr/t x", "s3cr%2Ft%20x", "s3cr%2Ft+x", "s3cr")
    assert [text for text in told for spelling in spellings if spelling in text] == []


def test_a_wrong_password_is_not_told(postgres_url: str) -> None:
    """A real server refuses it; its name and the user's are in the message, the password is not."""
    url = Location.parse(postgres_url).url.set(password="s3cret").render_as_string(hide_password=False)
    with pytest.raises(LedgerError, match="password authentication failed") as caught:
        Ledger.open(url).recent_decisions()
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))


def test_a_fault_does_not_carry_the_ledgers_secret_into_its_rows(postgres_url: str) -> None:
    """Someone else's message may quote the URL."""
    ledger = Ledger.open(postgres_url)
    ledger.record_fault(at=1.0, node="a", part="storage", message=f"cannot reach {postgres_url}")
    (fault,) = ledger.latest_status().faults
    ledger.dispose()
    assert fault.message.startswith("cannot reach postgresql+psycopg2://postgres:***@127.0.0.1")
