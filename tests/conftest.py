"""What every test may ask for: real PostgreSQL databases and real Dagster instances.

Nothing here is skipped: where the server cannot start, the tests that need it fail and say why.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from hypothesis import settings

from tools.postgres import PostgresServer, postgres_server

# The same examples on every run, or a change could fail for what it did not touch. To search for others, and
# for ten times as many: pytest --hypothesis-profile=thorough. Without deadlines: a machine may be busy.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("thorough", max_examples=1000, deadline=None)
settings.load_profile("repeatable")

IN_MEMORY = Path("/dev/shm")
"""The file system in memory that Linux has."""
ROOM = 4 * 2**30
"""What it must have free, in bytes; containers often have 64 MiB."""

STORAGE = "storage"
"""The folder of a home in which SQLite keeps its files."""

MakeInstance = Callable[..., dg.DagsterInstance]


def pytest_configure(config: pytest.Config) -> None:
    """Keep temporary files in memory where there is room: many tests wait mostly for SQLite's fsync.

    ``--basetemp`` or ``PYTEST_DEBUG_TEMPROOT`` name another place.
    """
    given = config.getoption("basetemp") or "PYTEST_DEBUG_TEMPROOT" in os.environ
    fits = os.access(IN_MEMORY, os.W_OK | os.X_OK) and shutil.disk_usage(IN_MEMORY).free >= ROOM
    if fits and not given:
        os.environ["PYTEST_DEBUG_TEMPROOT"] = str(IN_MEMORY)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One PostgreSQL server for the session, started by the first test that needs it."""
    with postgres_server() as server:
        yield server


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> Iterator[str]:
    """The URL (``postgresql+psycopg2://…``, with a password) of an empty database of the test's own."""
    url = postgres.create_database()
    yield url
    postgres.drop_database(url)


@pytest.fixture(scope="session")
def dagster_database(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database with Dagster's empty tables, to be copied: making the tables takes longer than a copy."""
    url = postgres.create_database()
    make_tables(write_dagster_home(tmp_path_factory.mktemp("template"), storage=postgres_storage(url)))
    return url


@pytest.fixture(scope="session")
def dagster_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of SQLite files with Dagster's empty tables, to be copied for the same reason."""
    home = write_dagster_home(tmp_path_factory.mktemp("template"))
    make_tables(home)
    return home / STORAGE


@pytest.fixture
def make_instance(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MakeInstance]:
    """Make real instances: ``make_instance(postgres=False, **sections)`` returns one with a home of its own.

    ``sections`` replace or extend those of the ``dagster.yaml`` written by `write_dagster_home`, such as
    ``run_coordinator={"module": …, "class": …, "config": …}``. The home is ``instance.root_directory``, and
    DAGSTER_HOME that of the last one made, for the child processes that look for it.
    """
    with ExitStack() as stack:

        def make(*, postgres: bool = False, **sections: Any) -> dg.DagsterInstance:
            if postgres:
                server: PostgresServer = request.getfixturevalue("postgres")
                url = server.create_database(template=request.getfixturevalue("dagster_database"))
                stack.callback(server.drop_database, url)
                sections.setdefault("storage", postgres_storage(url))
            number = len(list(tmp_path.glob("dagster_home*")))
            home = write_dagster_home(tmp_path / f"dagster_home{number or ''}", **sections)
            if "storage" not in sections:
                shutil.copytree(request.getfixturevalue("dagster_files"), home / STORAGE)
            monkeypatch.setenv("DAGSTER_HOME", str(home))
            return stack.enter_context(dg.DagsterInstance.from_config(str(home)))

        yield make


@pytest.fixture
def instance_sqlite(make_instance: MakeInstance) -> dg.DagsterInstance:
    """A Dagster instance on SQLite, with the stock run queue."""
    return make_instance()


@pytest.fixture
def instance_postgres(make_instance: MakeInstance) -> dg.DagsterInstance:
    """A Dagster instance on a PostgreSQL database of its own, with the stock run queue."""
    return make_instance(postgres=True)


@pytest.fixture(params=["sqlite", "postgres"])
def instance(request: pytest.FixtureRequest, make_instance: MakeInstance) -> dg.DagsterInstance:
    """A Dagster instance on each storage in turn."""
    return make_instance(postgres=request.param == "postgres")


def make_tables(home: Path) -> None:
    """Have Dagster make its tables in the storage that ``home`` names."""
    with dg.DagsterInstance.from_config(str(home)) as instance:
        instance.get_runs_count()
        instance.all_asset_keys()
        instance.all_instigator_state()


def postgres_storage(url: str) -> dict[str, Any]:
    """The ``storage`` section of ``dagster.yaml`` for a PostgreSQL database."""
    return {"postgres": {"postgres_url": url}}


def write_dagster_home(home: Path, **sections: Any) -> Path:
    """Write ``dagster.yaml`` into ``home``: the project's settings at a test's pace, then ``sections``."""
    settings: dict[str, Any] = {
        "storage": {"sqlite": {"base_dir": str(home / STORAGE)}},
        "run_coordinator": {
            "module": "dagster",
            "class": "QueuedRunCoordinator",
            "config": {"dequeue_interval_seconds": 1},
        },
        "run_monitoring": {
            "enabled": True,
            "poll_interval_seconds": 2,
            "free_slots_after_run_end_seconds": 2,
        },
        "freshness": {"enabled": True},
        "telemetry": {"enabled": False},
        **sections,
    }
    home.mkdir(parents=True, exist_ok=True)
    (home / "dagster.yaml").write_text(yaml.safe_dump(settings, sort_keys=False))
    return home
