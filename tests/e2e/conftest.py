"""Deployments for the end-to-end tests: one on SQLite shared by the module, one on PostgreSQL for crashes."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.conftest import postgres_storage, write_dagster_home
from tests.e2e.stack import POLICIES, MakeStack, Stack, adaptive
from tools.postgres import PostgresServer


@pytest.fixture(scope="module")
def make_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeStack]:
    """Make deployments that are stopped at the end of the module, whatever happens."""
    with ExitStack() as stopping:

        def make(policies: str = POLICIES, storage_url: str | None = None, **sections: Any) -> Stack:
            home = tmp_path_factory.mktemp("home")
            steering = tmp_path_factory.mktemp("steering")
            (home / "policies.yaml").write_text(policies)
            if storage_url is not None:
                sections["storage"] = postgres_storage(storage_url)
            write_dagster_home(home, **{"run_coordinator": adaptive(home), **sections})
            stack = Stack(home, steering)
            stopping.callback(stack.stop)
            return stack

        yield make


@pytest.fixture(scope="module")
def module_postgres_url(postgres: PostgresServer) -> Iterator[str]:
    """The URL of a database that lives as long as the module's tests."""
    url = postgres.create_database()
    yield url
    postgres.drop_database(url)
