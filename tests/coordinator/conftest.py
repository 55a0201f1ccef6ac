"""Deployments inside the test's process."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import MakeInstance
from tests.coordinator.world import CODE, IDLE, LAUNCHER, World, coordinator_section, open_world

MakeWorld = Callable[..., World]


@pytest.fixture
def make_world(make_instance: MakeInstance, tmp_path: Path) -> Iterator[MakeWorld]:
    """``make_world(policies, postgres=False, config={…}, code="…", **sections)``: a deployment of them."""
    with ExitStack() as stack:

        def make(
            policies: str = IDLE,
            *,
            postgres: bool = False,
            config: dict[str, Any] | None = None,
            code: str = CODE,
            **sections: Any,
        ) -> World:
            file = tmp_path / "policies.yaml"
            file.write_text(policies)
            instance = make_instance(
                postgres=postgres,
                run_coordinator=coordinator_section(file, **(config or {})),
                run_launcher=LAUNCHER,
                **sections,
            )
            return stack.enter_context(open_world(instance, tmp_path, file, code))

        yield make


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """A deployment on SQLite in which every run fits."""
    return make_world()
