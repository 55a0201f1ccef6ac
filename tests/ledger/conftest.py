"""One behavioural suite over both databases: a test that uses ``url`` or ``ledger`` runs on each in turn."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from adaptive_assets.ledger import Ledger, sqlite_ledger_url

OpenLedger = Callable[..., Ledger]


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        return sqlite_ledger_url(tmp_path / "storage")
    postgres_url: str = request.getfixturevalue("postgres_url")
    return postgres_url


@pytest.fixture
def open_ledger() -> Iterator[OpenLedger]:
    """``Ledger.open``; what it opens is closed after the test."""
    with ExitStack() as stack:

        def open_(url: str, **options: Any) -> Ledger:
            ledger = Ledger.open(url, **options)
            stack.callback(ledger.dispose)
            return ledger

        yield open_


@pytest.fixture
def ledger(url: str, open_ledger: OpenLedger) -> Ledger:
    """A ledger in an empty database."""
    return open_ledger(url)
