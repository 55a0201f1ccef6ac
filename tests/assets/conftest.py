"""What the tests of the data side share."""

from collections.abc import Iterator

import pytest
from dagster._core.definitions.definitions_load_context import DefinitionsLoadContext


@pytest.fixture(autouse=True)
def _not_in_a_run() -> Iterator[None]:
    """Loading a job as its run does makes Dagster take the whole process for that of a run."""
    DefinitionsLoadContext._instance = None
    yield
    DefinitionsLoadContext._instance = None
